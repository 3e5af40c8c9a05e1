/* Enqueueing, one command after the other. */
#include "device/chain.h"

#include "base/clock.h"
#include "base/status.h"

/* The chain goes on from `event`. */
static void advance(clattn_chain *chain, cl_event event) {
  if (chain->last != NULL) clReleaseEvent(chain->last);
  chain->last = event;
}

static double event_seconds(cl_event event) {
  cl_ulong start = 0, end = 0;
  if (clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) != CL_SUCCESS) return 0.0;
  if (clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) != CL_SUCCESS) return 0.0;
  return end > start ? 1e-9 * (double)(end - start) : 0.0;
}

static clattn_status time_command(clattn_chain *chain, int slot, double started, clattn_error *error) {
  if (chain->profile == NULL) return CLATTN_OK;
  const clattn_status status = clattn_chain_wait(chain, error);
  if (status != CLATTN_OK) return status;
  chain->profile->wall[slot] += clattn_now() - started;
  if (chain->events_timed) chain->profile->event[slot] += event_seconds(chain->last);
  return CLATTN_OK;
}

static cl_uint wait_count(const clattn_chain *chain) {
  return chain->last != NULL ? 1 : 0;
}

static const cl_event *wait_list(const clattn_chain *chain) {
  return chain->last != NULL ? &chain->last : NULL;
}

clattn_status clattn_chain_after(clattn_chain *chain, cl_uint count, const cl_event *events, clattn_error *error) {
  if (count == 0) return CLATTN_OK;
  const clattn_status status = clattn_chain_hold(chain, error);
  if (status != CLATTN_OK) return status;
  cl_event joined = NULL;
  const cl_int code = clEnqueueMarkerWithWaitList(chain->queue, count, events, &joined);
  if (code != CL_SUCCESS)
    return clattn_fail_cl(error, code, "clEnqueueMarkerWithWaitList on the %u given events", count);
  advance(chain, joined);
  return CLATTN_OK;
}

clattn_status clattn_chain_launch(clattn_chain *chain, int slot, cl_kernel kernel, const clattn_range *r,
                                  clattn_error *error) {
  const bool moved = r->offset[0] + r->offset[1] + r->offset[2] > 0; /* else as drivers know it best */
  const double started = clattn_now();
  cl_event event = NULL;
  const cl_int code = clEnqueueNDRangeKernel(chain->queue, kernel, 3, moved ? r->offset : NULL, r->global, r->local,
                                             wait_count(chain), wait_list(chain), &event);
  if (code != CL_SUCCESS)
    return clattn_fail_cl(error, code, "launching %zu x %zu x %zu work-items in work-groups of %zu x %zu", r->global[0],
                          r->global[1], r->global[2], r->local[0], r->local[1]);
  advance(chain, event);
  if (chain->profile != NULL) ++chain->profile->launches[slot];
  return time_command(chain, slot, started, error);
}

clattn_status clattn_chain_write(clattn_chain *chain, cl_mem to, const void *from, size_t bytes, clattn_error *error) {
  const double started = clattn_now();
  cl_event event = NULL;
  const cl_int code =
      clEnqueueWriteBuffer(chain->queue, to, CL_FALSE, 0, bytes, from, wait_count(chain), wait_list(chain), &event);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "uploading %zu bytes", bytes);
  advance(chain, event);
  return time_command(chain, CLATTN_SLOT_UPLOAD, started, error);
}

clattn_status clattn_chain_read(clattn_chain *chain, cl_mem from, size_t offset, size_t bytes, void *to,
                                clattn_error *error) {
  const double started = clattn_now();
  cl_event event = NULL;
  const cl_int code =
      clEnqueueReadBuffer(chain->queue, from, CL_FALSE, offset, bytes, to, wait_count(chain), wait_list(chain), &event);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "downloading %zu bytes", bytes);
  advance(chain, event);
  return time_command(chain, CLATTN_SLOT_DOWNLOAD, started, error);
}

clattn_status clattn_chain_copy(clattn_chain *chain, const clattn_copy *copy, clattn_error *error) {
  const double started = clattn_now();
  cl_event event = NULL;
  const cl_int code = clEnqueueCopyBuffer(chain->queue, copy->from, copy->to, copy->from_offset, copy->to_offset,
                                          copy->bytes, wait_count(chain), wait_list(chain), &event);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "copying %zu bytes on the device", copy->bytes);
  advance(chain, event);
  return time_command(chain, CLATTN_SLOT_DOWNLOAD, started, error);
}

clattn_status clattn_chain_clear(clattn_chain *chain, int slot, cl_mem buffer, size_t offset, size_t bytes,
                                 clattn_error *error) {
  static const cl_float zero = 0.0f;
  const double started = clattn_now();
  cl_event event = NULL;
  const cl_int code = clEnqueueFillBuffer(chain->queue, buffer, &zero, sizeof zero, offset, bytes, wait_count(chain),
                                          wait_list(chain), &event);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clearing %zu bytes on the device", bytes);
  advance(chain, event);
  return time_command(chain, slot, started, error);
}

clattn_status clattn_chain_hold(clattn_chain *chain, clattn_error *error) {
  if (chain->last == NULL) return CLATTN_OK;
  const cl_int code = clEnqueueBarrierWithWaitList(chain->queue, 1, &chain->last, NULL);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "clEnqueueBarrierWithWaitList");
}

clattn_status clattn_chain_resume(clattn_chain *chain, int slot, cl_event event, double started, clattn_error *error) {
  advance(chain, event);
  if (chain->profile == NULL) return CLATTN_OK;
  const cl_int code = clWaitForEvents(1, &chain->last);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "waiting for a library's command");
  /* A library may launch several kernels and hands out the event of the last: only the wall clock measures them all. */
  const double seconds = clattn_now() - started;
  chain->profile->wall[slot] += seconds;
  chain->profile->library[slot] += seconds;
  ++chain->profile->launches[slot];
  return CLATTN_OK;
}

clattn_status clattn_chain_flush(clattn_chain *chain, clattn_error *error) {
  const cl_int code = clFlush(chain->queue);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "clFlush");
}

clattn_status clattn_chain_wait(clattn_chain *chain, clattn_error *error) {
  if (chain->last == NULL) return CLATTN_OK;
  const cl_int code = clWaitForEvents(1, &chain->last);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "waiting for a command");
}

clattn_status clattn_chain_finish(clattn_chain *chain, clattn_error *error) {
  const cl_int code = clFinish(chain->queue);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "clFinish");
}

void clattn_chain_release(clattn_chain *chain) {
  if (chain->last != NULL) clReleaseEvent(chain->last);
  chain->last = NULL;
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
