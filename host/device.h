/* An open device: a context and a queue. */
#ifndef CLATTN_DEVICE_H
#define CLATTN_DEVICE_H

#include "clattn.h"
#include "opencl.h"

typedef struct clattn_program clattn_program;

struct clattn_device {
  clattn_device_info info;
  cl_device_id id;
  cl_context context;
  cl_command_queue queue;
  cl_uint address_bits;
  bool profiling;           /* whether the queue records event times */
  clattn_program *programs; /* that were built so far */
  uint64_t held_bytes;      /* of memory, by plans and caches: host/ledger.c alone */
};

#endif
