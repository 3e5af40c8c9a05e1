/* The store of compiled programs: see program_store.h. program_file.c defines the file format. */
#include "programs/program_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_system.h"
#include "base/hash.h"
#include "programs/program_file.h"

/* docs/devices.md says what was observed with each driver; NVIDIA's was not tested. A driver
 * missing here does no harm: its programs are stored twice at worst. */
static const char *const keepers[] = {"Portable Computing Language", "NVIDIA CUDA", "rusticl"};

bool clattn_platform_keeps_programs(const char *platform) {
  for (size_t i = 0; i < sizeof keepers / sizeof keepers[0]; ++i)
    if (strcmp(platform, keepers[i]) == 0) return true;
  return false;
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static void platform_version(const clattn_device *device, char *version, size_t size) {
  cl_platform_id platform = NULL;
  version[0] = '\0';
  if (clGetDeviceInfo(device->id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL) == CL_SUCCESS)
    clGetPlatformInfo(platform, CL_PLATFORM_VERSION, size - 1, version, NULL);
}

/* The key includes compute units, vector width and address bits, because machines that share a home
 * folder may have CPUs with the same name and different features. */
static bool write_key(clattn_stored *stored, const char *text) {
  const clattn_device_info *info = &stored->device->info;
  const size_t length = strlen(text);
  char version[256];
  memset(version, 0, sizeof version);
  platform_version(stored->device, version, sizeof version);
  const int written =
      snprintf(stored->key, sizeof stored->key,
               "platform  %s, %s\ndevice    %s, %s, %s, %u units, %u lanes, %u bits\ndriver    %s\noptions   %s\n"
               "source    %zu bytes, %016llx",
               info->platform, version, info->name, info->vendor, info->version, info->compute_units,
               info->native_float_width, stored->device->address_bits, info->driver_version, stored->options, length,
               (unsigned long long)clattn_hash_add(CLATTN_HASH_START, text, length));
  return written > 0 && (size_t)written < sizeof stored->key;
}

bool clattn_store_place(clattn_stored *stored, const clattn_device *device, const char *folder, const char *options,
                        const char *text, const char *what) {
  stored->device = device;
  stored->folder = folder;
  stored->options = options;
  if (!write_key(stored, text)) return false;
  const unsigned long long hash = clattn_hash_add(CLATTN_HASH_START, stored->key, strlen(stored->key));
  const int length = snprintf(stored->path, sizeof stored->path, "%s/%016llx.%s", folder, hash, what);
  if (length < 0 || (size_t)length >= sizeof stored->path) return false;
  stored->name = strrchr(stored->path, '/') + 1;
  return true;
}

/* Must run before reading, too: binaries from the folder are executed. */
const char *clattn_store_prepare(const clattn_stored *stored) {
  errno = 0;
  if (!clattn_make_folders(stored->folder)) return errno != 0 ? strerror(errno) : "cannot make it";
  return clattn_folder_trouble(stored->folder);
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

/* NULL if the driver rejects the binary. */
static cl_program build_binary(const clattn_stored *stored, const unsigned char *bytes, size_t size) {
  const cl_device_id id = stored->device->id;
  cl_int of_binary = CL_SUCCESS, code = CL_SUCCESS;
  cl_program program = clCreateProgramWithBinary(stored->device->context, 1, &id, &size, &bytes, &of_binary, &code);
  if (code == CL_SUCCESS) code = of_binary;
  if (code == CL_SUCCESS) code = clBuildProgram(program, 1, &id, stored->options, NULL, NULL);
  if (code == CL_SUCCESS) return program;
  if (program != NULL) clReleaseProgram(program);
  return NULL;
}

static bool has_kernels(cl_program program, const char *const *kernels) {
  for (; *kernels != NULL; ++kernels) {
    cl_int code = CL_SUCCESS;
    cl_kernel kernel = clCreateKernel(program, *kernels, &code);
    if (code != CL_SUCCESS) return false;
    clReleaseKernel(kernel);
  }
  return true;
}

cl_program clattn_store_load(const clattn_stored *stored, const char *const *kernels, bool *useless) {
  unsigned char *bytes = NULL;
  size_t size = 0;
  const clattn_program_file_state state = clattn_program_file_read(stored->path, stored->key, &bytes, &size);
  cl_program program = state == CLATTN_PROGRAM_FILE_READ ? build_binary(stored, bytes, size) : NULL;
  if (program != NULL && !has_kernels(program, kernels)) {
    clReleaseProgram(program);
    program = NULL;
  }
  *useless = state != CLATTN_PROGRAM_FILE_MISSING && program == NULL;
  free(bytes);
  return program;
}

/* ---- saving ------------------------------------------------------------------------------------------------------ */

/* Fills *bytes (free with free()) and returns NULL, or the reason why there is no binary. */
static const char *get_binary(cl_program program, unsigned char **bytes, size_t *size) {
  static const char *const none = "the driver provides no binary";
  *bytes = NULL;
  if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof *size, size, NULL) != CL_SUCCESS || *size == 0)
    return none;
  *bytes = malloc(*size);
  if (*bytes == NULL) return "no host memory for the binary";
  if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof *bytes, bytes, NULL) == CL_SUCCESS) return NULL;
  free(*bytes);
  *bytes = NULL;
  return none;
}

/* A caller's context may include devices for which nothing was built; PoCL 3.1 then crashes when
 * asked for the binaries. */
static bool is_of_one_device(cl_program program) {
  cl_uint count = 0;
  return clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof count, &count, NULL) == CL_SUCCESS && count == 1;
}

const char *clattn_store_save(const clattn_stored *stored, cl_program program) {
  unsigned char *bytes = NULL;
  size_t size = 0;
  if (!is_of_one_device(program)) return "the context also has other devices";
  const char *reason = get_binary(program, &bytes, &size);
  if (reason != NULL) return reason;
  const int code = clattn_program_file_write(stored->path, stored->key, bytes, size);
  free(bytes);
  return code == 0 ? NULL : code > 0 ? strerror(code) : "cannot write it";
}
