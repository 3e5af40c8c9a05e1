/* The only place that includes OpenCL's header. Version 1.2, which every vendor supports. */
#ifndef CLATTN_OPENCL_H
#define CLATTN_OPENCL_H

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#ifdef __APPLE__
#include <OpenCL/opencl.h>
#else
#include <CL/cl.h>
#endif

#endif
