/* What a kernel may need that not every device has. */
#ifndef CLATTN_NEEDS_H
#define CLATTN_NEEDS_H

#include "clattn_inspect.h"

/* Bits of clattn_kernel.needs; host/catalog/needs.c has one row for each. How much local memory
 * a kernel takes is a matter of its tile sizes and follows from its geometry. */
typedef enum clattn_need {
  CLATTN_NEEDS_LOCAL_MEMORY = 1 << 0,
  CLATTN_NEEDS_SUB_GROUPS = 1 << 1,
  CLATTN_NEEDS_SUB_GROUP_WIDTH = 1 << 2, /* sub-groups of a width that the kernel's text fixes */
  CLATTN_NEEDS_HALF = 1 << 3             /* arithmetic in half, not only its storage */
} clattn_need;

/* CLATTN_OK when the device has all of `needs`, else CLATTN_UNSUPPORTED with the first that it
 * lacks, and why. */
clattn_status clattn_needs_met(unsigned needs, const clattn_device_info *device, clattn_error *error);

/* The option that tells the compiler which language a kernel with these needs is written in. It is
 * OpenCL C 1.2, but for the functions of sub-groups: only cl_intel_subgroups adds them to 1.2. */
const char *clattn_needs_language(unsigned needs, const clattn_device_info *device);

#endif
