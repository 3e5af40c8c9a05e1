/* How many work-items a work-group may have: see work_group.h. */
#include "device/work_group.h"

#include "base/sizes.h"

cl_int clattn_largest_group(const clattn_device *device, cl_kernel kernel, size_t *most) {
  size_t multiple = 0;
  cl_int code = clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof *most, most, NULL);
  if (code == CL_SUCCESS)
    code = clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE, sizeof multiple,
                                    &multiple, NULL);
  if (code == CL_SUCCESS && *most == multiple) *most = (size_t)device->info.max_work_group;
  return code;
}

/* Enough to fill a GPU's widest sub-group, but so few that small results use all compute units. */
#define GROUP_ITEMS 64

size_t clattn_group_items(const clattn_device *device, size_t most) {
  size_t items = 1;
  for (int d = 0; d < 2; ++d) most = clattn_smaller(most, (size_t)device->info.max_work_item_sizes[d]);
  while (items < GROUP_ITEMS && items * 2 <= most) items *= 2;
  return items;
}
