/* From OpenCL C to functions that this process can call, and that report each load and store. */
#ifndef CLATTN_ACCESS_COMPILE_H
#define CLATTN_ACCESS_COMPILE_H

#include <stdint.h>

#include "recorder/signature.h"

typedef struct local_array {
  char name[96]; /* "scores.q_tile": the kernel and its variable */
  unsigned char *data;
  size_t bytes;
} local_array;

typedef struct compiled_kernel {
  signature signature;
  void (*call)(const uint64_t *arguments); /* a number each: the address of what is pointed to, or of the value */
} compiled_kernel;

typedef struct compiled {
  compiled_kernel kernel[KERNELS_MOST];
  size_t kernels;
  local_array *local;
  size_t locals;
  char path[256];                   /* of the shared object */
  const char *base, *constants_end; /* where it lies in memory: first what is never written */
  void *handle;
  bool good; /* it can be run */
  char *log; /* of the compiler; NULL */
} compiled;

/* Compiles with these options, separated by spaces. Where c->good is false c->log says why, or is NULL without memory.
 * Free in every case. */
void compile(const char *source, const char *options, compiled *c);
void compiled_free(compiled *c);

/* NULL, or why nothing can be compiled here. Makes a temporary folder, which compile_end removes. */
const char *compile_begin(void);
void compile_end(void);

#endif
