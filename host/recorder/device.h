/* A separate OpenCL implementation with just what the library needs: one platform and one
 * device, which runs a kernel one work-item at a time and records its memory accesses. The program
 * defines OpenCL's entry points itself instead of linking a loader. */
#ifndef CLATTN_ACCESS_DEVICE_H
#define CLATTN_ACCESS_DEVICE_H

#include "recorder/programs.h"
#include "recorder/launch.h"
#include "base/opencl.h"

struct _cl_mem {
  unsigned references;
  bool sparse; /* pages are allocated on first access; untouched ones read as 0 */
  size_t bytes;
  unsigned char *data;
};

/* Events are complete as soon as they exist. */
struct _cl_event {
  unsigned references;
};

struct _cl_program {
  unsigned references;
  char *source;
  const compiled *compiled; /* NULL: not compiled yet */
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

/* From now on, keeps launches of kernels from this folder below kernels/ ("scores"), and those of
 * other kernels if they have findings. */
void device_keep(const char *folder);
const launch *device_launches(size_t *count);
void device_forget(void);

/* From now on, buffers may exceed the machine's memory: those of 1 GiB or more are sparse, and
 * writes of 1 MiB or more to them are skipped. Each launch runs only its last work-group and
 * reports only accesses outside of its buffers. This tests the addresses at the far end of tensors
 * that are too large to fill. */
void device_look_far(void);
bool device_looks_far(void);

/* From now on, sub-groups have this many work-items; before, NEIGHBOURS. */
void device_set_sub_group(size_t items);
size_t device_sub_group(void);

/* Answers a query: copies the value if there is room, and tells the size, as OpenCL defines for
 * clGet...Info. */
cl_int device_answer(const void *value, size_t bytes, size_t room, void *to, size_t *needed);
cl_int device_event(cl_event *event);

#endif
