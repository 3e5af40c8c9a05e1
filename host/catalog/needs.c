/* The table of needs: for each its name, and whether a device has it. A row belongs here once
 * clattn_device_info can answer it. */
#include "catalog/needs.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

static bool has_extension(const clattn_device_info *device, const char *name) {
  const size_t length = strlen(name);
  for (const char *at = device->extensions; (at = strstr(at, name)) != NULL; at += length)
    if ((at == device->extensions || at[-1] == ' ') && strchr(" ", at[length]) != NULL) return true; /* or the end */
  return false;
}

static bool has_local_memory(const clattn_device_info *device) {
  return device->local_memory_bytes > 0;
}

static bool has_sub_groups(const clattn_device_info *device) {
  return has_extension(device, "cl_khr_subgroups") || has_extension(device, "cl_intel_subgroups");
}

static bool has_sub_group_width(const clattn_device_info *device) {
  return has_extension(device, "cl_intel_required_subgroup_size") ||
         has_extension(device, "cl_qcom_reqd_sub_group_size");
}

static bool has_half(const clattn_device_info *device) {
  return has_extension(device, "cl_khr_fp16") && device->exact_halves;
}

static const struct {
  clattn_need need;
  const char *name, *lacking; /* what is missing where the device does not have it */
  bool (*has)(const clattn_device_info *device);
} needs_table[] = {
    {CLATTN_NEEDS_LOCAL_MEMORY, "local memory", "none", has_local_memory},
    {CLATTN_NEEDS_SUB_GROUPS, "sub-groups", "neither cl_khr_subgroups nor cl_intel_subgroups", has_sub_groups},
    {CLATTN_NEEDS_SUB_GROUP_WIDTH, "sub-groups of a fixed width",
     "neither cl_intel_required_subgroup_size nor cl_qcom_reqd_sub_group_size", has_sub_group_width},
    {CLATTN_NEEDS_HALF, "half arithmetic", "no cl_khr_fp16 that rounds to nearest and keeps numbers below 2^-14",
     has_half},
};

clattn_status clattn_needs_met(unsigned needs, const clattn_device_info *device, clattn_error *error) {
  for (size_t i = 0; i < sizeof needs_table / sizeof needs_table[0]; ++i)
    if ((needs & needs_table[i].need) != 0 && !needs_table[i].has(device))
      return clattn_fail(error, CLATTN_UNSUPPORTED, "needs %s; '%s' has %s", needs_table[i].name, device->name,
                         needs_table[i].lacking);
  return CLATTN_OK;
}

/* Not always the newest one: with 3.0, Intel's compiler of 2022 fails on its own header on GPUs without
 * images. */
const char *clattn_needs_language(unsigned needs, const clattn_device_info *device) {
  static const char begin[] = "OpenCL ";
  const char *version = device->version;
  if ((needs & CLATTN_NEEDS_SUB_GROUPS) == 0 || has_extension(device, "cl_intel_subgroups") ||
      strncmp(version, begin, sizeof begin - 1) != 0)
    return "-cl-std=CL1.2";
  const long number = strtol(version + sizeof begin - 1, NULL, 10);
  return number >= 3 ? "-cl-std=CL3.0" : number == 2 ? "-cl-std=CL2.0" : "-cl-std=CL1.2";
}
