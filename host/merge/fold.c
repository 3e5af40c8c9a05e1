/* Merges parts from the first to the last: each step makes one of what was merged so far and the next part. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "clattn_cl.h"
#include "device/launch.h"
#include "device/ledger.h"
#include "merge/merge.h"
#include "problem/kernel_arguments.h"
#include "problem/merging.h"
#include "problem/shape.h"

/* What steps between the first and the last need: their results, in float. The log-sum-exps take turns, for a step may
 * not write those that it reads. */
typedef struct between {
  cl_mem context, lse[2], offsets;
} between;

/* One side of a step. */
typedef struct side {
  cl_mem context, lse;
  clattn_type type;
} side;

clattn_status clattn_merge_allocate(const clattn_device *device, const char *what, size_t bytes, cl_mem *buffer,
                                    clattn_error *error) {
  const char *name = device->info.name;
  cl_int code = CL_SUCCESS;
  if (bytes > device->info.max_allocation_bytes)
    return clattn_fail(error, CLATTN_OUT_OF_DEVICE_MEMORY, "%s takes %zu bytes; '%s' allows %llu in one buffer", what,
                       bytes, name, (unsigned long long)device->info.max_allocation_bytes);
  if (bytes > clattn_ledger_left(device))
    return clattn_fail(error, CLATTN_OUT_OF_DEVICE_MEMORY, "%s takes %zu bytes; %llu of '%s' are left", what, bytes,
                       (unsigned long long)clattn_ledger_left(device), name);
  *buffer = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
  if (code == CL_SUCCESS) return CLATTN_OK;
  return clattn_fail_cl(error, code, "allocating %zu bytes for %s on '%s'", bytes, what, name);
}

static clattn_status create_offsets(const clattn_device *device, const clattn_merging *m, cl_mem *offsets,
                                    clattn_error *error) {
  const size_t bytes = (m->batch + 1) * sizeof(cl_int);
  cl_int code = CL_SUCCESS;
  if (m->query_offsets == NULL) return CLATTN_OK;
  *offsets = clCreateBuffer(device->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes,
                            (void *)(uintptr_t)m->query_offsets, &code);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "allocating %zu bytes for query_offsets", bytes);
}

static clattn_status create_between(const clattn_device *device, const clattn_parts_on_device *parts, between *b,
                                    clattn_error *error) {
  const size_t elements = clattn_tensor_elements(parts->problem, CLATTN_CONTEXT);
  const size_t lse_bytes = clattn_merging_lse_bytes(parts->problem);
  clattn_status status = create_offsets(device, parts->merging, &b->offsets, error);
  if (parts->count > 2 && status == CLATTN_OK)
    status = clattn_merge_allocate(device, "a context of some parts", elements * sizeof(float), &b->context, error);
  for (size_t i = 0; i < 2 && parts->count > 2 + i && status == CLATTN_OK; ++i)
    status = clattn_merge_allocate(device, "log-sum-exps of some parts", lse_bytes, &b->lse[i], error);
  return status;
}

/* Enqueued commands keep what they use. */
static void release(const between *b) {
  const cl_mem buffers[] = {b->context, b->lse[0], b->lse[1], b->offsets};
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; ++i)
    if (buffers[i] != NULL) clReleaseMemObject(buffers[i]);
}

static clattn_status step(clattn_queue *queue, const clattn_merge_kernel *kernel, const clattn_problem *p,
                          const side *left, const side *right, const side *result, cl_mem offsets,
                          clattn_error *error) {
  const merging m = {.context = clattn_kernel_strides(clattn_tensor_strides(p, CLATTN_CONTEXT)),
                     .heads = (cl_int)p->heads,
                     .query_len = (cl_int)p->query_len,
                     .value_dim = (cl_int)p->value_dim,
                     .pairs = (cl_int)(p->batch * p->heads),
                     .a_type = clattn_kernel_type(left->type),
                     .b_type = clattn_kernel_type(right->type),
                     .type = clattn_kernel_type(result->type),
                     .parts = right->context != NULL ? 2 : 1};
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(left->context),
                                       CLATTN_ARGUMENT(left->lse),
                                       CLATTN_ARGUMENT(right->context),
                                       CLATTN_ARGUMENT(right->lse),
                                       CLATTN_ARGUMENT(result->context),
                                       CLATTN_ARGUMENT(result->lse),
                                       CLATTN_ARGUMENT(m),
                                       CLATTN_ARGUMENT(offsets)};
  const size_t size[3] = {p->value_dim, p->query_len, p->batch * p->heads};
  const clattn_status status =
      clattn_set_arguments(kernel->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
  if (status != CLATTN_OK) return status;
  return clattn_launch(queue, CLATTN_SLOT_NONE, kernel->kernel, &kernel->geometry, size, 0.0, error);
}

static clattn_status fold(clattn_queue *queue, const clattn_merge_kernel *kernel, const clattn_parts_on_device *parts,
                          const between *b, clattn_error *error) {
  const clattn_type type = parts->merging->type;
  const side merged = {parts->merged.context, parts->merged.lse, type};
  side left = {.type = type};
  clattn_part_buffers part;
  clattn_status status = parts->part(parts->of, queue, 0, &part, error);
  left.context = part.context;
  left.lse = part.lse;
  if (parts->count == 1 && status == CLATTN_OK)
    return step(queue, kernel, parts->problem, &left, &(side){.type = type}, &merged, b->offsets, error);
  for (size_t i = 1; i < parts->count && status == CLATTN_OK; ++i) {
    status = parts->part(parts->of, queue, i, &part, error);
    if (status != CLATTN_OK) return status;
    const side right = {part.context, part.lse, type}, so_far = {b->context, b->lse[(i - 1) % 2], CLATTN_F32};
    const side *result = i + 1 == parts->count ? &merged : &so_far;
    status = step(queue, kernel, parts->problem, &left, &right, result, b->offsets, error);
    left = so_far;
  }
  return status;
}

clattn_status clattn_fold(clattn_device *device, clattn_queue *queue, const clattn_merge_kernel *kernel,
                          const clattn_parts_on_device *parts, clattn_error *error) {
  between b = {.context = NULL};
  clattn_status status = create_between(device, parts, &b, error);
  if (status == CLATTN_OK) status = fold(queue, kernel, parts, &b, error);
  release(&b);
  return status;
}
