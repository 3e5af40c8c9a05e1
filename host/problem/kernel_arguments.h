/* The structs that the host passes to kernels. */
#ifndef CLATTN_KERNEL_ARGUMENTS_H
#define CLATTN_KERNEL_ARGUMENTS_H

#include "base/opencl.h"
#include "clattn_inspect.h"

#include "../../kernels/common/attention.h"

#define NO_ADDITION CL_ULONG_MAX /* conversion.add_offset: the kernel adds no table (its pointer is NULL) */

/* Converts strides and storage types to the kernels' types. */
kernel_strides clattn_kernel_strides(clattn_strides strides);
cl_int clattn_kernel_type(clattn_type type);
cl_int clattn_kernel_cache_type(clattn_cache_type type);

#endif
