/* Names of status codes, and error messages. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/opencl.h"
#include "base/text.h"

const char *clattn_status_name(clattn_status status) {
  static const char *const names[CLATTN_STATUS_COUNT] = {
      [CLATTN_OK] = "CLATTN_OK",
      [CLATTN_INVALID_ARGUMENT] = "CLATTN_INVALID_ARGUMENT",
      [CLATTN_INVALID_PROBLEM] = "CLATTN_INVALID_PROBLEM",
      [CLATTN_UNSUPPORTED] = "CLATTN_UNSUPPORTED",
      [CLATTN_NO_DEVICE] = "CLATTN_NO_DEVICE",
      [CLATTN_OUT_OF_HOST_MEMORY] = "CLATTN_OUT_OF_HOST_MEMORY",
      [CLATTN_CACHE_FULL] = "CLATTN_CACHE_FULL",
      [CLATTN_OUT_OF_DEVICE_MEMORY] = "CLATTN_OUT_OF_DEVICE_MEMORY",
      [CLATTN_KERNEL_SOURCE] = "CLATTN_KERNEL_SOURCE",
      [CLATTN_BUILD_FAILED] = "CLATTN_BUILD_FAILED",
      [CLATTN_OPENCL_FAILED] = "CLATTN_OPENCL_FAILED",
      [CLATTN_CLBLAST_FAILED] = "CLATTN_CLBLAST_FAILED",
  };
  if ((int)status < 0 || status >= CLATTN_STATUS_COUNT) return "unknown clattn_status";
  return names[status];
}

clattn_status clattn_fail(clattn_error *error, clattn_status status, const char *format, ...) {
  if (error != NULL) {
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    error->code = 0;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    clattn_text_trim(error->message);
  }
  return status;
}

clattn_status clattn_fail_malloc(clattn_error *error, size_t bytes, const char *what) {
  return clattn_fail(error, CLATTN_OUT_OF_HOST_MEMORY, "no %zu bytes of host memory for %s", bytes, what);
}

clattn_status clattn_finish(clattn_error *error, clattn_status status) {
  if (status != CLATTN_OK || error == NULL) return status;
  error->status = CLATTN_OK;
  error->code = 0;
  error->message[0] = '\0';
  return CLATTN_OK;
}

static clattn_status status_of(int code) {
  switch (code) {
  case CL_OUT_OF_HOST_MEMORY:
    return CLATTN_OUT_OF_HOST_MEMORY;
  case CL_MEM_OBJECT_ALLOCATION_FAILURE:
  case CL_OUT_OF_RESOURCES:
    return CLATTN_OUT_OF_DEVICE_MEMORY;
  default:
    return CLATTN_OPENCL_FAILED;
  }
}

clattn_status clattn_fail_cl(clattn_error *error, int code, const char *format, ...) {
  const clattn_status status = status_of(code);
  if (error != NULL) {
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    error->code = code;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    const size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used, ": %s (%d)", clattn_cl_code_name(code), code);
    clattn_text_trim(error->message);
  }
  return status;
}

const char *clattn_cl_code_name(int code) {
#define NAME(code_name)                                                                                                \
  { code_name, #code_name }
  static const struct {
    int code;
    const char *name;
  } names[] = {
      NAME(CL_SUCCESS),
      NAME(CL_DEVICE_NOT_FOUND),
      NAME(CL_DEVICE_NOT_AVAILABLE),
      NAME(CL_COMPILER_NOT_AVAILABLE),
      NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE),
      NAME(CL_OUT_OF_RESOURCES),
      NAME(CL_OUT_OF_HOST_MEMORY),
      NAME(CL_PROFILING_INFO_NOT_AVAILABLE),
      NAME(CL_MEM_COPY_OVERLAP),
      NAME(CL_IMAGE_FORMAT_MISMATCH),
      NAME(CL_IMAGE_FORMAT_NOT_SUPPORTED),
      NAME(CL_BUILD_PROGRAM_FAILURE),
      NAME(CL_MAP_FAILURE),
      NAME(CL_MISALIGNED_SUB_BUFFER_OFFSET),
      NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
      NAME(CL_COMPILE_PROGRAM_FAILURE),
      NAME(CL_LINKER_NOT_AVAILABLE),
      NAME(CL_LINK_PROGRAM_FAILURE),
      NAME(CL_DEVICE_PARTITION_FAILED),
      NAME(CL_KERNEL_ARG_INFO_NOT_AVAILABLE),
      NAME(CL_INVALID_VALUE),
      NAME(CL_INVALID_DEVICE_TYPE),
      NAME(CL_INVALID_PLATFORM),
      NAME(CL_INVALID_DEVICE),
      NAME(CL_INVALID_CONTEXT),
      NAME(CL_INVALID_QUEUE_PROPERTIES),
      NAME(CL_INVALID_COMMAND_QUEUE),
      NAME(CL_INVALID_HOST_PTR),
      NAME(CL_INVALID_MEM_OBJECT),
      NAME(CL_INVALID_BINARY),
      NAME(CL_INVALID_BUILD_OPTIONS),
      NAME(CL_INVALID_PROGRAM),
      NAME(CL_INVALID_PROGRAM_EXECUTABLE),
      NAME(CL_INVALID_KERNEL_NAME),
      NAME(CL_INVALID_KERNEL_DEFINITION),
      NAME(CL_INVALID_KERNEL),
      NAME(CL_INVALID_ARG_INDEX),
      NAME(CL_INVALID_ARG_VALUE),
      NAME(CL_INVALID_ARG_SIZE),
      NAME(CL_INVALID_KERNEL_ARGS),
      NAME(CL_INVALID_WORK_DIMENSION),
      NAME(CL_INVALID_WORK_GROUP_SIZE),
      NAME(CL_INVALID_WORK_ITEM_SIZE),
      NAME(CL_INVALID_GLOBAL_OFFSET),
      NAME(CL_INVALID_EVENT_WAIT_LIST),
      NAME(CL_INVALID_EVENT),
      NAME(CL_INVALID_OPERATION),
      NAME(CL_INVALID_BUFFER_SIZE),
      NAME(CL_INVALID_GLOBAL_WORK_SIZE),
      NAME(CL_INVALID_PROPERTY),
      NAME(CL_INVALID_COMPILER_OPTIONS),
      NAME(CL_INVALID_LINKER_OPTIONS),
      {-1001, "CL_PLATFORM_NOT_FOUND_KHR"},
  };
#undef NAME
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
    if (names[i].code == code) return names[i].name;
  return "unknown OpenCL code";
}
