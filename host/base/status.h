/* Fills in a clattn_error. */
#ifndef CLATTN_STATUS_H
#define CLATTN_STATUS_H

#include "base/printf.h"
#include "clattn.h"

/* Stores status and message in `error` (may be NULL) and returns status. */
clattn_status clattn_fail(clattn_error *error, clattn_status status, const char *format, ...) CLATTN_PRINTF(3, 4);

/* As clattn_fail(), for a failed OpenCL call: appends the name of its code. Codes that mean "no
 * memory" become CLATTN_OUT_OF_DEVICE_MEMORY or CLATTN_OUT_OF_HOST_MEMORY, all others
 * CLATTN_OPENCL_FAILED. */
clattn_status clattn_fail_cl(clattn_error *error, int code, const char *format, ...) CLATTN_PRINTF(3, 4);

clattn_status clattn_fail_malloc(clattn_error *error, size_t bytes, const char *what);

/* Every public call returns through this. After success it clears `error` (may be NULL), because an
 * attempt that failed on the way may have left a message there. */
clattn_status clattn_finish(clattn_error *error, clattn_status status);

/* "CL_OUT_OF_RESOURCES", or "unknown OpenCL code". */
const char *clattn_cl_code_name(int code);

#endif
