/* Devices: what their drivers report, and an open device with its context and queue. */
#ifndef CLATTN_DEVICE_H
#define CLATTN_DEVICE_H

#include "clattn_inspect.h"
#include "base/opencl.h"

typedef struct clattn_program clattn_program;

struct clattn_device {
  clattn_device_info info;
  cl_device_id id;
  cl_context context;
  cl_command_queue queue;
  cl_uint address_bits;
  bool profiling;                                  /* whether the queue records event times */
  clattn_program *programs;                        /* all programs built so far */
  void (*release_programs)(clattn_device *device); /* set by host/programs when it builds the first one; NULL before */
  struct clattn_kept_plans *kept;                  /* of clattn_attend; NULL: none */
  void (*release_kept)(clattn_device *device);     /* destroys them; set by host/attend when it keeps the first one */
  unsigned matrix_types; /* bits of the clattn_types for which host/probe has looked for a matrix unit */
  uint64_t held_bytes;   /* memory held by plans, caches and kept weights; only host/device/ledger.c changes it */
};

/* Fills info except the indices. Returns the code of the first required query that failed. */
cl_int clattn_device_describe(cl_platform_id platform, cl_device_id id, clattn_device_info *info);

/* "unnamed platform" if the driver reports no name. Sets *code only if host memory runs out. */
void clattn_platform_name(cl_platform_id platform, char *to, size_t size, cl_int *code);

/* *code keeps the first failure of several queries. */
cl_uint clattn_device_uint(cl_device_id id, cl_device_info what, cl_int *code);

/* Destroys the plans that clattn_attend keeps, so that what needs their memory can try again.
 * False: there were none. */
bool clattn_device_release_kept(clattn_device *device);

clattn_status clattn_device_open_on(cl_platform_id platform, cl_device_id id, const clattn_device_info *info,
                                    clattn_device **device, clattn_error *error);

#endif
