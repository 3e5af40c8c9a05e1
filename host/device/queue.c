/* Enqueueing, one command after the other. */
#include "device/queue.h"

#include "base/clock.h"
#include "base/status.h"

/* The queue goes on from `event`. */
static void advance(clattn_queue *queue, cl_event event) {
  if (queue->last != NULL) clReleaseEvent(queue->last);
  queue->last = event;
}

static double event_seconds(cl_event event) {
  cl_ulong start = 0, end = 0;
  if (clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) != CL_SUCCESS) return 0.0;
  if (clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) != CL_SUCCESS) return 0.0;
  return end > start ? 1e-9 * (double)(end - start) : 0.0;
}

static clattn_status time_command(clattn_queue *queue, int slot, double started, clattn_error *error) {
  if (queue->profile == NULL) return CLATTN_OK;
  const clattn_status status = clattn_queue_wait(queue, error);
  if (status != CLATTN_OK) return status;
  queue->profile->wall[slot] += clattn_now() - started;
  if (queue->events_timed) queue->profile->event[slot] += event_seconds(queue->last);
  return CLATTN_OK;
}

static cl_uint wait_count(const clattn_queue *queue) {
  return queue->last != NULL ? 1 : 0;
}

static const cl_event *wait_list(const clattn_queue *queue) {
  return queue->last != NULL ? &queue->last : NULL;
}

clattn_status clattn_queue_after(clattn_queue *queue, cl_uint count, const cl_event *events, clattn_error *error) {
  if (count == 0) return CLATTN_OK;
  const clattn_status status = clattn_queue_hold(queue, error);
  if (status != CLATTN_OK) return status;
  cl_event joined = NULL;
  const cl_int code = clEnqueueMarkerWithWaitList(queue->commands, count, events, &joined);
  if (code != CL_SUCCESS)
    return clattn_fail_cl(error, code, "clEnqueueMarkerWithWaitList on the %u given events", count);
  advance(queue, joined);
  return CLATTN_OK;
}

clattn_status clattn_queue_launch(clattn_queue *queue, int slot, cl_kernel kernel, const clattn_range *r,
                                  clattn_error *error) {
  const bool moved = r->offset[0] + r->offset[1] + r->offset[2] > 0; /* else as drivers know it best */
  const double started = clattn_now();
  cl_event event = NULL;
  const cl_int code = clEnqueueNDRangeKernel(queue->commands, kernel, 3, moved ? r->offset : NULL, r->global, r->local,
                                             wait_count(queue), wait_list(queue), &event);
  if (code != CL_SUCCESS)
    return clattn_fail_cl(error, code, "launching %zu x %zu x %zu work-items in work-groups of %zu x %zu", r->global[0],
                          r->global[1], r->global[2], r->local[0], r->local[1]);
  advance(queue, event);
  if (queue->profile != NULL) ++queue->profile->launches[slot];
  return time_command(queue, slot, started, error);
}

clattn_status clattn_queue_write(clattn_queue *queue, cl_mem to, const void *from, size_t bytes, clattn_error *error) {
  const double started = clattn_now();
  cl_event event = NULL;
  const cl_int code =
      clEnqueueWriteBuffer(queue->commands, to, CL_FALSE, 0, bytes, from, wait_count(queue), wait_list(queue), &event);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "uploading %zu bytes", bytes);
  advance(queue, event);
  return time_command(queue, CLATTN_SLOT_UPLOAD, started, error);
}

clattn_status clattn_queue_read(clattn_queue *queue, cl_mem from, size_t offset, size_t bytes, void *to,
                                clattn_error *error) {
  const double started = clattn_now();
  cl_event event = NULL;
  const cl_int code = clEnqueueReadBuffer(queue->commands, from, CL_FALSE, offset, bytes, to, wait_count(queue),
                                          wait_list(queue), &event);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "downloading %zu bytes", bytes);
  advance(queue, event);
  return time_command(queue, CLATTN_SLOT_DOWNLOAD, started, error);
}

clattn_status clattn_queue_copy(clattn_queue *queue, const clattn_copy *copy, clattn_error *error) {
  const double started = clattn_now();
  cl_event event = NULL;
  const size_t from[] = {copy->from_offset, 0, 0}, to[] = {copy->to_offset, 0, 0},
               region[] = {copy->bytes, copy->rows, 1};
  const cl_int code =
      copy->rows > 1 ? clEnqueueCopyBufferRect(queue->commands, copy->from, copy->to, from, to, region, copy->row_bytes,
                                               0, copy->row_bytes, 0, wait_count(queue), wait_list(queue), &event)
                     : clEnqueueCopyBuffer(queue->commands, copy->from, copy->to, copy->from_offset, copy->to_offset,
                                           copy->bytes, wait_count(queue), wait_list(queue), &event);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "copying %zu bytes on the device", copy->bytes);
  advance(queue, event);
  return time_command(queue, CLATTN_SLOT_DOWNLOAD, started, error);
}

clattn_status clattn_queue_clear(clattn_queue *queue, int slot, cl_mem buffer, size_t offset, size_t bytes,
                                 clattn_error *error) {
  static const cl_float zero = 0.0f;
  const double started = clattn_now();
  cl_event event = NULL;
  const cl_int code = clEnqueueFillBuffer(queue->commands, buffer, &zero, sizeof zero, offset, bytes, wait_count(queue),
                                          wait_list(queue), &event);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clearing %zu bytes on the device", bytes);
  advance(queue, event);
  return time_command(queue, slot, started, error);
}

clattn_status clattn_queue_hold(clattn_queue *queue, clattn_error *error) {
  if (queue->last == NULL) return CLATTN_OK;
  const cl_int code = clEnqueueBarrierWithWaitList(queue->commands, 1, &queue->last, NULL);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "clEnqueueBarrierWithWaitList");
}

clattn_status clattn_queue_resume(clattn_queue *queue, int slot, cl_event event, double started, clattn_error *error) {
  advance(queue, event);
  if (queue->profile == NULL) return CLATTN_OK;
  const cl_int code = clWaitForEvents(1, &queue->last);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "waiting for a library's command");
  /* A library may launch several kernels and hands out the event of the last: only the wall clock
   * measures them all. */
  const double seconds = clattn_now() - started;
  queue->profile->wall[slot] += seconds;
  queue->profile->library[slot] += seconds;
  ++queue->profile->launches[slot];
  return CLATTN_OK;
}

clattn_status clattn_queue_flush(clattn_queue *queue, clattn_error *error) {
  const cl_int code = clFlush(queue->commands);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "clFlush");
}

clattn_status clattn_queue_wait(clattn_queue *queue, clattn_error *error) {
  if (queue->last == NULL) return CLATTN_OK;
  const cl_int code = clWaitForEvents(1, &queue->last);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "waiting for a command");
}

clattn_status clattn_queue_finish(clattn_queue *queue, clattn_error *error) {
  const cl_int code = clFinish(queue->commands);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "clFinish");
}

void clattn_queue_release(clattn_queue *queue) {
  if (queue->last != NULL) clReleaseEvent(queue->last);
  queue->last = NULL;
}

clattn_status clattn_set_arguments(cl_kernel kernel, const clattn_argument *arguments, size_t count,
                                   clattn_error *error) {
  for (size_t i = 0; i < count; ++i) {
    const cl_int code = clSetKernelArg(kernel, (cl_uint)i, arguments[i].size, arguments[i].value);
    if (code != CL_SUCCESS)
      return clattn_fail_cl(error, code, "setting argument %zu (%zu bytes) of a kernel", i, arguments[i].size);
  }
  return CLATTN_OK;
}
