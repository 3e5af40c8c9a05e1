/* Builds OpenCL programs and reports what the compiler said. */
#include "program.h"

#include <stdlib.h>
#include <string.h>

#include "status.h"

/* The first error stands at the top of a log, so the end is what may be cut. */
static clattn_status fail_build(const clattn_device *device, cl_program program, cl_int code, const char *file,
                                const char *options, clattn_error *error) {
  size_t size = 0;
  char *log = NULL;
  if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) == CL_SUCCESS && size > 0)
    log = calloc(size + 1, 1);
  if (log != NULL && clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, log, NULL) != CL_SUCCESS)
    log[0] = '\0';
  clattn_fail(error, CLATTN_BUILD_FAILED, "device '%s' cannot build kernel file '%s' with options '%s': %s (%d)\n%s",
              device->info.name, file, options, clattn_cl_code_name(code), code, log == NULL ? "(no log)" : log);
  if (error != NULL) error->code = code;
  free(log);
  return CLATTN_BUILD_FAILED;
}

clattn_status clattn_kernel_build(const clattn_device *device, const char *folder, const char *file, const char *name,
                                  const char *options, cl_kernel *kernel, clattn_error *error) {
  char *text = NULL;
  cl_program program = NULL;
  cl_int code = CL_SUCCESS;
  *kernel = NULL;
  clattn_status status = clattn_source_read(folder, file, &text, error);
  if (status != CLATTN_OK) return status;

  const char *strings[] = {text};
  program = clCreateProgramWithSource(device->context, 1, strings, NULL, &code);
  if (code != CL_SUCCESS) {
    status = clattn_fail_cl(error, code, "clCreateProgramWithSource of '%s'", file);
    goto cleanup;
  }
  code = clBuildProgram(program, 1, &device->id, options, NULL, NULL);
  if (code != CL_SUCCESS) {
    status = fail_build(device, program, code, file, options, error);
    goto cleanup;
  }
  *kernel = clCreateKernel(program, name, &code);
  if (code != CL_SUCCESS) status = clattn_fail_cl(error, code, "clCreateKernel of '%s' in '%s'", name, file);
cleanup:
  if (program != NULL) clReleaseProgram(program); /* the kernel keeps it alive */
  free(text);
  return status;
}
