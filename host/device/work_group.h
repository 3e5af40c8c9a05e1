/* How many work-items a built kernel's work-groups may have. */
#ifndef CLATTN_WORK_GROUP_H
#define CLATTN_WORK_GROUP_H

#include "device/device.h"

/* The most work-items that a group of this kernel may have. rusticl of Mesa 22.3 reports the
 * sub-group size instead, but launches larger groups: for such an answer use the device's limit. */
cl_int clattn_largest_group(const clattn_device *device, cl_kernel kernel, size_t *most);

/* Work-items per group for a kernel that works with any number; the driver allows `most`. */
size_t clattn_group_items(const clattn_device *device, size_t most);

#endif
