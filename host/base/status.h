/* Filling in a clattn_error. */
#ifndef CLATTN_STATUS_H
#define CLATTN_STATUS_H

#include "clattn.h"

#if defined(__GNUC__)
#define CLATTN_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#else
#define CLATTN_PRINTF(format_index, first_argument)
#endif

/* Stores status and message in error (NULL is fine) and returns status. */
clattn_status clattn_fail(clattn_error *error, clattn_status status, const char *format, ...) CLATTN_PRINTF(3, 4);

/* The same for a failed OpenCL call: appends the code by name. Codes that mean "no memory" become
 * CLATTN_OUT_OF_DEVICE_MEMORY or CLATTN_OUT_OF_HOST_MEMORY, all others CLATTN_OPENCL_FAILED. */
clattn_status clattn_fail_cl(clattn_error *error, int code, const char *format, ...) CLATTN_PRINTF(3, 4);

clattn_status clattn_fail_malloc(clattn_error *error, size_t bytes, const char *what);

/* Every public call returns through this: after a success `error` (NULL is fine) holds CLATTN_OK and no message, also
 * where an attempt on the way failed and left one. */
clattn_status clattn_finish(clattn_error *error, clattn_status status);

/* "CL_OUT_OF_RESOURCES", or "unknown OpenCL code". */
const char *clattn_cl_code_name(int code);

#endif
