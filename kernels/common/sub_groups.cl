/* What kernels for sub-groups need to be compiled. A sub-group is what a GPU runs in step: 8 to 64 work-items. How many
 * they are, and whether the last sub-group of a work-group has fewer, is for the device to say; OpenCL leaves open in
 * which order a reduction joins its lanes.
 */
#ifdef cl_khr_subgroups
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif
#ifdef cl_intel_subgroups
#pragma OPENCL EXTENSION cl_intel_subgroups : enable
#endif
