/* Programs, kernels and launches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/device.h"
#include "recorder/execute.h"
#include "recorder/record.h"

/* ---- programs ---------------------------------------------------------------------------------------------------- */

static char *copy_text(const char *text, size_t length) {
  char *copy = malloc(length + 1);
  if (copy == NULL) return NULL;
  memcpy(copy, text, length);
  copy[length] = '\0';
  return copy;
}

/* The library passes one text. */
cl_program clCreateProgramWithSource(cl_context context, cl_uint count, const char **texts, const size_t *lengths,
                                     cl_int *code) {
  cl_program program = count == 1 ? calloc(1, sizeof *program) : NULL;
  (void)context;
  if (program != NULL) {
    program->references = 1;
    program->source = copy_text(texts[0], lengths != NULL && lengths[0] != 0 ? lengths[0] : strlen(texts[0]));
  }
  if (program != NULL && program->source == NULL) {
    free(program);
    program = NULL;
  }
  if (code != NULL) *code = program != NULL ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
  return program;
}

/* The recorder stores no binaries. */
cl_program clCreateProgramWithBinary(cl_context context, cl_uint count, const cl_device_id *devices,
                                     const size_t *lengths, const unsigned char **binaries, cl_int *of_each,
                                     cl_int *code) {
  (void)context;
  (void)count;
  (void)devices;
  (void)lengths;
  (void)binaries;
  (void)of_each;
  if (code != NULL) *code = CL_INVALID_BINARY;
  return NULL;
}

cl_int clGetProgramInfo(cl_program program, cl_program_info what, size_t room, void *to, size_t *needed) {
  (void)program;
  (void)what;
  (void)room;
  (void)to;
  (void)needed;
  return CL_INVALID_VALUE;
}

cl_int clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                      void(CL_CALLBACK *notify)(cl_program, void *), void *data) {
  (void)count;
  (void)devices;
  (void)notify;
  (void)data;
  program->compiled = programs_get(program->source, options == NULL ? "" : options);
  if (program->compiled == NULL) return CL_OUT_OF_HOST_MEMORY;
  return program->compiled->good ? CL_SUCCESS : CL_BUILD_PROGRAM_FAILURE;
}

cl_int clGetProgramBuildInfo(cl_program program, cl_device_id device, cl_program_build_info what, size_t room, void *to,
                             size_t *needed) {
  const char *log = program->compiled == NULL || program->compiled->log == NULL ? "" : program->compiled->log;
  (void)device;
  if (what != CL_PROGRAM_BUILD_LOG) return CL_INVALID_VALUE;
  return device_answer(log, strlen(log) + 1, room, to, needed);
}

cl_int clReleaseProgram(cl_program program) {
  if (--program->references > 0) return CL_SUCCESS;
  free(program->source);
  free(program);
  return CL_SUCCESS;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

static const compiled_kernel *find_kernel(const compiled *c, const char *name) {
  for (size_t i = 0; i < c->kernels; ++i)
    if (strcmp(c->kernel[i].signature.name, name) == 0) return &c->kernel[i];
  return NULL;
}

cl_kernel clCreateKernel(cl_program program, const char *name, cl_int *code) {
  const compiled_kernel *found = program->compiled != NULL ? find_kernel(program->compiled, name) : NULL;
  cl_kernel kernel = found != NULL ? calloc(1, sizeof *kernel) : NULL;
  if (code != NULL)
    *code = kernel != NULL ? CL_SUCCESS : found == NULL ? CL_INVALID_KERNEL_NAME : CL_OUT_OF_HOST_MEMORY;
  if (kernel == NULL) return NULL;
  kernel->references = 1;
  kernel->program = program;
  kernel->kernel = found;
  ++program->references;
  return kernel;
}

cl_int clReleaseKernel(cl_kernel kernel) {
  if (--kernel->references > 0) return CL_SUCCESS;
  clReleaseProgram(kernel->program);
  free(kernel);
  return CL_SUCCESS;
}

static bool is_of(const local_array *local, cl_kernel kernel) {
  const char *name = kernel->kernel->signature.name;
  return strncmp(local->name, name, strlen(name)) == 0 && local->name[strlen(name)] == '.';
}

cl_int clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what, size_t room,
                                void *to, size_t *needed) {
  const size_t multiple = NEIGHBOURS;
  size_t most = 0;
  cl_ulong local_bytes = 0;
  const compiled *c = kernel->program->compiled;
  for (size_t i = 0; i < c->locals; ++i)
    if (is_of(&c->local[i], kernel)) local_bytes += c->local[i].bytes;
  switch (what) {
  case CL_KERNEL_WORK_GROUP_SIZE:
    clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof most, &most, NULL);
    return device_answer(&most, sizeof most, room, to, needed);
  case CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE:
    return device_answer(&multiple, sizeof multiple, room, to, needed);
  case CL_KERNEL_LOCAL_MEM_SIZE:
    return device_answer(&local_bytes, sizeof local_bytes, room, to, needed);
  default:
    return CL_INVALID_VALUE;
  }
}

/* Does not support local memory passed as an argument (a size with a NULL pointer); only arrays
 * declared in the kernel. */
cl_int clSetKernelArg(cl_kernel kernel, cl_uint index, size_t bytes, const void *value) {
  const signature *s = &kernel->kernel->signature;
  if (index >= s->count) return CL_INVALID_ARG_INDEX;
  const bool pointer = s->parameter[index].pointer;
  if (bytes == 0 || bytes > ARGUMENT_BYTES_MOST || (pointer && bytes != sizeof(cl_mem))) return CL_INVALID_ARG_SIZE;
  if (value == NULL && (!pointer || strstr(s->parameter[index].type, "local") != NULL)) return CL_INVALID_ARG_VALUE;
  kernel->argument[index].bytes = bytes;
  kernel->argument[index].buffer = NULL;
  if (value != NULL && pointer) memcpy(&kernel->argument[index].buffer, value, bytes);
  if (value != NULL && !pointer) memcpy(kernel->argument[index].value, value, bytes);
  return CL_SUCCESS;
}

/* ---- launches ---------------------------------------------------------------------------------------------------- */

static struct {
  char folder[64];
  launch *launch;
  size_t count;
} kept;

static void launch_free(launch *l) {
  free(l->place);
  free(l->tally);
  free(l->first);
  free(l);
}

void device_keep(const char *folder) {
  snprintf(kept.folder, sizeof kept.folder, "kernels/%s/", folder);
}

const launch *device_launches(size_t *count) {
  *count = kept.count;
  return kept.launch;
}

void device_forget(void) {
  for (size_t i = 0; i < kept.count; ++i) {
    free(kept.launch[i].place);
    free(kept.launch[i].tally);
    free(kept.launch[i].first);
  }
  free(kept.launch);
  kept.launch = NULL;
  kept.count = 0;
}

/* Finds the first such line in the library's text:  #line 1 "kernels/scores/2_tiled.cl" */
static void name_launch(launch *l, cl_kernel kernel) {
  static const char directive[] = "#line 1 \"";
  const char *begin = strstr(kernel->program->source, directive);
  if (begin != NULL) begin += sizeof directive - 1;
  const size_t length = begin == NULL ? 0 : strcspn(begin, "\"\n");
  if (length < sizeof l->file && begin != NULL) memcpy(l->file, begin, length);
  snprintf(l->function, sizeof l->function, "%s", kernel->kernel->signature.name);
}

/* A buffer gets one place, even if it is passed as two arguments. */
static void add_buffer(launch *l, const char *name, cl_mem buffer) {
  for (size_t i = 0; i < l->places; ++i) {
    place *p = &l->place[i];
    if (p->data != buffer->data) continue;
    const size_t used = strlen(p->name);
    snprintf(p->name + used, sizeof p->name - used, "=%s", name);
    return;
  }
  place *p = &l->place[l->places++];
  *p = (place){.data = buffer->data, .bytes = buffer->bytes};
  snprintf(p->name, sizeof p->name, "%s", name);
}

static void add_local_array(launch *l, const local_array *local) {
  place *p = &l->place[l->places++];
  *p = (place){.local = true, .data = local->data, .bytes = local->bytes};
  snprintf(p->name, sizeof p->name, "%s", strchr(local->name, '.') + 1);
}

static bool describe_places(launch *l, cl_kernel kernel) {
  const signature *s = &kernel->kernel->signature;
  const compiled *c = kernel->program->compiled;
  l->place = calloc(s->count + c->locals + 1, sizeof *l->place);
  if (l->place == NULL) return false;
  for (size_t i = 0; i < s->count; ++i)
    if (kernel->argument[i].buffer != NULL) add_buffer(l, s->parameter[i].name, kernel->argument[i].buffer);
  for (size_t i = 0; i < c->locals; ++i)
    if (is_of(&c->local[i], kernel)) add_local_array(l, &c->local[i]);
  return true;
}

/* Picks a work-group size if the caller passes none: a divisor of the launch, at most the number of
 * work-items that execute a step together; first along dimension 0, then along dimension 1. */
static size_t divisor(size_t of, size_t most) {
  size_t d = most < of ? most : of;
  while (of % d != 0) --d;
  return d;
}

static bool split(launch *l, const size_t *global, const size_t *local) {
  l->local[0] = local != NULL ? local[0] : divisor(global[0], NEIGHBOURS);
  l->local[1] = local != NULL ? local[1] : divisor(global[1], NEIGHBOURS / l->local[0]);
  l->local[2] = local != NULL ? local[2] : 1;
  for (int d = 0; d < 3; ++d) {
    if (l->local[d] == 0 || global[d] % l->local[d] != 0) return false;
    l->groups[d] = global[d] / l->local[d];
  }
  return true;
}

static bool run(launch *l, cl_kernel kernel) {
  const compiled *c = kernel->program->compiled;
  const recorded_program program = {.path = c->path, .base = c->base, .constants_end = c->constants_end};
  uint64_t arguments[PARAMETERS_MOST];
  execution e = {.call = kernel->kernel->call,
                 .arguments = arguments,
                 .dimensions = 3,
                 .sub_group = l->sub_group,
                 .last_alone = device_looks_far()};
  for (size_t i = 0; i < kernel->kernel->signature.count; ++i)
    arguments[i] = !kernel->kernel->signature.parameter[i].pointer ? (uint64_t)(uintptr_t)kernel->argument[i].value
                   : kernel->argument[i].buffer != NULL ? (uint64_t)(uintptr_t)kernel->argument[i].buffer->data
                                                        : 0;
  memcpy(e.groups, l->groups, sizeof e.groups);
  memcpy(e.local, l->local, sizeof e.local);
  const bool good = record_begin(l, &program, device_looks_far()) && execute(&e) && record_complete();
  record_end();
  return good;
}

static bool keep(const launch *l) {
  if (strncmp(l->file, kept.folder, strlen(kept.folder)) != 0 && l->findings == 0) return true;
  launch *grown = realloc(kept.launch, (kept.count + 1) * sizeof *grown);
  if (grown == NULL) return false;
  kept.launch = grown;
  grown[kept.count++] = *l;
  return true;
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                              const size_t *global, const size_t *local, cl_uint count, const cl_event *wait,
                              cl_event *event) {
  (void)queue;
  (void)count;
  (void)wait;
  if (dimensions != 3 || offset != NULL) return CL_INVALID_WORK_DIMENSION;
  for (size_t i = 0; i < kernel->kernel->signature.count; ++i)
    if (kernel->argument[i].bytes == 0) return CL_INVALID_KERNEL_ARGS;
  launch *l = calloc(1, sizeof *l);
  if (l == NULL || !split(l, global, local) || !describe_places(l, kernel)) {
    if (l != NULL) launch_free(l);
    return l == NULL ? CL_OUT_OF_HOST_MEMORY : CL_INVALID_WORK_GROUP_SIZE;
  }
  name_launch(l, kernel);
  l->sub_group = device_sub_group();
  const size_t before = kept.count;
  const bool good = run(l, kernel) && keep(l);
  if (good && kept.count > before)
    free(l); /* frees the launch but keeps its parts */
  else
    launch_free(l);
  return good ? device_event(event) : CL_OUT_OF_HOST_MEMORY;
}
