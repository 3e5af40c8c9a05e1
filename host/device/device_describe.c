/* Queries what a driver reports about its device. */
#include "device/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device_rank.h"
#include "base/text.h"

/* Extensions that attention kernels can use. */
static const char *const extensions_that_matter[] = {
    "cl_khr_fp16",
    "cl_khr_fp64",
    "cl_khr_subgroups",
    "cl_intel_subgroups",
    "cl_intel_required_subgroup_size",
    "cl_khr_subgroup_shuffle",
    "cl_khr_integer_dot_product",
    "cl_khr_il_program",
    "cl_khr_command_buffer",
    "cl_arm_matrix_multiply",
    "cl_qcom_reqd_sub_group_size",
};

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* Queries a text of the device, or of the platform if id is NULL. */
static cl_int ask_text(cl_platform_id platform, cl_device_id id, cl_uint what, size_t size, void *to, size_t *bytes) {
  return id != NULL ? clGetDeviceInfo(id, what, size, to, bytes) : clGetPlatformInfo(platform, what, size, to, bytes);
}

/* The driver's text; free with free(). NULL if the driver has none, or if host memory runs out,
 * which *code reports. */
static char *raw_text(cl_platform_id platform, cl_device_id id, cl_uint what, cl_int *code) {
  size_t bytes = 0;
  if (ask_text(platform, id, what, 0, NULL, &bytes) != CL_SUCCESS || bytes == 0) return NULL;
  char *text = calloc(bytes + 1, 1);
  if (text == NULL) {
    *code = CL_OUT_OF_HOST_MEMORY;
    return NULL;
  }
  if (ask_text(platform, id, what, bytes, text, NULL) == CL_SUCCESS) return text;
  free(text);
  return NULL;
}

/* Longer texts are cut; a missing one becomes "". Sets *code only if host memory runs out. */
static void copy_text(cl_platform_id platform, cl_device_id id, cl_uint what, char *to, size_t size, cl_int *code) {
  char *text = raw_text(platform, id, what, code);
  clattn_text_copy(to, size, text != NULL ? text : "", false);
  free(text);
}

void clattn_platform_name(cl_platform_id platform, char *to, size_t size, cl_int *code) {
  copy_text(platform, NULL, CL_PLATFORM_NAME, to, size, code);
  if (to[0] == '\0') snprintf(to, size, "unnamed platform");
}

static void list_extensions(cl_device_id id, char *to, size_t size, cl_int *code) {
  char *all = raw_text(NULL, id, CL_DEVICE_EXTENSIONS, code);
  to[0] = '\0';
  for (const char *word = all != NULL ? all : ""; *word != '\0';) {
    const size_t length = strcspn(word, " ");
    for (size_t i = 0; i < sizeof extensions_that_matter / sizeof extensions_that_matter[0]; ++i) {
      const char *name = extensions_that_matter[i];
      if (length != strlen(name) || strncmp(word, name, length) != 0) continue;
      if (strlen(to) + length + 2 > size) continue;
      if (to[0] != '\0') strcat(to, " ");
      strcat(to, name);
    }
    word += length;
    word += strspn(word, " ");
  }
  free(all);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* A required query: nothing can be planned without it. *code keeps the first failure. */
static void ask(cl_device_id id, cl_device_info what, size_t size, void *to, cl_int *code) {
  const cl_int answer = clGetDeviceInfo(id, what, size, to, NULL);
  if (*code == CL_SUCCESS) *code = answer;
}

static clattn_device_type device_type(cl_device_id id, cl_int *code) {
  cl_device_type type = 0;
  ask(id, CL_DEVICE_TYPE, sizeof type, &type, code);
  if (type & CL_DEVICE_TYPE_GPU) return CLATTN_DEVICE_GPU;
  if (type & CL_DEVICE_TYPE_ACCELERATOR) return CLATTN_DEVICE_ACCELERATOR;
  if (type & CL_DEVICE_TYPE_CPU) return CLATTN_DEVICE_CPU;
  return CLATTN_DEVICE_OTHER;
}

cl_uint clattn_device_uint(cl_device_id id, cl_device_info what, cl_int *code) {
  cl_uint value = 0;
  ask(id, what, sizeof value, &value, code);
  return value;
}

static cl_ulong device_ulong(cl_device_id id, cl_device_info what, cl_int *code) {
  cl_ulong value = 0;
  ask(id, what, sizeof value, &value, code);
  return value;
}

/* OpenCL 2.0 deprecates this property, but drivers still report it. Without it the answer is
 * "unknown". */
static clattn_integration integration_of(cl_device_id id) {
  cl_bool unified = CL_FALSE;
  if (clGetDeviceInfo(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, NULL) != CL_SUCCESS)
    return CLATTN_INTEGRATION_UNKNOWN;
  return unified ? CLATTN_INTEGRATED : CLATTN_DISCRETE;
}

/* From cl_nv_device_attribute_query, as major * 10 + minor (86); 0 if the driver lacks it. */
static unsigned compute_capability(cl_device_id id) {
  enum { MAJOR = 0x4000, MINOR = 0x4001 };
  cl_uint major = 0, minor = 0;
  if (clGetDeviceInfo(id, MAJOR, sizeof major, &major, NULL) != CL_SUCCESS ||
      clGetDeviceInfo(id, MINOR, sizeof minor, &minor, NULL) != CL_SUCCESS)
    return 0;
  return major * 10 + minor;
}

/* From cl_intel_required_subgroup_size. */
static uint32_t least_sub_group(cl_device_id id) {
  enum { SIZES = 0x4108, SIZES_MOST = 16 };
  size_t sizes[SIZES_MOST], bytes = 0, least = 0;
  if (clGetDeviceInfo(id, SIZES, sizeof sizes, sizes, &bytes) != CL_SUCCESS) return 0;
  for (size_t i = 0; i < bytes / sizeof sizes[0]; ++i)
    if (least == 0 || sizes[i] < least) least = sizes[i];
  return (uint32_t)least;
}

/* From cl_khr_fp16, whose devices may also truncate, or lose small numbers. */
static bool has_exact_halves(cl_device_id id) {
  enum { HALF_FP_CONFIG = 0x1033 };
  const cl_device_fp_config needed = CL_FP_DENORM | CL_FP_INF_NAN | CL_FP_ROUND_TO_NEAREST;
  cl_device_fp_config config = 0;
  return clGetDeviceInfo(id, HALF_FP_CONFIG, sizeof config, &config, NULL) == CL_SUCCESS && (config & needed) == needed;
}

/* Missing texts are allowed, missing numbers are not. */
cl_int clattn_device_describe(cl_platform_id platform, cl_device_id id, clattn_device_info *info) {
  cl_int code = CL_SUCCESS;
  memset(info, 0, sizeof *info);
  clattn_platform_name(platform, info->platform, sizeof info->platform, &code);
  copy_text(NULL, id, CL_DEVICE_NAME, info->name, sizeof info->name, &code);
  copy_text(NULL, id, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor, &code);
  copy_text(NULL, id, CL_DEVICE_VERSION, info->version, sizeof info->version, &code);
  copy_text(NULL, id, CL_DRIVER_VERSION, info->driver_version, sizeof info->driver_version, &code);
  copy_text(NULL, id, CL_DEVICE_OPENCL_C_VERSION, info->c_version, sizeof info->c_version, &code);
  info->type = device_type(id, &code);
  info->compute_units = clattn_device_uint(id, CL_DEVICE_MAX_COMPUTE_UNITS, &code);
  info->clock_mhz = clattn_device_uint(id, CL_DEVICE_MAX_CLOCK_FREQUENCY, &code);
  info->native_float_width =
      clattn_float_width(info->version, clattn_device_uint(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, &code));
  info->global_memory_bytes = device_ulong(id, CL_DEVICE_GLOBAL_MEM_SIZE, &code);
  info->max_allocation_bytes = device_ulong(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, &code);
  info->local_memory_bytes = device_ulong(id, CL_DEVICE_LOCAL_MEM_SIZE, &code);
  size_t work_group = 0, sizes[3] = {0, 0, 0};
  ask(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof work_group, &work_group, &code);
  ask(id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, &code);
  info->max_work_group = work_group;
  for (int i = 0; i < 3; ++i) info->max_work_item_sizes[i] = sizes[i];
  cl_bool little_endian = CL_TRUE;
  ask(id, CL_DEVICE_ENDIAN_LITTLE, sizeof little_endian, &little_endian, &code);
  info->little_endian = little_endian == CL_TRUE;
  list_extensions(id, info->extensions, sizeof info->extensions, &code);
  info->integration = integration_of(id);
  info->unit_lanes = clattn_unit_lanes(info, compute_capability(id));
  info->least_sub_group = least_sub_group(id);
  info->exact_halves = has_exact_halves(id);
  return code;
}
