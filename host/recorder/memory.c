/* Buffers, transfers and events. */
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "recorder/device.h"

enum { ALIGNMENT = 4096 }; /* a multiple of the size of any cache line and vector */

/* With device_look_far: buffers from SPARSE_BYTES on are sparse, and writes from FILL_BYTES on are
 * skipped. */
enum { SPARSE_BYTES = 1 << 30, FILL_BYTES = 1 << 20 };

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

static unsigned char *allocate(cl_mem buffer) {
  buffer->sparse = device_looks_far() && buffer->bytes >= SPARSE_BYTES;
  if (!buffer->sparse) return aligned_alloc(ALIGNMENT, (buffer->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  void *memory = mmap(NULL, buffer->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory != MAP_FAILED ? memory : NULL;
}

cl_mem clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code) {
  cl_mem buffer = calloc(1, sizeof *buffer);
  (void)context;
  if (buffer != NULL) {
    buffer->references = 1;
    buffer->bytes = bytes;
    buffer->data = allocate(buffer);
  }
  if (buffer == NULL || buffer->data == NULL) {
    free(buffer);
    if (code != NULL) *code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return NULL;
  }
  if (flags & CL_MEM_COPY_HOST_PTR) memcpy(buffer->data, host, bytes);
  if (code != NULL) *code = CL_SUCCESS;
  return buffer;
}

cl_int clRetainMemObject(cl_mem buffer) {
  ++buffer->references;
  return CL_SUCCESS;
}

cl_int clReleaseMemObject(cl_mem buffer) {
  if (--buffer->references > 0) return CL_SUCCESS;
  if (buffer->sparse)
    munmap(buffer->data, buffer->bytes);
  else
    free(buffer->data);
  free(buffer);
  return CL_SUCCESS;
}

cl_int clGetMemObjectInfo(cl_mem buffer, cl_mem_info what, size_t room, void *to, size_t *needed) {
  if (what != CL_MEM_SIZE) return CL_INVALID_VALUE;
  return device_answer(&buffer->bytes, sizeof buffer->bytes, room, to, needed);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

cl_int device_event(cl_event *event) {
  if (event == NULL) return CL_SUCCESS;
  *event = calloc(1, sizeof **event);
  if (*event == NULL) return CL_OUT_OF_HOST_MEMORY;
  (*event)->references = 1;
  return CL_SUCCESS;
}

cl_int clRetainEvent(cl_event event) {
  ++event->references;
  return CL_SUCCESS;
}

cl_int clReleaseEvent(cl_event event) {
  if (--event->references == 0) free(event);
  return CL_SUCCESS;
}

cl_int clWaitForEvents(cl_uint count, const cl_event *events) {
  (void)count;
  (void)events;
  return CL_SUCCESS;
}

cl_int clGetEventInfo(cl_event event, cl_event_info what, size_t room, void *to, size_t *needed) {
  static const cl_int complete = CL_COMPLETE;
  (void)event;
  if (what != CL_EVENT_COMMAND_EXECUTION_STATUS) return CL_INVALID_VALUE;
  return device_answer(&complete, sizeof complete, room, to, needed);
}

cl_int clGetEventProfilingInfo(cl_event event, cl_profiling_info what, size_t room, void *to, size_t *needed) {
  (void)event;
  (void)what;
  (void)room;
  (void)to;
  (void)needed;
  return CL_PROFILING_INFO_NOT_AVAILABLE;
}

cl_int clEnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint count, const cl_event *wait, cl_event *event) {
  (void)queue;
  (void)count;
  (void)wait;
  return device_event(event);
}

cl_int clEnqueueBarrierWithWaitList(cl_command_queue queue, cl_uint count, const cl_event *wait, cl_event *event) {
  return clEnqueueMarkerWithWaitList(queue, count, wait, event);
}

/* ---- transfers --------------------------------------------------------------------------------------------------- */

static bool fits(cl_mem buffer, size_t offset, size_t bytes) {
  return offset <= buffer->bytes && bytes <= buffer->bytes - offset;
}

cl_int clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes,
                           void *to, cl_uint count, const cl_event *wait, cl_event *event) {
  (void)queue;
  (void)blocking;
  (void)count;
  (void)wait;
  if (!fits(buffer, offset, bytes)) return CL_INVALID_VALUE;
  memcpy(to, buffer->data + offset, bytes);
  return device_event(event);
}

cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes,
                            const void *from, cl_uint count, const cl_event *wait, cl_event *event) {
  (void)queue;
  (void)blocking;
  (void)count;
  (void)wait;
  if (!fits(buffer, offset, bytes)) return CL_INVALID_VALUE;
  if (!buffer->sparse || bytes < FILL_BYTES) memcpy(buffer->data + offset, from, bytes);
  return device_event(event);
}

cl_int clEnqueueCopyBuffer(cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset,
                           size_t bytes, cl_uint count, const cl_event *wait, cl_event *event) {
  (void)queue;
  (void)count;
  (void)wait;
  if (!fits(from, from_offset, bytes) || !fits(to, to_offset, bytes)) return CL_INVALID_VALUE;
  memmove(to->data + to_offset, from->data + from_offset, bytes);
  return device_event(event);
}

cl_int clEnqueueCopyBufferRect(cl_command_queue queue, cl_mem from, cl_mem to, const size_t *from_origin,
                               const size_t *to_origin, const size_t *region, size_t from_row, size_t from_slice,
                               size_t to_row, size_t to_slice, cl_uint count, const cl_event *wait, cl_event *event) {
  (void)queue;
  (void)count;
  (void)wait;
  for (size_t z = 0; z < region[2]; ++z)
    for (size_t y = 0; y < region[1]; ++y) {
      const size_t at = (from_origin[2] + z) * from_slice + (from_origin[1] + y) * from_row + from_origin[0];
      const size_t goal = (to_origin[2] + z) * to_slice + (to_origin[1] + y) * to_row + to_origin[0];
      if (!fits(from, at, region[0]) || !fits(to, goal, region[0])) return CL_INVALID_VALUE;
      memmove(to->data + goal, from->data + at, region[0]);
    }
  return device_event(event);
}

cl_int clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_bytes,
                           size_t offset, size_t bytes, cl_uint count, const cl_event *wait, cl_event *event) {
  (void)queue;
  (void)count;
  (void)wait;
  if (!fits(buffer, offset, bytes) || pattern_bytes == 0 || bytes % pattern_bytes != 0) return CL_INVALID_VALUE;
  for (size_t done = 0; done < bytes; done += pattern_bytes)
    memcpy(buffer->data + offset + done, pattern, pattern_bytes);
  return device_event(event);
}
