/* clattn_merge and clattn_merge_enqueue. */
#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"
#include "clattn_cl.h"
#include "device/buffer.h"
#include "device/process.h"
#include "merge/merge.h"
#include "problem/merging.h"

/* ---- host memory ------------------------------------------------------------------------------------------------- */

/* Parts take turns in two places. The first stays until the second is merged with it; from then on the context so far
 * has a place of its own. */
typedef struct upload {
  const clattn_part *parts;
  size_t context_bytes, lse_bytes;
  clattn_part_buffers place[2], merged;
} upload;

static clattn_status allocate(const clattn_device *device, upload *u, size_t count, bool lse, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  for (size_t i = 0; i < 2 && i < count && status == CLATTN_OK; ++i) {
    status = clattn_merge_allocate(device, "the context of a part", u->context_bytes, &u->place[i].context, error);
    if (status == CLATTN_OK)
      status = clattn_merge_allocate(device, "the lse of a part", u->lse_bytes, &u->place[i].lse, error);
  }
  if (status == CLATTN_OK)
    status = clattn_merge_allocate(device, "the merged context", u->context_bytes, &u->merged.context, error);
  if (status == CLATTN_OK && lse)
    status = clattn_merge_allocate(device, "the merged lse", u->lse_bytes, &u->merged.lse, error);
  return status;
}

static void release(const upload *u) {
  const cl_mem buffers[] = {u->place[0].context, u->place[0].lse,   u->place[1].context,
                            u->place[1].lse,     u->merged.context, u->merged.lse};
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; ++i)
    if (buffers[i] != NULL) clReleaseMemObject(buffers[i]);
}

static clattn_status upload_part(void *of, clattn_queue *queue, size_t i, clattn_part_buffers *buffers,
                                 clattn_error *error) {
  const upload *u = of;
  *buffers = u->place[i % 2];
  const clattn_status status =
      clattn_queue_write(queue, buffers->context, u->parts[i].context, u->context_bytes, error);
  if (status != CLATTN_OK) return status;
  return clattn_queue_write(queue, buffers->lse, u->parts[i].lse, u->lse_bytes, error);
}

static clattn_status download(clattn_queue *queue, const upload *u, const clattn_merged *merged, clattn_error *error) {
  const clattn_status status = clattn_queue_read(queue, u->merged.context, 0, u->context_bytes, merged->context, error);
  if (status != CLATTN_OK || merged->lse == NULL) return status;
  return clattn_queue_read(queue, u->merged.lse, 0, u->lse_bytes, merged->lse, error);
}

clattn_status clattn_merge_on(clattn_device *device, const clattn_merge_kernel *kernel, const clattn_merging *merging,
                              const clattn_problem *problem, const clattn_part *parts, size_t count,
                              const clattn_merged *merged, clattn_error *error) {
  upload u = {.parts = parts,
              .context_bytes = clattn_merging_context_bytes(merging, problem),
              .lse_bytes = clattn_merging_lse_bytes(problem)};
  clattn_queue queue = {.commands = device->queue};
  clattn_status status = allocate(device, &u, count, merged->lse != NULL, error);
  if (status == CLATTN_OK) {
    const clattn_parts_on_device on_device = {
        .merging = merging, .problem = problem, .count = count, .part = upload_part, .of = &u, .merged = u.merged};
    status = clattn_fold(device, &queue, kernel, &on_device, error);
  }
  if (status == CLATTN_OK) status = download(&queue, &u, merged, error);
  const clattn_status finished = clattn_queue_finish(&queue, status == CLATTN_OK ? error : NULL);
  clattn_queue_release(&queue);
  release(&u);
  return status == CLATTN_OK ? finished : status;
}

clattn_status clattn_merge(clattn_device *device, const clattn_merging *given, const clattn_part *parts, size_t count,
                           const clattn_merged *merged, clattn_error *error) {
  clattn_merging merging;
  clattn_problem problem;
  clattn_merge_kernel kernel = {.kernel = NULL};
  if (device == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device is NULL");
  clattn_status status = clattn_process_check(error);
  if (status == CLATTN_OK) status = clattn_take_merging(given, count, &merging, &problem, error);
  if (status == CLATTN_OK) status = clattn_check_parts(parts, count, merged, error);
  if (status == CLATTN_OK) status = clattn_merge_kernel_take(device, merging.kernel_dir, &kernel, error);
  if (status != CLATTN_OK) return status;
  status = clattn_merge_on(device, &kernel, &merging, &problem, parts, count, merged, error);
  if (status == CLATTN_OUT_OF_DEVICE_MEMORY && clattn_device_release_kept(device))
    status = clattn_merge_on(device, &kernel, &merging, &problem, parts, count, merged, error);
  clattn_merge_kernel_release(&kernel);
  return clattn_finish(error, status);
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

static clattn_status given_part(void *of, clattn_queue *queue, size_t i, clattn_part_buffers *buffers,
                                clattn_error *error) {
  (void)queue;
  (void)error;
  *buffers = ((const clattn_part_buffers *)of)[i];
  return CLATTN_OK;
}

/* What all buffers of a call are checked with. */
typedef struct buffer_check {
  const clattn_device *device;
  size_t bytes[2]; /* of contexts and of log-sum-exps */
  clattn_place merged[2];
  size_t merged_count;
} buffer_check;

static clattn_status check_buffer(const buffer_check *c, const char *name, cl_mem buffer, int which,
                                  clattn_buffer_use use, clattn_place *is, clattn_error *error) {
  clattn_status status = clattn_buffer_ask(name, buffer, is, error);
  if (status == CLATTN_OK) status = clattn_buffer_check(c->device, name, is, c->bytes[which], use, error);
  is->bytes = c->bytes[which]; /* what lies past the tensor is not touched */
  for (size_t i = 0; i < c->merged_count && status == CLATTN_OK; ++i)
    if (clattn_places_overlap(is, &c->merged[i]))
      status = clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                           "buffer %s and the merged %s overlap (allowed: memory of its own for each result)", name,
                           i == 0 ? "context" : "lse");
  return status;
}

static clattn_status check_merged(buffer_check *c, const clattn_part_buffers *merged, clattn_error *error) {
  if (merged == NULL || merged->context == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the buffer for the merged context is NULL");
  clattn_status status =
      check_buffer(c, "context (merged)", merged->context, 0, CLATTN_BUFFER_RESULT, &c->merged[0], error);
  c->merged_count = 1;
  if (status != CLATTN_OK || merged->lse == NULL) return status;
  status = check_buffer(c, "lse (merged)", merged->lse, 1, CLATTN_BUFFER_RESULT, &c->merged[1], error);
  c->merged_count = 2;
  return status;
}

static clattn_status check_part(const buffer_check *c, const clattn_part_buffers *part, size_t number,
                                clattn_error *error) {
  const cl_mem buffers[] = {part->context, part->lse};
  clattn_status status = CLATTN_OK;
  for (int i = 0; i < 2 && status == CLATTN_OK; ++i) {
    char name[64];
    clattn_place is;
    snprintf(name, sizeof name, "%s of part %zu", i == 0 ? "context" : "lse", number);
    if (buffers[i] == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the %s is NULL", name);
    status = check_buffer(c, name, buffers[i], i, CLATTN_BUFFER_READ, &is, error);
  }
  return status;
}

static clattn_status check_buffers(const clattn_device *device, const clattn_merging *merging,
                                   const clattn_problem *problem, const clattn_part_buffers *parts, size_t count,
                                   const clattn_part_buffers *merged, clattn_error *error) {
  buffer_check c = {.device = device,
                    .bytes = {clattn_merging_context_bytes(merging, problem), clattn_merging_lse_bytes(problem)}};
  if (parts == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the list of parts is NULL");
  clattn_status status = check_merged(&c, merged, error);
  for (size_t i = 0; i < count && status == CLATTN_OK; ++i) status = check_part(&c, &parts[i], i, error);
  return status;
}

/* The event of the last command goes to the caller. */
static clattn_status enqueue(clattn_device *device, const clattn_merge_kernel *kernel,
                             const clattn_parts_on_device *parts, cl_uint wait_count, const cl_event *wait,
                             cl_event *event, clattn_error *error) {
  clattn_queue queue = {.commands = device->queue};
  clattn_status status = clattn_queue_after(&queue, wait_count, wait, error);
  if (status == CLATTN_OK) status = clattn_fold(device, &queue, kernel, parts, error);
  if (status == CLATTN_OK) status = clattn_queue_flush(&queue, error);
  if (status == CLATTN_OK && event != NULL) {
    const cl_int code = clRetainEvent(queue.last);
    if (code != CL_SUCCESS)
      status = clattn_fail_cl(error, code, "clRetainEvent");
    else
      *event = queue.last;
  }
  clattn_queue_release(&queue);
  return status;
}

clattn_status clattn_merge_enqueue(clattn_device *device, const clattn_merging *given, const clattn_part_buffers *parts,
                                   size_t count, const clattn_part_buffers *merged, cl_uint wait_count,
                                   const cl_event *wait, cl_event *event, clattn_error *error) {
  clattn_merging merging;
  clattn_problem problem;
  clattn_merge_kernel kernel = {.kernel = NULL};
  if (device == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device is NULL");
  if ((wait_count == 0) != (wait == NULL))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%u events to wait for at %s", wait_count,
                       wait == NULL ? "NULL" : "an address that is not NULL");
  clattn_status status = clattn_process_check(error);
  if (status == CLATTN_OK) status = clattn_take_merging(given, count, &merging, &problem, error);
  if (status == CLATTN_OK) status = check_buffers(device, &merging, &problem, parts, count, merged, error);
  if (status == CLATTN_OK) status = clattn_merge_kernel_take(device, merging.kernel_dir, &kernel, error);
  if (status != CLATTN_OK) return status;
  const clattn_parts_on_device on_device = {.merging = &merging,
                                            .problem = &problem,
                                            .count = count,
                                            .part = given_part,
                                            .of = (void *)(uintptr_t)parts,
                                            .merged = *merged};
  status = enqueue(device, &kernel, &on_device, wait_count, wait, event, error);
  clattn_merge_kernel_release(&kernel);
  return clattn_finish(error, status);
}
