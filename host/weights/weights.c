/* clattn_weights: one upload of projection matrices and biases, in float, for many runs. */
#include "weights/weights.h"

#include <stdlib.h>

#include "base/sizes.h"
#include "base/status.h"
#include "device/ledger.h"
#include "device/process.h"
#include "problem/facts.h"
#include "problem/fused_order.h"
#include "problem/problem.h"
#include "problem/shape.h"
#include "problem/sized.h"
#include "problem/tensors.h"
#include "weights/panels.h"

/* Matrices are packed, and f16 and bf16 widened, in pieces of this many elements, so that host
 * memory stays small. */
#define PIECE_ELEMENTS ((size_t)1 << 18)

static size_t elements_of(const clattn_problem *problem, clattn_tensor tensor) {
  return clattn_is_weight(tensor) ? clattn_tensor_elements(problem, tensor) : 0;
}

/* ---- creating ---------------------------------------------------------------------------------------------------- */

static clattn_status write_floats(const clattn_weights *weights, clattn_tensor tensor, size_t first, size_t count,
                                  const float *from, clattn_error *error) {
  const cl_mem panels = weights->panels[tensor], to = panels != NULL ? panels : weights->tensor[tensor];
  const cl_int code = clEnqueueWriteBuffer(weights->device->queue, to, CL_TRUE, first * sizeof *from,
                                           count * sizeof *from, from, 0, NULL, NULL);
  if (code == CL_SUCCESS) return CLATTN_OK;
  return clattn_fail_cl(error, code, "uploading %s, %zu bytes", clattn_tensor_name(tensor), count * sizeof *from);
}

/* Elements first ... first + count of what the device holds. */
static void fill_piece(const clattn_weights *weights, clattn_tensor tensor, const void *from, size_t first,
                       size_t count, float *to) {
  const clattn_problem *p = &weights->problem;
  if (weights->panels[tensor] != NULL)
    clattn_panels_pack(p, tensor, from, first, count, to);
  else
    clattn_widen(p->type, (const char *)from + first * clattn_type_bytes(p->type), count, to);
}

static clattn_status write_pieces(const clattn_weights *weights, clattn_tensor tensor, const void *from, size_t count,
                                  clattn_error *error) {
  const size_t bytes = PIECE_ELEMENTS * sizeof(float);
  float *floats = malloc(bytes);
  if (floats == NULL) return clattn_fail_malloc(error, bytes, clattn_tensor_name(tensor));
  clattn_status status = CLATTN_OK;
  for (size_t first = 0; first < count && status == CLATTN_OK; first += PIECE_ELEMENTS) {
    const size_t now = clattn_smaller(count - first, PIECE_ELEMENTS);
    fill_piece(weights, tensor, from, first, now, floats);
    status = write_floats(weights, tensor, first, now, floats, error);
  }
  free(floats);
  return status;
}

static clattn_status create_buffer(const clattn_device *device, clattn_tensor tensor, size_t bytes, cl_mem *buffer,
                                   clattn_error *error) {
  const uint64_t most = device->info.max_allocation_bytes;
  cl_int code = CL_SUCCESS;
  if (bytes > most)
    return clattn_fail(error, CLATTN_OUT_OF_DEVICE_MEMORY, "%s takes %zu bytes; '%s' allows %llu in one buffer",
                       clattn_tensor_name(tensor), bytes, device->info.name, (unsigned long long)most);
  *buffer = clCreateBuffer(device->context, CL_MEM_READ_ONLY, bytes, NULL, &code);
  if (code == CL_SUCCESS) return CLATTN_OK;
  return clattn_fail_cl(error, code, "allocating %zu bytes for %s on '%s'", bytes, clattn_tensor_name(tensor),
                        device->info.name);
}

static size_t elements_held(const clattn_weights *weights, clattn_tensor tensor) {
  const clattn_problem *p = &weights->problem;
  const bool in_panels = elements_of(p, tensor) > 0 && clattn_panels_wanted(weights->device, p, tensor);
  return in_panels ? clattn_panels_elements(p, tensor) : elements_of(p, tensor);
}

static clattn_status create_placed(clattn_weights *weights, clattn_tensor tensor, const void *from,
                                   clattn_error *error) {
  const clattn_problem *p = &weights->problem;
  const bool in_panels = clattn_panels_wanted(weights->device, p, tensor);
  const size_t count = elements_held(weights, tensor);
  const clattn_status status = create_buffer(weights->device, tensor, count * sizeof(float),
                                             in_panels ? &weights->panels[tensor] : &weights->tensor[tensor], error);
  if (status != CLATTN_OK) return status;
  return p->type == CLATTN_F32 && !in_panels ? write_floats(weights, tensor, 0, count, from, error)
                                             : write_pieces(weights, tensor, from, count, error);
}

/* What is given in another order gets a copy side by side first. */
static clattn_status create_tensor(clattn_weights *weights, clattn_tensor tensor, const void *from,
                                   clattn_error *error) {
  const clattn_problem *p = &weights->problem;
  if (!clattn_is_reordered(p, tensor)) return create_placed(weights, tensor, from, error);
  const size_t bytes = clattn_input_bytes(p, tensor);
  void *placed = malloc(bytes);
  if (placed == NULL) return clattn_fail_malloc(error, bytes, clattn_tensor_name(tensor));
  clattn_place_side_by_side(p, tensor, from, placed);
  const clattn_status status = create_placed(weights, tensor, placed, error);
  free(placed);
  return status;
}

static clattn_status create_all(clattn_weights *weights, const clattn_inputs *inputs, clattn_error *error) {
  uint64_t bytes = 0;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    bytes += (uint64_t)elements_held(weights, (clattn_tensor)t) * sizeof(float);
  clattn_status status = clattn_ledger_take(weights->device, bytes, "a clattn_weights", error);
  if (status != CLATTN_OK) return status;
  weights->bytes = bytes;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t)
    if (elements_of(&weights->problem, (clattn_tensor)t) > 0)
      status = create_tensor(weights, (clattn_tensor)t, clattn_inputs_get(inputs, (clattn_tensor)t), error);
  return status;
}

/* Also a handle that was created only in part. */
static void release(clattn_weights *weights) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    for (int i = 0; i < 2; ++i) {
      const cl_mem buffer = (i == 0 ? weights->tensor : weights->panels)[t];
      if (buffer != NULL) clReleaseMemObject(buffer);
    }
  clattn_ledger_give(weights->device, weights->bytes);
  free(weights);
}

static clattn_status create(clattn_device *device, const clattn_problem *problem, const clattn_inputs *inputs,
                            clattn_weights **result, clattn_error *error) {
  clattn_weights *weights = calloc(1, sizeof *weights);
  if (weights == NULL) return clattn_fail_malloc(error, sizeof *weights, "a clattn_weights");
  weights->device = device;
  weights->problem = *problem;
  const clattn_status status = create_all(weights, inputs, error);
  if (status == CLATTN_OK)
    *result = weights;
  else
    release(weights);
  return status;
}

static clattn_status check_inputs(const clattn_problem *problem, const clattn_inputs *inputs, clattn_error *error) {
  if (!clattn_has_weights(problem))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "the problem has no projection matrices (q, k and v are given, and output_dim is 0)");
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (elements_of(problem, (clattn_tensor)t) > 0 && clattn_inputs_get(inputs, (clattn_tensor)t) == NULL)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "input %s is NULL; the problem has one",
                         clattn_tensor_name((clattn_tensor)t));
  return CLATTN_OK;
}

clattn_status clattn_weights_create(clattn_device *device, const clattn_problem *given,
                                    const clattn_inputs *given_inputs, clattn_weights **result, clattn_error *error) {
  clattn_problem problem;
  clattn_inputs inputs = CLATTN_INPUTS_INIT;
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the weights is NULL");
  *result = NULL;
  if (device == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device is NULL");
  clattn_status status = clattn_process_check(error);
  if (status == CLATTN_OK) status = clattn_take_problem(given, &problem, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_inputs, given_inputs, &inputs, error);
  if (status == CLATTN_OK) status = check_inputs(&problem, &inputs, error);
  if (status != CLATTN_OK) return status;
  status = create(device, &problem, &inputs, result, error);
  if (status == CLATTN_OUT_OF_DEVICE_MEMORY && clattn_device_release_kept(device))
    status = create(device, &problem, &inputs, result, error);
  return clattn_finish(error, status);
}

void clattn_weights_destroy(clattn_weights *weights) {
  if (weights == NULL || clattn_process_is_child()) return;
  clFinish(weights->device->queue); /* enqueued runs read the buffers */
  release(weights);
}

uint64_t clattn_weights_bytes(const clattn_weights *weights) {
  return weights->bytes;
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static clattn_status check_shape(const clattn_problem *has, const clattn_problem *wanted, clattn_tensor tensor,
                                 clattn_error *error) {
  size_t a[4] = {0}, b[4] = {0};
  const int rank = clattn_problem_shape(has, tensor, a);
  const char *name = clattn_tensor_name(tensor);
  if (rank != clattn_problem_shape(wanted, tensor, b))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the weights have %s %s, the problem has %s",
                       rank > 0 ? "a" : "no", name, rank > 0 ? "none" : "one");
  if (rank == 1 && a[0] != b[0])
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the weights have a %s of %zu, the problem's has %zu", name,
                       a[0], b[0]);
  if (rank == 2 && (a[0] != b[0] || a[1] != b[1]))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the weights have a %s of %zu x %zu, the problem's is %zu x %zu",
                       name, a[0], a[1], b[0], b[1]);
  return CLATTN_OK;
}

static clattn_status check_match(const clattn_problem *has, const clattn_problem *wanted, clattn_error *error) {
  const struct {
    const char *name;
    unsigned has, wanted;
  } fields[] = {{"type", (unsigned)has->type, (unsigned)wanted->type},
                {"layout", (unsigned)has->layout, (unsigned)wanted->layout},
                {"fused_qkv", has->fused_qkv, wanted->fused_qkv},
                {"fused_order", (unsigned)has->fused_order, (unsigned)wanted->fused_order},
                {"biases", has->biases, wanted->biases}};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; ++i)
    if (fields[i].has != fields[i].wanted)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the weights were made for a %s of %u, the problem has %u",
                         fields[i].name, fields[i].has, fields[i].wanted);
  clattn_status status = CLATTN_OK;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t)
    if (clattn_is_weight((clattn_tensor)t)) status = check_shape(has, wanted, (clattn_tensor)t, error);
  return status;
}

/* A second copy of a matrix that is in panels, as the problem lays it out. */
static clattn_status lay_out(clattn_weights *weights, clattn_tensor tensor, clattn_error *error) {
  const clattn_problem *p = &weights->problem;
  const size_t bytes = elements_of(p, tensor) * sizeof(float);
  cl_mem buffer = NULL;
  clattn_status status = clattn_ledger_take(weights->device, bytes, clattn_tensor_name(tensor), error);
  if (status != CLATTN_OK) return status;
  status = create_buffer(weights->device, tensor, bytes, &buffer, error);
  if (status == CLATTN_OK)
    status = clattn_panels_unpack(weights->device, p, tensor, weights->panels[tensor], buffer, error);
  if (status == CLATTN_OK) {
    weights->tensor[tensor] = buffer;
    weights->bytes += bytes;
    return CLATTN_OK;
  }
  if (buffer != NULL) clReleaseMemObject(buffer);
  clattn_ledger_give(weights->device, bytes);
  return status;
}

static clattn_status bind_tensor(clattn_weights *weights, const clattn_plan *plan, clattn_tensor tensor, cl_mem *bound,
                                 clattn_error *error) {
  const cl_mem panels = weights->panels[tensor];
  const bool read = panels != NULL && clattn_panels_fit(plan, tensor);
  clattn_status status = CLATTN_OK;
  if (panels != NULL && !read && weights->tensor[tensor] == NULL) status = lay_out(weights, tensor, error);
  if (read)
    *bound = panels;
  else if (weights->tensor[tensor] != NULL)
    *bound = weights->tensor[tensor];
  return status;
}

clattn_status clattn_weights_bind(clattn_weights *weights, const clattn_plan *plan, cl_mem tensor[CLATTN_TENSOR_COUNT],
                                  clattn_error *error) {
  if (weights->device != plan->device)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the weights were made for another device than the plan");
  clattn_status status = check_match(&weights->problem, &plan->problem, error);
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t)
    status = bind_tensor(weights, plan, (clattn_tensor)t, &tensor[t], error);
  return status;
}

bool clattn_weights_in_panels(const clattn_weights *weights, clattn_tensor tensor, cl_mem buffer) {
  return weights != NULL && buffer != NULL && buffer == weights->panels[tensor];
}
