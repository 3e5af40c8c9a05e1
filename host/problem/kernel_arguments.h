/* The structs that kernels take, as the host sees them. */
#ifndef CLATTN_KERNEL_ARGUMENTS_H
#define CLATTN_KERNEL_ARGUMENTS_H

#include "base/opencl.h"
#include "clattn_inspect.h"

#include "../../kernels/common/attention.h"

#define NO_ADDITION CL_ULONG_MAX /* conversion.add_offset on the host: the table that is added is NULL */

/* Strides and storage types as kernels see them. */
kernel_strides clattn_kernel_strides(clattn_strides strides);
cl_int clattn_kernel_type(clattn_type type);

#endif
