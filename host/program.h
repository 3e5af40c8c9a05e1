/* From a kernel file to a kernel object. */
#ifndef CLATTN_PROGRAM_H
#define CLATTN_PROGRAM_H

#include "device.h"

/* The text of `file`, a path below `folder` or, when that is NULL, below the kernels/ inside the library, with
 * its #include lines expanded and #line directives in place. Free with free(). */
clattn_status clattn_source_read(const char *folder, const char *file, char **text, clattn_error *error);

/* Builds `file` with `options` (macros), unless that has been done before, and creates its kernel `name`. Release with
 * clReleaseKernel. */
clattn_status clattn_kernel_build(clattn_device *device, const char *folder, const char *file, const char *name,
                                  const char *options, cl_kernel *kernel, clattn_error *error);

/* When the device is closed. */
void clattn_programs_release(clattn_device *device);

#endif
