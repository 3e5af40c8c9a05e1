/* The OpenCL calls of the program, each of which can be made to fail: see shim.h. A failing call does nothing; but one
 * that waits does wait, since a program whose wait has failed cannot know when its memory is out of use.
 *
 * tests/faults/sweep.py makes sure that none is lacking here which the program or its library calls. */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

/* The call behind the shim. */
#define BEHIND(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))
#define FAILS(name, what) shim_fails("opencl", #name, (uint32_t)(what), __builtin_return_address(0))

/* Calls that return a code. `also` is what is done where it is CL_SUCCESS. */
#define CALL(name, what, parameters, arguments, also)                                                                  \
  cl_int CL_API_CALL name parameters {                                                                                 \
    if (FAILS(name, what)) return shim_code();                                                                         \
    const cl_int result = BEHIND(name) arguments;                                                                      \
    if (result == CL_SUCCESS) {                                                                                        \
      also;                                                                                                            \
    }                                                                                                                  \
    return result;                                                                                                     \
  }
#define NOTHING (void)0

#define ASK(name, parameters, arguments) CALL(name, what, parameters, arguments, NOTHING)

/* Calls that make an object and leave the code at an address. */
#define CREATE(name, type, kind, parameters, arguments)                                                                \
  type CL_API_CALL name parameters {                                                                                   \
    if (FAILS(name, 0)) {                                                                                              \
      if (code != NULL) *code = shim_code();                                                                           \
      return NULL;                                                                                                     \
    }                                                                                                                  \
    const type made = BEHIND(name) arguments;                                                                          \
    shim_made(kind, made);                                                                                             \
    return made;                                                                                                       \
  }

#define ENQUEUE(name, parameters, arguments)                                                                           \
  CALL(name, 0, parameters, arguments, if (event != NULL) shim_made(EVENT, *event))

#define RETAIN(name, type, kind) CALL(name, 0, (type object), (object), shim_retained(kind, object))

/* Whoever releases has done what he can, whatever the answer is. */
#define RELEASE(name, type, kind)                                                                                      \
  cl_int CL_API_CALL name(type object) {                                                                               \
    shim_released(kind, object);                                                                                       \
    return FAILS(name, 0) ? shim_code() : BEHIND(name)(object);                                                        \
  }

#define WAIT(name, parameters, arguments)                                                                              \
  cl_int CL_API_CALL name parameters {                                                                                 \
    const bool fails = FAILS(name, 0);                                                                                 \
    const cl_int result = BEHIND(name) arguments;                                                                      \
    return fails ? shim_code() : result;                                                                               \
  }

/* ---- platforms and devices --------------------------------------------------------------------------------------- */

/* Words that are told instead of the driver's own, where the variable is set: a platform's other name, so that the
 * program does not know the driver for one that keeps programs; and what no driver here says. */
static bool tells_instead(const char *variable, size_t room, char *to, size_t *size) {
  const char *other = getenv(variable);
  if (other == NULL) return false;
  if (to != NULL) snprintf(to, room, "%s", other);
  if (size != NULL) *size = strlen(other) + 1;
  return true;
}

/* As ASK, but for that one text. */
#define ASK_BUT(name, property, variable, parameters, arguments)                                                       \
  cl_int CL_API_CALL name parameters {                                                                                 \
    if (FAILS(name, what)) return shim_code();                                                                         \
    if (what == (property) && tells_instead(variable, room, to, size)) return CL_SUCCESS;                              \
    return BEHIND(name) arguments;                                                                                     \
  }

CALL(clGetPlatformIDs, 0, (cl_uint room, cl_platform_id *ids, cl_uint *count), (room, ids, count), NOTHING)
CALL(clGetDeviceIDs, 0, (cl_platform_id platform, cl_device_type type, cl_uint room, cl_device_id *ids, cl_uint *count),
     (platform, type, room, ids, count), NOTHING)
ASK_BUT(clGetPlatformInfo, CL_PLATFORM_NAME, "FAULT_PLATFORM",
        (cl_platform_id of, cl_platform_info what, size_t room, void *to, size_t *size), (of, what, room, to, size))
cl_int CL_API_CALL clGetDeviceInfo(cl_device_id of, cl_device_info what, size_t room, void *to, size_t *size) {
  if (FAILS(clGetDeviceInfo, what)) return shim_code();
  if (what == CL_DEVICE_NAME && tells_instead("FAULT_DEVICE", room, to, size)) return CL_SUCCESS;
  if (what == CL_DEVICE_EXTENSIONS && tells_instead("FAULT_EXTENSIONS", room, to, size)) return CL_SUCCESS;
  return BEHIND(clGetDeviceInfo)(of, what, room, to, size);
}

/* ---- contexts and queues ----------------------------------------------------------------------------------------- */

CREATE(clCreateContext, cl_context, CONTEXT,
       (const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
        void(CL_CALLBACK *told)(const char *, const void *, size_t, void *), void *data, cl_int *code),
       (properties, count, devices, told, data, code))
RETAIN(clRetainContext, cl_context, CONTEXT)
RELEASE(clReleaseContext, cl_context, CONTEXT)
CREATE(clCreateCommandQueue, cl_command_queue, QUEUE,
       (cl_context context, cl_device_id device, cl_command_queue_properties properties, cl_int *code),
       (context, device, properties, code))
RETAIN(clRetainCommandQueue, cl_command_queue, QUEUE)
RELEASE(clReleaseCommandQueue, cl_command_queue, QUEUE)
ASK(clGetCommandQueueInfo, (cl_command_queue of, cl_command_queue_info what, size_t room, void *to, size_t *size),
    (of, what, room, to, size))
CALL(clFlush, 0, (cl_command_queue queue), (queue), NOTHING)
WAIT(clFinish, (cl_command_queue queue), (queue))

/* ---- memory ------------------------------------------------------------------------------------------------------ */

CREATE(clCreateBuffer, cl_mem, MEMORY, (cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code),
       (context, flags, bytes, host, code))
RETAIN(clRetainMemObject, cl_mem, MEMORY)
RELEASE(clReleaseMemObject, cl_mem, MEMORY)
ASK(clGetMemObjectInfo, (cl_mem of, cl_mem_info what, size_t room, void *to, size_t *size), (of, what, room, to, size))

/* ---- programs and kernels ---------------------------------------------------------------------------------------- */

CREATE(clCreateProgramWithSource, cl_program, PROGRAM,
       (cl_context context, cl_uint count, const char **texts, const size_t *lengths, cl_int *code),
       (context, count, texts, lengths, code))
CREATE(clCreateProgramWithBinary, cl_program, PROGRAM,
       (cl_context context, cl_uint count, const cl_device_id *devices, const size_t *lengths,
        const unsigned char **binaries, cl_int *states, cl_int *code),
       (context, count, devices, lengths, binaries, states, code))
RETAIN(clRetainProgram, cl_program, PROGRAM)
RELEASE(clReleaseProgram, cl_program, PROGRAM)
/* A compiler that crashes where the program's text has the word in FAULT_CRASH. */
static void crash_at_word(cl_program program) {
  const char *word = getenv("FAULT_CRASH");
  char *text = NULL;
  size_t bytes = 0;
  if (word == NULL || BEHIND(clGetProgramInfo)(program, CL_PROGRAM_SOURCE, 0, NULL, &bytes) != CL_SUCCESS) return;
  text = calloc(bytes + 1, 1);
  if (text == NULL) return;
  BEHIND(clGetProgramInfo)(program, CL_PROGRAM_SOURCE, bytes, text, NULL);
  if (strstr(text, word) != NULL) abort();
  free(text);
}

cl_int CL_API_CALL clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                                  void(CL_CALLBACK *told)(cl_program, void *), void *data) {
  if (FAILS(clBuildProgram, 0)) return shim_code();
  crash_at_word(program);
  return BEHIND(clBuildProgram)(program, count, devices, options, told, data);
}
ASK(clGetProgramInfo, (cl_program of, cl_program_info what, size_t room, void *to, size_t *size),
    (of, what, room, to, size))
ASK_BUT(clGetProgramBuildInfo, CL_PROGRAM_BUILD_LOG, "FAULT_LOG",
        (cl_program of, cl_device_id device, cl_program_build_info what, size_t room, void *to, size_t *size),
        (of, device, what, room, to, size))
CREATE(clCreateKernel, cl_kernel, KERNEL, (cl_program program, const char *name, cl_int *code), (program, name, code))
RETAIN(clRetainKernel, cl_kernel, KERNEL)
RELEASE(clReleaseKernel, cl_kernel, KERNEL)
ASK(clGetKernelWorkGroupInfo,
    (cl_kernel of, cl_device_id device, cl_kernel_work_group_info what, size_t room, void *to, size_t *size),
    (of, device, what, room, to, size))
CALL(clSetKernelArg, 0, (cl_kernel kernel, cl_uint index, size_t bytes, const void *value),
     (kernel, index, bytes, value), NOTHING)

/* ---- commands and events ----------------------------------------------------------------------------------------- */

ENQUEUE(clEnqueueReadBuffer,
        (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes, void *to, cl_uint count,
         const cl_event *wait, cl_event *event),
        (queue, buffer, blocking, offset, bytes, to, count, wait, event))
ENQUEUE(clEnqueueWriteBuffer,
        (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes, const void *from,
         cl_uint count, const cl_event *wait, cl_event *event),
        (queue, buffer, blocking, offset, bytes, from, count, wait, event))
ENQUEUE(clEnqueueCopyBuffer,
        (cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset, size_t bytes,
         cl_uint count, const cl_event *wait, cl_event *event),
        (queue, from, to, from_offset, to_offset, bytes, count, wait, event))
ENQUEUE(clEnqueueCopyBufferRect,
        (cl_command_queue queue, cl_mem from, cl_mem to, const size_t *from_origin, const size_t *to_origin,
         const size_t *region, size_t from_row, size_t from_slice, size_t to_row, size_t to_slice, cl_uint count,
         const cl_event *wait, cl_event *event),
        (queue, from, to, from_origin, to_origin, region, from_row, from_slice, to_row, to_slice, count, wait, event))
ENQUEUE(clEnqueueFillBuffer,
        (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_bytes, size_t offset, size_t bytes,
         cl_uint count, const cl_event *wait, cl_event *event),
        (queue, buffer, pattern, pattern_bytes, offset, bytes, count, wait, event))
ENQUEUE(clEnqueueNDRangeKernel,
        (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset, const size_t *global,
         const size_t *local, cl_uint count, const cl_event *wait, cl_event *event),
        (queue, kernel, dimensions, offset, global, local, count, wait, event))
ENQUEUE(clEnqueueMarkerWithWaitList, (cl_command_queue queue, cl_uint count, const cl_event *wait, cl_event *event),
        (queue, count, wait, event))
ENQUEUE(clEnqueueBarrierWithWaitList, (cl_command_queue queue, cl_uint count, const cl_event *wait, cl_event *event),
        (queue, count, wait, event))
WAIT(clWaitForEvents, (cl_uint count, const cl_event *events), (count, events))
RETAIN(clRetainEvent, cl_event, EVENT)
RELEASE(clReleaseEvent, cl_event, EVENT)
ASK(clGetEventInfo, (cl_event of, cl_event_info what, size_t room, void *to, size_t *size), (of, what, room, to, size))
ASK(clGetEventProfilingInfo, (cl_event of, cl_profiling_info what, size_t room, void *to, size_t *size),
    (of, what, room, to, size))
