/* Platform, device, context and queue. */
#include "recorder/device.h"

#include <stdlib.h>
#include <string.h>

#include "clattn_inspect.h"

struct _cl_platform_id {
  char unused;
};
struct _cl_device_id {
  char unused;
};
struct _cl_context {
  unsigned references;
};
struct _cl_command_queue {
  unsigned references;
  cl_context context;
};

static struct _cl_platform_id the_platform;
static struct _cl_device_id the_device;

/* Work-group size as on GPUs; kernels for CPUs need the large local memory. */
enum { GROUP_MOST = 1024, LOCAL_BYTES = 1 << 20 };

/* ---- far tensors ------------------------------------------------------------------------------------------------- */

static bool looks_far;

void device_look_far(void) {
  looks_far = true;
}

bool device_looks_far(void) {
  return looks_far;
}

/* ---- sub-groups -------------------------------------------------------------------------------------------------- */

static size_t sub_group = NEIGHBOURS;

void device_set_sub_group(size_t items) {
  sub_group = items;
}

size_t device_sub_group(void) {
  return sub_group;
}

/* ---- queries ----------------------------------------------------------------------------------------------------- */

cl_int device_answer(const void *value, size_t bytes, size_t room, void *to, size_t *needed) {
  if (needed != NULL) *needed = bytes;
  if (to == NULL) return CL_SUCCESS;
  if (room < bytes) return CL_INVALID_VALUE;
  memcpy(to, value, bytes);
  return CL_SUCCESS;
}

static cl_int answer_text(const char *text, size_t room, void *to, size_t *needed) {
  return device_answer(text, strlen(text) + 1, room, to, needed);
}

cl_int clGetPlatformIDs(cl_uint entries, cl_platform_id *platforms, cl_uint *count) {
  if (count != NULL) *count = 1;
  if (platforms != NULL && entries > 0) platforms[0] = &the_platform;
  return CL_SUCCESS;
}

cl_int clGetPlatformInfo(cl_platform_id platform, cl_platform_info what, size_t room, void *to, size_t *needed) {
  (void)platform;
  return answer_text(what == CL_PLATFORM_NAME ? "clattn-access" : "OpenCL 3.0 clattn-access " CLATTN_VERSION, room, to,
                     needed);
}

cl_int clGetDeviceIDs(cl_platform_id platform, cl_device_type type, cl_uint entries, cl_device_id *devices,
                      cl_uint *count) {
  (void)platform;
  (void)type;
  if (count != NULL) *count = 1;
  if (devices != NULL && entries > 0) devices[0] = &the_device;
  return CL_SUCCESS;
}

static cl_int answer_sizes(size_t room, void *to, size_t *needed) {
  static const size_t sizes[3] = {GROUP_MOST, GROUP_MOST, GROUP_MOST};
  return device_answer(sizes, sizeof sizes, room, to, needed);
}

#define CL_DEVICE_HALF_FP_CONFIG 0x1033 /* of cl_khr_fp16 */

/* Numeric answers of 64 bits or fewer. On a little-endian machine the lower bytes are the smaller
 * number. */
static cl_ulong number_of(cl_device_info what) {
  switch (what) {
  case CL_DEVICE_TYPE:
    return CL_DEVICE_TYPE_CPU;
  case CL_DEVICE_MAX_COMPUTE_UNITS:
  case CL_DEVICE_ENDIAN_LITTLE:
    return 1;
  case CL_DEVICE_HALF_FP_CONFIG:
    return CL_FP_DENORM | CL_FP_INF_NAN | CL_FP_ROUND_TO_NEAREST;
  case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
    return 16;
  case CL_DEVICE_ADDRESS_BITS:
    return 64;
  case CL_DEVICE_MAX_WORK_GROUP_SIZE:
    return GROUP_MOST;
  case CL_DEVICE_LOCAL_MEM_SIZE:
    return LOCAL_BYTES;
  case CL_DEVICE_GLOBAL_MEM_SIZE:
  case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
    return (cl_ulong)1 << (looks_far ? 45 : 30);
  default:
    return 0;
  }
}

static size_t bytes_of(cl_device_info what) {
  switch (what) {
  case CL_DEVICE_TYPE:
  case CL_DEVICE_HALF_FP_CONFIG:
  case CL_DEVICE_MAX_WORK_GROUP_SIZE: /* size_t */
  case CL_DEVICE_LOCAL_MEM_SIZE:
  case CL_DEVICE_GLOBAL_MEM_SIZE:
  case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
    return 8;
  default:
    return 4;
  }
}

cl_int clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t room, void *to, size_t *needed) {
  static const cl_platform_id platform = &the_platform;
  const cl_ulong number = number_of(what);
  (void)device;
  switch (what) {
  case CL_DEVICE_NAME:
    return answer_text("access recorder", room, to, needed);
  case CL_DEVICE_VENDOR:
    return answer_text("clattn", room, to, needed);
  case CL_DEVICE_VERSION:
    return answer_text("OpenCL 3.0 clattn-access", room, to, needed);
  case CL_DRIVER_VERSION:
    return answer_text(CLATTN_VERSION, room, to, needed);
  case CL_DEVICE_OPENCL_C_VERSION:
    return answer_text("OpenCL C 1.2", room, to, needed);
  case CL_DEVICE_EXTENSIONS:
    return answer_text("cl_khr_fp16 cl_khr_subgroups", room, to, needed);
  case CL_DEVICE_PLATFORM:
    return device_answer(&platform, sizeof platform, room, to, needed);
  case CL_DEVICE_MAX_WORK_ITEM_SIZES:
    return answer_sizes(room, to, needed);
  default:
    return device_answer(&number, bytes_of(what), room, to, needed);
  }
}

/* ---- context and queue ------------------------------------------------------------------------------------------- */

cl_context clCreateContext(const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
                           void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data,
                           cl_int *code) {
  cl_context context = calloc(1, sizeof *context);
  (void)properties;
  (void)count;
  (void)devices;
  (void)notify;
  (void)data;
  if (context != NULL) context->references = 1;
  if (code != NULL) *code = context != NULL ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
  return context;
}

cl_int clRetainContext(cl_context context) {
  ++context->references;
  return CL_SUCCESS;
}

cl_int clReleaseContext(cl_context context) {
  if (--context->references == 0) free(context);
  return CL_SUCCESS;
}

cl_command_queue clCreateCommandQueue(cl_context context, cl_device_id device, cl_command_queue_properties properties,
                                      cl_int *code) {
  cl_command_queue queue = calloc(1, sizeof *queue);
  (void)device;
  (void)properties;
  if (queue != NULL) {
    queue->references = 1;
    queue->context = context;
    clRetainContext(context);
  }
  if (code != NULL) *code = queue != NULL ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
  return queue;
}

cl_int clRetainCommandQueue(cl_command_queue queue) {
  ++queue->references;
  return CL_SUCCESS;
}

cl_int clReleaseCommandQueue(cl_command_queue queue) {
  if (--queue->references > 0) return CL_SUCCESS;
  clReleaseContext(queue->context);
  free(queue);
  return CL_SUCCESS;
}

cl_int clGetCommandQueueInfo(cl_command_queue queue, cl_command_queue_info what, size_t room, void *to,
                             size_t *needed) {
  static const cl_device_id device = &the_device;
  const cl_command_queue_properties properties = 0;
  switch (what) {
  case CL_QUEUE_CONTEXT:
    return device_answer(&queue->context, sizeof queue->context, room, to, needed);
  case CL_QUEUE_DEVICE:
    return device_answer(&device, sizeof device, room, to, needed);
  case CL_QUEUE_PROPERTIES:
    return device_answer(&properties, sizeof properties, room, to, needed);
  default:
    return CL_INVALID_VALUE;
  }
}

/* Commands complete at once, so there is never anything to wait for. */
cl_int clFinish(cl_command_queue queue) {
  (void)queue;
  return CL_SUCCESS;
}

cl_int clFlush(cl_command_queue queue) {
  (void)queue;
  return CL_SUCCESS;
}
