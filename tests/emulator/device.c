/* An OpenCL device whose kernels machine.py runs, for LD_PRELOAD: see emulate.py.
 *
 * Memory, queues and events are those of the device beneath, PoCL. The device says of itself what a GPU of AMD or
 * NVIDIA says. Programs and kernels are made here: machine.py compiles them for the GPU and runs each launch; then the
 * device beneath computes the same launch, and machine.py compares. What machine.py has computed stays in the buffers.
 * These are the calls of the library without CLBlast and without its store of programs.
 *
 * EMULATED_DEVICE is the GPU's name, EMULATED_SOCKET is where machine.py listens, and EMULATED_FOLDER takes the files
 * that both exchange: a folder for each program and each launch. A request is a line "VERB FOLDER NAME", and so is the
 * answer: "ok ...", or "no ..." with a reason. */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* The call of the device beneath. */
#define BENEATH(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

enum { ARGUMENTS = 32, BUFFERS = 1024, TEXT = 1024, NAME = 64 };

struct _cl_program {
  int references;
  cl_program beneath; /* NULL where the device beneath cannot build it */
  char folder[TEXT], reason[TEXT];
};

struct _cl_kernel {
  int references;
  cl_program program;
  cl_kernel beneath; /* NULL as in the program */
  char name[NAME];
  uint64_t work_group, lanes, local_bytes, private_bytes;
  struct {
    bool given;
    size_t bytes;
    unsigned char value[TEXT];
  } argument[ARGUMENTS];
};

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static cl_mem buffers[BUFFERS]; /* those of the program, to know arguments that are buffers */

static void *must(void *memory) {
  if (memory == NULL) abort();
  return memory;
}

static const char *setting(const char *name) {
  return must(getenv(name));
}

/* ---- machine.py -------------------------------------------------------------------------------------------------- */

static FILE *connected(void) {
  static FILE *stream;
  if (stream != NULL) return stream;
  signal(SIGPIPE, SIG_IGN); /* machine.py may end */
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", setting("EMULATED_SOCKET"));
  const int handle = socket(AF_UNIX, SOCK_STREAM, 0);
  if (handle >= 0 && connect(handle, (const struct sockaddr *)&address, sizeof address) == 0)
    stream = fdopen(handle, "r+");
  return stream;
}

/* Whether the answer is yes. `answer` is what follows. */
static bool ask(const char *verb, const char *folder, const char *name, char answer[TEXT]) {
  FILE *stream = connected();
  char word[3] = "no";
  snprintf(answer, TEXT, "machine.py has ended");
  if (stream == NULL || fprintf(stream, "%s %s %s\n", verb, folder, name) < 0 || fflush(stream) != 0 ||
      fread(word, 1, 2, stream) != 2 || fgetc(stream) != ' ' || fgets(answer, TEXT, stream) == NULL)
    return false;
  answer[strcspn(answer, "\n")] = '\0';
  return strcmp(word, "ok") == 0;
}

static void make_folder(char folder[TEXT], const char *what) {
  static int count;
  snprintf(folder, TEXT, "%s/%s-%d", setting("EMULATED_FOLDER"), what, ++count);
  if (mkdir(folder, 0777) != 0) abort();
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t size) {
  char path[2 * TEXT];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = must(fopen(path, "wb"));
  if (fwrite(bytes, 1, size, file) != size || fclose(file) != 0) abort();
}

/* false: machine.py did not write such a file. */
static bool read_file(const char *folder, const char *name, void *bytes, size_t size) {
  char path[2 * TEXT];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) return false;
  if (fread(bytes, 1, size, file) != size) abort();
  fclose(file);
  return true;
}

/* ---- what the device says of itself ------------------------------------------------------------------------------ */

static cl_int answer_with(const void *value, size_t bytes, size_t room, void *to, size_t *size) {
  if (size != NULL) *size = bytes;
  if (to == NULL) return CL_SUCCESS;
  if (room < bytes) return CL_INVALID_VALUE;
  memcpy(to, value, bytes);
  return CL_SUCCESS;
}

#define VALUE(type, ...) answer_with(&(const type){__VA_ARGS__}, sizeof(type), room, to, size)
#define WORDS(text) answer_with(text, strlen(text) + 1, room, to, size)

/* As in tests/write_sources.c. A GPU of NVIDIA has a name like sm_80. */
typedef struct vendor {
  const char *name, *version, *c_version, *extensions;
  size_t most_items, local_bytes;
} vendor;

static const vendor *vendor_of_device(void) {
  static const vendor amd = {"Advanced Micro Devices, Inc.",
                             "OpenCL 2.0 emulated",
                             "OpenCL C 2.0 ",
                             "cl_khr_fp16 cl_khr_subgroups",
                             256,
                             64 << 10};
  static const vendor nvidia = {"NVIDIA Corporation", "OpenCL 3.0 emulated", "OpenCL C 1.2 ", "", 1024, 48 << 10};
  return strncmp(setting("EMULATED_DEVICE"), "sm_", 3) == 0 ? &nvidia : &amd;
}

cl_int CL_API_CALL clGetDeviceInfo(cl_device_id of, cl_device_info what, size_t room, void *to, size_t *size) {
  enum { UNITS = 64 };
  const vendor *v = vendor_of_device();
  const size_t most_items[] = {v->most_items, v->most_items, v->most_items};
  switch (what) {
  case CL_DEVICE_TYPE:
    return VALUE(cl_device_type, CL_DEVICE_TYPE_GPU);
  case CL_DEVICE_NAME:
    return WORDS(setting("EMULATED_DEVICE"));
  case CL_DEVICE_VENDOR:
    return WORDS(v->name);
  case CL_DEVICE_VERSION:
    return WORDS(v->version);
  case CL_DEVICE_OPENCL_C_VERSION:
    return WORDS(v->c_version);
  case CL_DEVICE_EXTENSIONS:
    return WORDS(v->extensions);
  case CL_DEVICE_MAX_COMPUTE_UNITS:
    return VALUE(cl_uint, UNITS);
  case 0x1033: /* CL_DEVICE_HALF_FP_CONFIG */
    return VALUE(cl_device_fp_config, CL_FP_DENORM | CL_FP_INF_NAN | CL_FP_ROUND_TO_NEAREST);
  case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
    return VALUE(cl_uint, 1);
  case CL_DEVICE_LOCAL_MEM_SIZE:
    return VALUE(cl_ulong, v->local_bytes);
  case CL_DEVICE_MAX_WORK_GROUP_SIZE:
    return VALUE(size_t, v->most_items);
  case CL_DEVICE_MAX_WORK_ITEM_SIZES:
    return answer_with(most_items, sizeof most_items, room, to, size);
  case CL_DEVICE_HOST_UNIFIED_MEMORY:
    return VALUE(cl_bool, CL_FALSE);
  default:
    return BENEATH(clGetDeviceInfo)(of, what, room, to, size);
  }
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* New memory is full of NaN. */
cl_mem CL_API_CALL clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code) {
  void *nan = host == NULL ? memset(must(malloc(bytes)), 0xff, bytes) : NULL;
  const cl_mem made = BENEATH(clCreateBuffer)(context, nan != NULL ? flags | CL_MEM_COPY_HOST_PTR : flags, bytes,
                                              nan != NULL ? nan : host, code);
  free(nan);
  if (made == NULL) return NULL;
  pthread_mutex_lock(&one_at_a_time);
  int place = 0;
  while (buffers[place] != NULL)
    if (++place == BUFFERS) abort();
  buffers[place] = made;
  pthread_mutex_unlock(&one_at_a_time);
  return made;
}

cl_int CL_API_CALL clReleaseMemObject(cl_mem buffer) {
  cl_uint holders = 0;
  BENEATH(clGetMemObjectInfo)(buffer, CL_MEM_REFERENCE_COUNT, sizeof holders, &holders, NULL);
  pthread_mutex_lock(&one_at_a_time);
  for (int i = 0; holders == 1 && i < BUFFERS; ++i)
    if (buffers[i] == buffer) buffers[i] = NULL;
  pthread_mutex_unlock(&one_at_a_time);
  return BENEATH(clReleaseMemObject)(buffer);
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

cl_program CL_API_CALL clCreateProgramWithSource(cl_context context, cl_uint count, const char **texts,
                                                 const size_t *lengths, cl_int *code) {
  cl_program made = must(calloc(1, sizeof *made));
  char *source = must(calloc(1, 1));
  size_t size = 0;
  for (cl_uint i = 0; i < count; ++i) {
    const size_t length = lengths != NULL && lengths[i] != 0 ? lengths[i] : strlen(texts[i]);
    source = must(realloc(source, size + length + 1));
    memcpy(source + size, texts[i], length);
    size += length;
  }
  pthread_mutex_lock(&one_at_a_time);
  make_folder(made->folder, "program");
  write_file(made->folder, "source.cl", source, size);
  pthread_mutex_unlock(&one_at_a_time);
  free(source);
  made->references = 1;
  made->beneath = BENEATH(clCreateProgramWithSource)(context, count, texts, lengths, code);
  return made;
}

cl_int CL_API_CALL clRetainProgram(cl_program program) {
  ++program->references;
  return CL_SUCCESS;
}

cl_int CL_API_CALL clReleaseProgram(cl_program program) {
  if (--program->references > 0) return CL_SUCCESS;
  if (program->beneath != NULL) BENEATH(clReleaseProgram)(program->beneath);
  free(program);
  return CL_SUCCESS;
}

cl_int CL_API_CALL clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                                  void(CL_CALLBACK *told)(cl_program, void *), void *data) {
  (void)told;
  (void)data;
  write_file(program->folder, "options", options, strlen(options));
  pthread_mutex_lock(&one_at_a_time);
  const bool built = ask("build", program->folder, "", program->reason);
  pthread_mutex_unlock(&one_at_a_time);
  if (BENEATH(clBuildProgram)(program->beneath, count, devices, options, NULL, NULL) != CL_SUCCESS) {
    BENEATH(clReleaseProgram)(program->beneath);
    program->beneath = NULL;
  }
  return built ? CL_SUCCESS : CL_BUILD_PROGRAM_FAILURE;
}

cl_int CL_API_CALL clGetProgramBuildInfo(cl_program program, cl_device_id device, cl_program_build_info what,
                                         size_t room, void *to, size_t *size) {
  (void)device;
  return what == CL_PROGRAM_BUILD_LOG ? WORDS(program->reason) : CL_INVALID_VALUE;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

cl_kernel CL_API_CALL clCreateKernel(cl_program program, const char *name, cl_int *code) {
  char answer[TEXT];
  unsigned long figures[4];
  pthread_mutex_lock(&one_at_a_time);
  const bool found = ask("kernel", program->folder, name, answer) &&
                     sscanf(answer, "%lu %lu %lu %lu", &figures[0], &figures[1], &figures[2], &figures[3]) == 4;
  pthread_mutex_unlock(&one_at_a_time);
  if (code != NULL) *code = found ? CL_SUCCESS : CL_INVALID_KERNEL_NAME;
  if (!found) return NULL;
  cl_kernel made = must(calloc(1, sizeof *made));
  made->references = 1;
  made->program = program;
  made->work_group = figures[0];
  made->lanes = figures[1];
  made->local_bytes = figures[2];
  made->private_bytes = figures[3];
  snprintf(made->name, sizeof made->name, "%s", name);
  if (program->beneath != NULL) made->beneath = BENEATH(clCreateKernel)(program->beneath, name, NULL);
  clRetainProgram(program);
  return made;
}

cl_int CL_API_CALL clRetainKernel(cl_kernel kernel) {
  ++kernel->references;
  return CL_SUCCESS;
}

cl_int CL_API_CALL clReleaseKernel(cl_kernel kernel) {
  if (--kernel->references > 0) return CL_SUCCESS;
  if (kernel->beneath != NULL) BENEATH(clReleaseKernel)(kernel->beneath);
  clReleaseProgram(kernel->program);
  free(kernel);
  return CL_SUCCESS;
}

cl_int CL_API_CALL clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what,
                                            size_t room, void *to, size_t *size) {
  (void)device;
  switch (what) {
  case CL_KERNEL_WORK_GROUP_SIZE:
    return VALUE(size_t, kernel->work_group);
  case CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE:
    return VALUE(size_t, kernel->lanes);
  case CL_KERNEL_LOCAL_MEM_SIZE:
    return VALUE(cl_ulong, kernel->local_bytes);
  case CL_KERNEL_PRIVATE_MEM_SIZE:
    return VALUE(cl_ulong, kernel->private_bytes);
  default:
    return CL_INVALID_VALUE;
  }
}

cl_int CL_API_CALL clSetKernelArg(cl_kernel kernel, cl_uint index, size_t bytes, const void *value) {
  if (index >= ARGUMENTS || bytes > TEXT) return CL_INVALID_ARG_INDEX;
  kernel->argument[index].given = true;
  kernel->argument[index].bytes = bytes;
  memset(kernel->argument[index].value, 0, TEXT);
  if (value != NULL) memcpy(kernel->argument[index].value, value, bytes);
  return kernel->beneath != NULL ? BENEATH(clSetKernelArg)(kernel->beneath, index, bytes, value) : CL_SUCCESS;
}

/* ---- launches ---------------------------------------------------------------------------------------------------- */

/* The argument's buffer; NULL: it is none. */
static cl_mem buffer_of(cl_kernel kernel, int index) {
  cl_mem of = NULL;
  if (kernel->argument[index].bytes != sizeof of) return NULL;
  memcpy(&of, kernel->argument[index].value, sizeof of);
  for (int i = 0; of != NULL && i < BUFFERS; ++i)
    if (buffers[i] == of) return of;
  return NULL;
}

/* Copies what all buffers hold into files NUMBER.WHEN, or with `back` what such files hold into the buffers. */
static void copy_buffers(cl_command_queue queue, cl_kernel kernel, const char *folder, const char *when, bool back) {
  for (int i = 0; i < ARGUMENTS; ++i) {
    const cl_mem buffer = buffer_of(kernel, i);
    size_t bytes = 0;
    char name[NAME];
    if (buffer == NULL || BENEATH(clGetMemObjectInfo)(buffer, CL_MEM_SIZE, sizeof bytes, &bytes, NULL) != CL_SUCCESS)
      continue;
    snprintf(name, sizeof name, "%d.%s", i, when);
    void *held = must(malloc(bytes));
    cl_int code = CL_SUCCESS;
    if (!back) {
      code = BENEATH(clEnqueueReadBuffer)(queue, buffer, CL_TRUE, 0, bytes, held, 0, NULL, NULL);
      write_file(folder, name, held, bytes);
    } else if (read_file(folder, name, held, bytes)) {
      code = BENEATH(clEnqueueWriteBuffer)(queue, buffer, CL_TRUE, 0, bytes, held, 0, NULL, NULL);
    }
    free(held);
    if (code != CL_SUCCESS) abort();
  }
}

/* The file "launch": the program's folder, the kernel, three lines of sizes, and a line for each argument: its number,
 * its bytes and, of a buffer, a name that equal buffers share. */
static void describe(const char *folder, cl_kernel kernel, cl_uint dimensions, const size_t *sizes[3]) {
  char path[2 * TEXT];
  snprintf(path, sizeof path, "%s/launch", folder);
  FILE *file = must(fopen(path, "w"));
  fprintf(file, "%s\n%s\n", kernel->program->folder, kernel->name);
  for (int s = 0; s < 3; ++s)
    for (cl_uint d = 0; d < 3; ++d)
      fprintf(file, "%zu%c", sizes[s] != NULL && d < dimensions ? sizes[s][d] : (size_t)(s != 0), d < 2 ? ' ' : '\n');
  for (int i = 0; i < ARGUMENTS; ++i) {
    if (!kernel->argument[i].given) continue;
    fprintf(file, "%d ", i);
    for (size_t b = 0; b < kernel->argument[i].bytes; ++b) fprintf(file, "%02x", kernel->argument[i].value[b]);
    fprintf(file, buffer_of(kernel, i) != NULL ? " buffer\n" : " value\n");
  }
  if (fclose(file) != 0) abort();
}

cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                          const size_t *offset, const size_t *global, const size_t *local,
                                          cl_uint count, const cl_event *wait, cl_event *event) {
  char folder[TEXT], answer[TEXT];
  pthread_mutex_lock(&one_at_a_time);
  if (count > 0) BENEATH(clWaitForEvents)(count, wait);
  BENEATH(clFinish)(queue);
  make_folder(folder, "launch");
  describe(folder, kernel, dimensions, (const size_t *[]){offset, global, local});
  copy_buffers(queue, kernel, folder, "before", false);
  bool ran = ask("launch", folder, "", answer);
  cl_int code = CL_SUCCESS;
  if (ran && kernel->beneath != NULL) {
    code = BENEATH(clEnqueueNDRangeKernel)(queue, kernel->beneath, dimensions, offset, global, local, 0, NULL, NULL);
    BENEATH(clFinish)(queue);
    copy_buffers(queue, kernel, folder, "beneath", false);
  }
  if (ran) ran = ask("compare", folder, "", answer); /* a difference is for emulate.py and does not end the program */
  copy_buffers(queue, kernel, folder, "after", true);
  pthread_mutex_unlock(&one_at_a_time);
  if (!ran) fprintf(stderr, "emulator: kernel %s: %s\n", kernel->name, answer);
  if (!ran || code != CL_SUCCESS) return CL_OUT_OF_RESOURCES;
  return BENEATH(clEnqueueMarkerWithWaitList)(queue, 0, NULL, event);
}
