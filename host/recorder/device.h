/* An OpenCL 1.2 implementation of its own, as far as the library needs one: one platform, one device, which runs
 * kernels one work-item after the other and records what they touch. The program defines the entry points itself
 * instead of linking a loader. */
#ifndef CLATTN_ACCESS_DEVICE_H
#define CLATTN_ACCESS_DEVICE_H

#include "recorder/programs.h"
#include "recorder/launch.h"
#include "base/opencl.h"

struct _cl_mem {
  unsigned references;
  bool sparse; /* memory is taken where it is touched; elsewhere it reads as 0 */
  size_t bytes;
  unsigned char *data;
};

/* Events are done when they come into being. */
struct _cl_event {
  unsigned references;
};

struct _cl_program {
  unsigned references;
  char *source;
  const compiled *compiled; /* NULL: not yet */
};

enum { ARGUMENT_BYTES_MOST = 1024 };

struct _cl_kernel {
  unsigned references;
  cl_program program;
  const compiled_kernel *kernel;
  struct {
    size_t bytes; /* 0: not set */
    cl_mem buffer;
    uint64_t value[ARGUMENT_BYTES_MOST / sizeof(uint64_t)];
  } argument[PARAMETERS_MOST];
};

/* Launches of kernels from this folder below kernels/ ("scores") are kept from now on, and of others those with
 * findings. */
void device_keep(const char *folder);
const launch *device_launches(size_t *count);
void device_forget(void);

/* From now on buffers may be larger than the machine's memory: those of a GiB or more are sparse, and nothing writes a
 * MiB or more at once into them. Of each launch the last work-group alone runs, and is watched for accesses outside of
 * its buffers alone: what is computed at the far end of tensors that nobody could fill. */
void device_look_far(void);
bool device_looks_far(void);

/* What to answer where a question was asked with too little room, or none; sizes and pointers as OpenCL has them. */
cl_int device_answer(const void *value, size_t bytes, size_t room, void *to, size_t *needed);
cl_int device_event(cl_event *event);

#endif
