/* Devices: what drivers say of them, and an open one, which is a context and a queue. */
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
  clattn_program *programs;                        /* that were built so far */
  void (*release_programs)(clattn_device *device); /* set by the room that builds them; NULL while there is none */
  uint64_t held_bytes;                             /* of memory, by plans and caches: host/device/ledger.c alone */
};

/* Fills info but for the indices. Returns the code of the first question that has to be answered and was not. */
cl_int clattn_device_describe(cl_platform_id platform, cl_device_id id, clattn_device_info *info);

/* "unnamed platform" where the driver does not tell. *code is set only where memory lacks. */
void clattn_platform_name(cl_platform_id platform, char *to, size_t size, cl_int *code);

/* *code keeps the first failure of several questions. */
cl_uint clattn_device_uint(cl_device_id id, cl_device_info what, cl_int *code);

clattn_status clattn_device_open_on(cl_platform_id platform, cl_device_id id, const clattn_device_info *info,
                                    clattn_device **device, clattn_error *error);

#endif
