/* Builds OpenCL programs, keeps them for as long as their device is open, and reports what the compiler said. */
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

/* What was built once for the device: the same text with the same options is not built again. */
struct clattn_program {
  clattn_program *next;
  cl_program program;
  char *options, *text;
};

static cl_program find_built(const clattn_device *device, const char *options, const char *text) {
  for (const clattn_program *p = device->programs; p != NULL; p = p->next)
    if (strcmp(p->options, options) == 0 && strcmp(p->text, text) == 0) return p->program;
  return NULL;
}

static void destroy(clattn_program *p) {
  if (p->program != NULL) clReleaseProgram(p->program);
  free(p->options);
  free(p->text);
  free(p);
}

void clattn_programs_release(clattn_device *device) {
  while (device->programs != NULL) {
    clattn_program *next = device->programs->next;
    destroy(device->programs);
    device->programs = next;
  }
}

/* Of `text` with `options`; from `file`, for messages. Owns text, whatever becomes of it. */
static clattn_status build(clattn_device *device, const char *file, const char *options, char *text,
                           cl_program *program, clattn_error *error) {
  const char *strings[] = {text};
  cl_int code = CL_SUCCESS;
  clattn_status status = CLATTN_OK;
  clattn_program *built = calloc(1, sizeof *built);
  const size_t options_bytes = strlen(options) + 1;
  if (built != NULL) built->options = malloc(options_bytes);
  if (built == NULL || built->options == NULL) {
    free(built);
    free(text);
    return clattn_fail_malloc(error, sizeof *built + options_bytes, "a program");
  }
  memcpy(built->options, options, options_bytes);
  built->text = text;
  built->program = clCreateProgramWithSource(device->context, 1, strings, NULL, &code);
  if (code != CL_SUCCESS) {
    status = clattn_fail_cl(error, code, "clCreateProgramWithSource of '%s'", file);
  } else {
    code = clBuildProgram(built->program, 1, &device->id, options, NULL, NULL);
    if (code != CL_SUCCESS) status = fail_build(device, built->program, code, file, options, error);
  }
  if (status != CLATTN_OK) {
    destroy(built);
    return status;
  }
  built->next = device->programs;
  device->programs = built;
  *program = built->program;
  return CLATTN_OK;
}

clattn_status clattn_kernel_build(clattn_device *device, const char *folder, const char *file, const char *name,
                                  const char *options, cl_kernel *kernel, clattn_error *error) {
  char *text = NULL;
  *kernel = NULL;
  clattn_status status = clattn_source_read(folder, file, &text, error);
  if (status != CLATTN_OK) return status;
  cl_program program = find_built(device, options, text);
  if (program != NULL)
    free(text);
  else
    status = build(device, file, options, text, &program, error);
  if (status != CLATTN_OK) return status;
  cl_int code = CL_SUCCESS;
  *kernel = clCreateKernel(program, name, &code);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "clCreateKernel of '%s' in '%s'", name, file);
}
