/* Builds OpenCL programs or loads them from the store, keeps them until their device is closed, and
 * reports the compiler's messages. */
#include "programs/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/program_store.h"
#include "base/status.h"
#include "base/text.h"

/* A log begins with the first error, so a long log is cut at its end. */
static clattn_status fail_build(const clattn_device *device, cl_program program, cl_int code, const char *file,
                                const char *options, clattn_error *error) {
  size_t size = 0;
  char *log = NULL;
  if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) == CL_SUCCESS && size > 0)
    log = calloc(size + 1, 1);
  if (log != NULL && clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, log, NULL) != CL_SUCCESS)
    log[0] = '\0';
  char words[CLATTN_MESSAGE_SIZE];
  clattn_text_copy(words, sizeof words, log == NULL ? "(no log)" : log, true);
  clattn_fail(error, CLATTN_BUILD_FAILED, "device '%s' cannot build kernel file '%s' with options '%s': %s (%d)\n%s",
              device->info.name, file, options, clattn_cl_code_name(code), code, words);
  if (error != NULL) error->code = code;
  free(log);
  return CLATTN_BUILD_FAILED;
}

static clattn_program *find_built(const clattn_device *device, const char *options, const char *text) {
  for (clattn_program *p = device->programs; p != NULL; p = p->next)
    if (strcmp(p->options, options) == 0 && strcmp(p->text, text) == 0) return p;
  return NULL;
}

static void destroy(clattn_program *p) {
  if (p->program != NULL) clReleaseProgram(p->program);
  free(p->options);
  free(p->text);
  free(p);
}

/* Runs when the device is closed. */
static void release_all(clattn_device *device) {
  while (device->programs != NULL) {
    clattn_program *next = device->programs->next;
    destroy(device->programs);
    device->programs = next;
  }
}

/* The library's own kernels are built with -w, which all OpenCL compilers accept. The user can do nothing about
 * warnings there, and PoCL would print "N warnings generated." on standard error. Authors of kernels in a folder do
 * want warnings. Free with free(); NULL if there is no memory. */
static char *all_options(const char *options, bool own) {
  const size_t size = strlen(options) + sizeof " -w";
  char *all = malloc(size);
  if (all != NULL) snprintf(all, size, "%s%s", options, own ? " -w" : "");
  return all;
}

/* Makes a new list entry; takes ownership of options and text, even on failure. */
static clattn_status create_entry(char *options, char *text, clattn_program **result, clattn_error *error) {
  clattn_program *built = calloc(1, sizeof *built);
  if (built == NULL) {
    free(options);
    free(text);
    return clattn_fail_malloc(error, sizeof *built, "a program");
  }
  built->options = options;
  built->text = text;
  *result = built;
  return CLATTN_OK;
}

static clattn_status compile(const clattn_device *device, const char *file, clattn_program *built,
                             clattn_error *error) {
  const char *strings[] = {built->text};
  cl_int code = CL_SUCCESS;
  built->program = clCreateProgramWithSource(device->context, 1, strings, NULL, &code);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clCreateProgramWithSource of '%s'", file);
  /* One retry: if several processes fill PoCL's store at the same time, a build may fail. A real
   * error in the source fails again. */
  for (int i = 0; i < 2 && (i == 0 || code == CL_BUILD_PROGRAM_FAILURE); ++i)
    code = clBuildProgram(built->program, 1, &device->id, built->options, NULL, NULL);
  return code == CL_SUCCESS ? CLATTN_OK : fail_build(device, built->program, code, file, built->options, error);
}

/* Problems with the store are not errors; `origin` reports them. */
static clattn_status load_or_compile(const clattn_device *device, const clattn_program_source *source,
                                     clattn_program *built, char *origin, clattn_error *error) {
  clattn_stored stored;
  bool useless = false;
  if (!clattn_store_place(&stored, device, source->store, built->options, built->text, "program")) {
    snprintf(origin, CLATTN_ORIGIN_TEXT, "built, not stored: the path of the folder is too long");
    return compile(device, source->file, built, error);
  }
  const char *reason = clattn_store_prepare(&stored);
  if (reason != NULL) {
    snprintf(origin, CLATTN_ORIGIN_TEXT, "built, not stored: %s (%s)", reason, source->store);
    return compile(device, source->file, built, error);
  }
  built->program = clattn_store_load(&stored, source->kernels, &useless);
  if (built->program != NULL) {
    snprintf(origin, CLATTN_ORIGIN_TEXT, "from the store, %s", stored.name);
    return CLATTN_OK;
  }
  const clattn_status status = compile(device, source->file, built, error);
  if (status != CLATTN_OK) return status;
  reason = clattn_store_save(&stored, built->program);
  if (reason != NULL)
    snprintf(origin, CLATTN_ORIGIN_TEXT, "built, not stored: %s (%s)", reason, source->store);
  else
    snprintf(origin, CLATTN_ORIGIN_TEXT, "built, stored as %s%s", stored.name,
             useless ? ", replacing a useless file" : "");
  return CLATTN_OK;
}

/* Builds the program and adds it to the device's list. Takes ownership of options and text, even on failure. */
static clattn_status build(clattn_device *device, const clattn_program_source *source, char *options, char *text,
                           char *origin, clattn_program **program, clattn_error *error) {
  clattn_program *built = NULL;
  clattn_status status = create_entry(options, text, &built, error);
  if (status != CLATTN_OK) return status;
  const bool keeper = clattn_platform_keeps_programs(device->info.platform);
  snprintf(origin, CLATTN_ORIGIN_TEXT, "built%s", keeper ? ", or from the driver's own store" : "");
  status = keeper || source->store == NULL ? compile(device, source->file, built, error)
                                           : load_or_compile(device, source, built, origin, error);
  if (status != CLATTN_OK) {
    destroy(built);
    return status;
  }
  built->next = device->programs;
  device->programs = built;
  device->release_programs = release_all;
  *program = built;
  return CLATTN_OK;
}

clattn_status clattn_kernel_build(clattn_device *device, const clattn_program_source *source, const char *name,
                                  char *origin, clattn_program **program, cl_kernel *kernel, clattn_error *error) {
  clattn_program *built = NULL;
  char *text = NULL, unwanted[CLATTN_ORIGIN_TEXT];
  bool own = false;
  if (origin == NULL) origin = unwanted;
  origin[0] = '\0';
  *kernel = NULL;
  clattn_status status = clattn_source_read(source->folder, source->file, &text, &own, error);
  if (status != CLATTN_OK) return status;
  char *options = all_options(source->options, own);
  if (options == NULL) {
    free(text);
    return clattn_fail_malloc(error, strlen(source->options), "a program's options");
  }
  built = find_built(device, options, text);
  if (built != NULL) {
    free(options);
    free(text);
    snprintf(origin, CLATTN_ORIGIN_TEXT, "from this process");
  } else {
    status = build(device, source, options, text, origin, &built, error);
  }
  cl_int code = CL_SUCCESS;
  if (status == CLATTN_OK) *kernel = clCreateKernel(built->program, name, &code);
  if (code != CL_SUCCESS) status = clattn_fail_cl(error, code, "clCreateKernel of '%s' in '%s'", name, source->file);
  if (status != CLATTN_OK) origin[0] = '\0';
  if (status == CLATTN_OK && program != NULL) *program = built;
  return status;
}
