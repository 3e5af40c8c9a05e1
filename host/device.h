/* An open device: a context and a queue. */
#ifndef CLATTN_DEVICE_H
#define CLATTN_DEVICE_H

#include "clattn.h"
#include "opencl.h"

struct clattn_device {
  clattn_device_info info;
  cl_device_id id;
  cl_context context;
  cl_command_queue queue;
  bool profiling; /* whether the queue records event times */
};

#endif
