/* Finding, describing and opening OpenCL devices. */
#include "device.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clattn_cl.h"
#include "program.h"
#include "status.h"

/* Extensions that attention kernels can make use of. */
static const char *const extensions_that_matter[] = {
    "cl_khr_fp16",
    "cl_khr_fp64",
    "cl_khr_subgroups",
    "cl_intel_subgroups",
    "cl_khr_subgroup_shuffle",
    "cl_khr_integer_dot_product",
    "cl_khr_il_program",
    "cl_khr_command_buffer",
    "cl_arm_matrix_multiply",
    "cl_qcom_reqd_sub_group_size",
};

struct clattn_device_list {
  size_t count;
  struct entry {
    clattn_device_info info;
    cl_device_id id;
    cl_platform_id platform;
  } * entry;
};

/* ---- describing -------------------------------------------------------------------------------------------------- */

/* Longer strings are cut; a property that the driver does not know becomes "". *code tells of a lack of memory alone.
 */
static void device_string(cl_device_id id, cl_device_info what, char *to, size_t size, cl_int *code) {
  size_t bytes = 0;
  to[0] = '\0';
  if (clGetDeviceInfo(id, what, 0, NULL, &bytes) != CL_SUCCESS || bytes == 0) return;
  char *text = calloc(bytes + 1, 1);
  if (text == NULL) {
    *code = CL_OUT_OF_HOST_MEMORY;
    return;
  }
  if (clGetDeviceInfo(id, what, bytes, text, NULL) == CL_SUCCESS) {
    strncpy(to, text, size - 1);
    to[size - 1] = '\0';
  }
  free(text);
}

static void list_extensions(cl_device_id id, char *to, size_t size, cl_int *code) {
  char all[8192];
  device_string(id, CL_DEVICE_EXTENSIONS, all, sizeof all, code);
  to[0] = '\0';
  for (const char *word = all; *word != '\0';) {
    const size_t length = strcspn(word, " ");
    for (size_t i = 0; i < sizeof extensions_that_matter / sizeof extensions_that_matter[0]; ++i) {
      const char *name = extensions_that_matter[i];
      if (length != strlen(name) || strncmp(word, name, length) != 0) continue;
      if (strlen(to) + length + 2 > size) return;
      if (to[0] != '\0') strcat(to, " ");
      strcat(to, name);
    }
    word += length;
    word += strspn(word, " ");
  }
}

/* Without one of these nothing can be planned. *code keeps the first failure. */
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

static cl_uint device_uint(cl_device_id id, cl_device_info what, cl_int *code) {
  cl_uint value = 0;
  ask(id, what, sizeof value, &value, code);
  return value;
}

static cl_ulong device_ulong(cl_device_id id, cl_device_info what, cl_int *code) {
  cl_ulong value = 0;
  ask(id, what, sizeof value, &value, code);
  return value;
}

/* Texts may be lacking, numbers may not. */
static cl_int describe(cl_platform_id platform, cl_device_id id, clattn_device_info *info) {
  cl_int code = CL_SUCCESS;
  memset(info, 0, sizeof *info);
  if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof info->platform - 1, info->platform, NULL) != CL_SUCCESS)
    strcpy(info->platform, "unnamed platform");
  device_string(id, CL_DEVICE_NAME, info->name, sizeof info->name, &code);
  device_string(id, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor, &code);
  device_string(id, CL_DEVICE_VERSION, info->version, sizeof info->version, &code);
  device_string(id, CL_DRIVER_VERSION, info->driver_version, sizeof info->driver_version, &code);
  device_string(id, CL_DEVICE_OPENCL_C_VERSION, info->c_version, sizeof info->c_version, &code);
  info->type = device_type(id, &code);
  info->compute_units = device_uint(id, CL_DEVICE_MAX_COMPUTE_UNITS, &code);
  info->clock_mhz = device_uint(id, CL_DEVICE_MAX_CLOCK_FREQUENCY, &code);
  info->native_float_width = device_uint(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, &code);
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
  return code;
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

static bool contains(const char *text, const char *part) {
  const size_t length = strlen(part);
  for (; *text != '\0'; ++text) {
    size_t i = 0;
    while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) ++i;
    if (i == length) return true;
  }
  return length == 0;
}

/* `choice` is NULL, an index, or a part of the name. */
static bool matches(const char *choice, size_t index, const char *name) {
  if (choice == NULL) return true;
  if (choice[0] != '\0' && strspn(choice, "0123456789") == strlen(choice)) return strtoull(choice, NULL, 10) == index;
  return contains(name, choice);
}

static bool platform_matches(const char *choice, size_t index, cl_platform_id platform) {
  char name[128] = "";
  clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL);
  return matches(choice, index, name);
}

/* ---- listing ----------------------------------------------------------------------------------------------------- */

/* A device that does not tell its limits is passed over, like a platform that does not list its devices: the others may
 * work. The code is left in *failure. */
static clattn_status append(clattn_device_list *list, cl_platform_id platform, cl_uint platform_index, cl_device_id id,
                            cl_int *failure, clattn_error *error) {
  struct entry *grown = realloc(list->entry, (list->count + 1) * sizeof *grown);
  if (grown == NULL) return clattn_fail_malloc(error, (list->count + 1) * sizeof *grown, "the list of devices");
  list->entry = grown;
  struct entry *entry = &list->entry[list->count];
  entry->id = id;
  entry->platform = platform;
  const cl_int code = describe(platform, id, &entry->info);
  if (code != CL_SUCCESS) {
    *failure = code;
    return CLATTN_OK;
  }
  entry->info.platform_index = platform_index;
  entry->info.index = (uint32_t)list->count++;
  return CLATTN_OK;
}

static clattn_status append_platform(clattn_device_list *list, cl_platform_id platform, cl_uint platform_index,
                                     cl_int *failure, clattn_error *error) {
  cl_uint count = 0;
  cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count);
  if (code != CL_SUCCESS || count == 0) {
    if (code != CL_SUCCESS && code != CL_DEVICE_NOT_FOUND) *failure = code;
    return CLATTN_OK;
  }
  cl_device_id *ids = malloc(count * sizeof *ids);
  if (ids == NULL) return clattn_fail_malloc(error, count * sizeof *ids, "the list of devices");
  clattn_status status = CLATTN_OK;
  code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, ids, NULL);
  if (code != CL_SUCCESS) *failure = code;
  for (cl_uint i = 0; code == CL_SUCCESS && i < count && status == CLATTN_OK; ++i)
    status = append(list, platform, platform_index, ids[i], failure, error);
  free(ids);
  return status;
}

static clattn_status list_platforms(cl_platform_id **platforms, cl_uint *count, clattn_error *error) {
  cl_int code = clGetPlatformIDs(0, NULL, count);
  if (code != CL_SUCCESS || *count == 0)
    return clattn_fail(error, CLATTN_NO_DEVICE, "no OpenCL platform is installed (clGetPlatformIDs: %s (%d))",
                       clattn_cl_code_name(code), code);
  *platforms = malloc(*count * sizeof **platforms);
  if (*platforms == NULL) return clattn_fail_malloc(error, *count * sizeof **platforms, "the list of platforms");
  code = clGetPlatformIDs(*count, *platforms, NULL);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "clGetPlatformIDs");
}

/* Keeps the devices that `choice` leaves. */
static void filter_devices(clattn_device_list *list, const char *choice) {
  size_t kept = 0;
  for (size_t i = 0; i < list->count; ++i)
    if (matches(choice, i, list->entry[i].info.name)) list->entry[kept++] = list->entry[i];
  list->count = kept;
}

static clattn_status fail_no_match(const clattn_device_choice *choice, size_t found, cl_int failure,
                                   clattn_error *error) {
  char answered[96] = "";
  if (failure != CL_SUCCESS)
    snprintf(answered, sizeof answered, "; one of them answered %s (%d)", clattn_cl_code_name(failure), failure);
  if (found == 0 && choice->platform == NULL)
    return clattn_fail(error, CLATTN_NO_DEVICE, "the installed OpenCL platforms have no device%s", answered);
  if (found == 0)
    return clattn_fail(error, CLATTN_NO_DEVICE, "no device on a platform that matches '%s'%s", choice->platform,
                       answered);
  return clattn_fail(error, CLATTN_NO_DEVICE,
                     "no device matches '%s' (allowed: an index below %zu, or a part of a device's name)%s",
                     choice->device, found, answered);
}

clattn_status clattn_device_list_create(const clattn_device_choice *choice, clattn_device_list **result,
                                        clattn_error *error) {
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the list is NULL");
  *result = NULL;
  static const clattn_device_choice any = {NULL, NULL};
  if (choice == NULL) choice = &any;

  cl_platform_id *platforms = NULL;
  cl_uint count = 0;
  cl_int failure = CL_SUCCESS;
  clattn_device_list *list = calloc(1, sizeof *list);
  if (list == NULL) return clattn_fail_malloc(error, sizeof *list, "the list of devices");
  clattn_status status = list_platforms(&platforms, &count, error);
  for (cl_uint i = 0; status == CLATTN_OK && i < count; ++i)
    if (platform_matches(choice->platform, i, platforms[i]))
      status = append_platform(list, platforms[i], i, &failure, error);
  if (status == CLATTN_OK) {
    const size_t found = list->count;
    filter_devices(list, choice->device);
    if (list->count == 0) status = fail_no_match(choice, found, failure, error);
  }
  free(platforms);
  if (status == CLATTN_OK)
    *result = list;
  else
    clattn_device_list_destroy(list);
  return clattn_finish(error, status);
}

size_t clattn_device_list_count(const clattn_device_list *list) {
  return list->count;
}

const clattn_device_info *clattn_device_list_info(const clattn_device_list *list, size_t index) {
  return index < list->count ? &list->entry[index].info : NULL;
}

void clattn_device_list_destroy(clattn_device_list *list) {
  if (list == NULL) return;
  free(list->entry);
  free(list);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static bool better(const clattn_device_info *a, const clattn_device_info *b) {
  if (a->type != b->type) return a->type < b->type; /* the enum is in order of preference */
  return (uint64_t)a->compute_units * a->clock_mhz > (uint64_t)b->compute_units * b->clock_mhz;
}

static clattn_status open_entry(const struct entry *entry, clattn_device *device, clattn_error *error) {
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)entry->platform, 0};
  cl_int code = CL_SUCCESS;
  device->id = entry->id;
  device->info = entry->info;
  device->address_bits = device_uint(device->id, CL_DEVICE_ADDRESS_BITS, &code);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "asking '%s' for its address bits", entry->info.name);
  device->context = clCreateContext(properties, 1, &entry->id, NULL, NULL, &code);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clCreateContext on '%s'", entry->info.name);
  device->queue = clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &code);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clCreateCommandQueue on '%s'", entry->info.name);
  device->profiling = true;
  return CLATTN_OK;
}

clattn_status clattn_device_open(const clattn_device_choice *choice, clattn_device **result, clattn_error *error) {
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the device is NULL");
  *result = NULL;
  clattn_device_list *list = NULL;
  clattn_device *device = NULL;
  clattn_status status = clattn_device_list_create(choice, &list, error);
  if (status != CLATTN_OK) goto cleanup;
  size_t best = 0;
  for (size_t i = 1; i < list->count; ++i)
    if (better(&list->entry[i].info, &list->entry[best].info)) best = i;
  device = calloc(1, sizeof *device);
  if (device == NULL) {
    status = clattn_fail_malloc(error, sizeof *device, "a device");
    goto cleanup;
  }
  status = open_entry(&list->entry[best], device, error);
  if (status != CLATTN_OK) goto cleanup;
  *result = device;
  device = NULL;
cleanup:
  clattn_device_close(device);
  clattn_device_list_destroy(list);
  return clattn_finish(error, status);
}

clattn_status clattn_device_adopt(cl_command_queue queue, clattn_device **result, clattn_error *error) {
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the device is NULL");
  *result = NULL;
  if (queue == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the queue is NULL");
  cl_context context = NULL;
  cl_device_id id = NULL;
  cl_platform_id platform = NULL;
  cl_command_queue_properties properties = 0;
  cl_int code = clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL);
  if (code == CL_SUCCESS) code = clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof id, &id, NULL);
  if (code == CL_SUCCESS)
    code = clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
  if (code == CL_SUCCESS) code = clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "asking the given queue for its context and device");

  clattn_device *device = calloc(1, sizeof *device);
  if (device == NULL) return clattn_fail_malloc(error, sizeof *device, "a device");
  code = describe(platform, id, &device->info);
  device->id = id;
  device->address_bits = device_uint(id, CL_DEVICE_ADDRESS_BITS, &code);
  device->profiling = (properties & CL_QUEUE_PROFILING_ENABLE) != 0;
  if (code == CL_SUCCESS) code = clRetainContext(context);
  if (code == CL_SUCCESS) device->context = context;
  if (code == CL_SUCCESS) code = clRetainCommandQueue(queue);
  if (code == CL_SUCCESS) device->queue = queue;
  if (code != CL_SUCCESS) {
    clattn_device_close(device);
    return clattn_fail_cl(error, code,
                          "asking the device of the given queue for its limits, and retaining context and queue");
  }
  *result = device;
  return clattn_finish(error, CLATTN_OK);
}

void clattn_device_close(clattn_device *device) {
  if (device == NULL) return;
  clattn_programs_release(device);
  if (device->queue != NULL) clReleaseCommandQueue(device->queue);
  if (device->context != NULL) clReleaseContext(device->context);
  free(device);
}

const clattn_device_info *clattn_device_get_info(const clattn_device *device) {
  return &device->info;
}
