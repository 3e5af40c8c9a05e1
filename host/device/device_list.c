/* Finds devices: asks every platform, then keeps the devices that match the caller's request. */
#include "device/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device_rank.h"
#include "device/process.h"
#include "base/status.h"
#include "base/text.h"

struct entry {
  clattn_device_info info;
  cl_device_id id;
  cl_platform_id platform;
};

struct clattn_device_list {
  size_t count;
  struct entry *entry;
};

/* Collects failures, for the message if no device is found. */
typedef struct search {
  clattn_device_list *list;
  cl_int failure;     /* first failure of a skipped device or platform; CL_SUCCESS: none */
  char answers[1024]; /* which of them failed and how, and the platforms without devices */
} search;

/* ---- matching ---------------------------------------------------------------------------------------------------- */

/* `choice` is NULL, an index, or part of the name. */
static bool matches(const char *choice, size_t index, const char *name) {
  if (choice == NULL) return true;
  if (choice[0] != '\0' && strspn(choice, "0123456789") == strlen(choice)) return strtoull(choice, NULL, 10) == index;
  return clattn_contains(name, choice);
}

static bool device_matches(const char *choice, size_t index, const clattn_device_info *info) {
  bool fits = false;
  return choice != NULL && clattn_is_kind(choice, info, &fits) ? fits : matches(choice, index, info->name);
}

/* Keeps the devices that match `choice`. */
static void filter_devices(clattn_device_list *list, const char *choice) {
  size_t kept = 0;
  for (size_t i = 0; i < list->count; ++i)
    if (device_matches(choice, i, &list->entry[i].info)) list->entry[kept++] = list->entry[i];
  list->count = kept;
}

/* ---- querying ---------------------------------------------------------------------------------------------------- */

/* Records a failure. The first one that is not "not found" becomes the error's code. */
static void note(search *s, const char *who, const char *platform, cl_int code) {
  const size_t used = strlen(s->answers);
  snprintf(s->answers + used, sizeof s->answers - used, "%s%s'%s' answers %s (%d)", used > 0 ? ", " : "", who, platform,
           clattn_cl_code_name(code), code);
  clattn_text_trim(s->answers);
  if (s->failure == CL_SUCCESS || s->failure == CL_DEVICE_NOT_FOUND) s->failure = code;
}

/* A device that does not report its limits is skipped, and so is a platform that does not list its
 * devices: the others may work. */
static clattn_status append(search *s, cl_platform_id platform, cl_uint platform_index, cl_device_id id,
                            clattn_error *error) {
  clattn_device_list *list = s->list;
  struct entry *grown = realloc(list->entry, (list->count + 1) * sizeof *grown);
  if (grown == NULL) return clattn_fail_malloc(error, (list->count + 1) * sizeof *grown, "the list of devices");
  list->entry = grown;
  struct entry *entry = &list->entry[list->count];
  entry->id = id;
  entry->platform = platform;
  const cl_int code = clattn_device_describe(platform, id, &entry->info);
  if (code != CL_SUCCESS) {
    note(s, "a device of ", entry->info.platform, code);
    return CLATTN_OK;
  }
  entry->info.platform_index = platform_index;
  entry->info.index = (uint32_t)list->count++;
  return CLATTN_OK;
}

static clattn_status append_platform(search *s, cl_platform_id platform, cl_uint platform_index, const char *name,
                                     clattn_error *error) {
  cl_uint count = 0;
  cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count);
  if (code != CL_SUCCESS || count == 0) {
    note(s, "", name, code != CL_SUCCESS ? code : CL_DEVICE_NOT_FOUND);
    return CLATTN_OK;
  }
  cl_device_id *ids = malloc(count * sizeof *ids);
  if (ids == NULL) return clattn_fail_malloc(error, count * sizeof *ids, "the list of devices");
  clattn_status status = CLATTN_OK;
  code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, ids, NULL);
  if (code != CL_SUCCESS) note(s, "", name, code);
  for (cl_uint i = 0; code == CL_SUCCESS && i < count && status == CLATTN_OK; ++i)
    status = append(s, platform, platform_index, ids[i], error);
  free(ids);
  return status;
}

static clattn_status fail_no_platform(cl_int code, clattn_error *error) {
  const clattn_status status =
      clattn_fail(error, CLATTN_NO_DEVICE, "no OpenCL platform is installed (clGetPlatformIDs: %s (%d))",
                  clattn_cl_code_name(code), code);
  if (error != NULL) error->code = code;
  return status;
}

static clattn_status list_platforms(cl_platform_id **platforms, cl_uint *count, clattn_error *error) {
  enum {
    NO_PLATFORM = -1001
  }; /* CL_PLATFORM_NOT_FOUND_KHR from the ICD loader; some loaders report 0 platforms instead */
  cl_int code = clGetPlatformIDs(0, NULL, count);
  if (code != CL_SUCCESS || *count == 0) return fail_no_platform(code != CL_SUCCESS ? code : NO_PLATFORM, error);
  *platforms = malloc(*count * sizeof **platforms);
  if (*platforms == NULL) return clattn_fail_malloc(error, *count * sizeof **platforms, "the list of platforms");
  code = clGetPlatformIDs(*count, *platforms, NULL);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "clGetPlatformIDs");
}

/* ---- listing ----------------------------------------------------------------------------------------------------- */

/* The error's code comes from the driver; it is 0 if there are devices but none matches. */
static clattn_status fail_no_match(const clattn_device_choice *choice, const search *s, size_t found,
                                   clattn_error *error) {
  char answered[sizeof s->answers + 2] = "";
  if (s->answers[0] != '\0') snprintf(answered, sizeof answered, ": %s", s->answers);
  if (found > 0)
    return clattn_fail(error, CLATTN_NO_DEVICE,
                       "no device matches '%s' (allowed: an index below %zu, a part of a device's name, or one of gpu, "
                       "cpu, accelerator, discrete, integrated)%s",
                       choice->device, found, answered);
  if (choice->platform == NULL)
    clattn_fail(error, CLATTN_NO_DEVICE, "the installed OpenCL platforms have no device%s", answered);
  else
    clattn_fail(error, CLATTN_NO_DEVICE, "no device on a platform that matches '%s'%s", choice->platform, answered);
  if (error != NULL) error->code = s->failure;
  return CLATTN_NO_DEVICE;
}

static clattn_status search_all(search *s, const clattn_device_choice *choice, clattn_error *error) {
  cl_platform_id *platforms = NULL;
  cl_uint count = 0;
  cl_int code = CL_SUCCESS;
  clattn_status status = list_platforms(&platforms, &count, error);
  for (cl_uint i = 0; status == CLATTN_OK && i < count; ++i) {
    char name[sizeof s->list->entry->info.platform];
    clattn_platform_name(platforms[i], name, sizeof name, &code);
    if (code != CL_SUCCESS)
      status = clattn_fail_cl(error, code, "cannot query the name of platform %u", i);
    else if (matches(choice->platform, i, name))
      status = append_platform(s, platforms[i], i, name, error);
  }
  free(platforms);
  if (status != CLATTN_OK) return status;
  const size_t found = s->list->count;
  filter_devices(s->list, choice->device);
  return s->list->count > 0 ? CLATTN_OK : fail_no_match(choice, s, found, error);
}

clattn_status clattn_device_list_create(const clattn_device_choice *choice, clattn_device_list **result,
                                        clattn_error *error) {
  static const clattn_device_choice any = {NULL, NULL};
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the list is NULL");
  *result = NULL;
  clattn_status status = clattn_process_check(error);
  if (status != CLATTN_OK) return status;
  search s = {.list = calloc(1, sizeof *s.list), .failure = CL_SUCCESS};
  if (s.list == NULL) return clattn_fail_malloc(error, sizeof *s.list, "the list of devices");
  clattn_drivers_take();
  status = search_all(&s, choice != NULL ? choice : &any, error);
  clattn_drivers_give();
  if (status == CLATTN_OK)
    *result = s.list;
  else
    clattn_device_list_destroy(s.list);
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

/* ---- opening a device from a list -------------------------------------------------------------------------------- */

clattn_status clattn_device_list_best(const clattn_device_list *list, const double *rates, size_t *index,
                                      clattn_error *error) {
  if (list == NULL || list->count == 0 || index == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the list is NULL or empty, or the place for the index is NULL");
  const clattn_device_info **info = malloc(list->count * sizeof *info);
  if (info == NULL) return clattn_fail_malloc(error, list->count * sizeof *info, "the order of devices");
  for (size_t i = 0; i < list->count; ++i) info[i] = &list->entry[i].info;
  *index = clattn_best_device(info, rates, list->count);
  free(info);
  return clattn_finish(error, CLATTN_OK);
}

clattn_status clattn_device_list_open(const clattn_device_list *list, size_t index, clattn_device **result,
                                      clattn_error *error) {
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the device is NULL");
  *result = NULL;
  if (list == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the list is NULL");
  if (index >= list->count)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "device %zu of the list (allowed: below %zu)", index,
                       list->count);
  const struct entry *entry = &list->entry[index];
  return clattn_finish(error, clattn_device_open_on(entry->platform, entry->id, &entry->info, result, error));
}

clattn_status clattn_device_open(const clattn_device_choice *choice, clattn_device **result, clattn_error *error) {
  clattn_device_list *list = NULL;
  size_t best = 0;
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the device is NULL");
  *result = NULL;
  clattn_status status = clattn_device_list_create(choice, &list, error);
  if (status == CLATTN_OK) status = clattn_device_list_best(list, NULL, &best, error);
  if (status == CLATTN_OK) status = clattn_device_list_open(list, best, result, error);
  clattn_device_list_destroy(list);
  return clattn_finish(error, status);
}
