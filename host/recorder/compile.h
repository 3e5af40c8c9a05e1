/* Compiles OpenCL C to functions that this process can call and that report each load and store. */
#ifndef CLATTN_ACCESS_COMPILE_H
#define CLATTN_ACCESS_COMPILE_H

#include <stdint.h>

#include "recorder/signature.h"

typedef struct local_array {
  char name[96]; /* kernel and variable: "scores.q_tile" */
  unsigned char *data;
  size_t bytes;
} local_array;

typedef struct compiled_kernel {
  signature signature;
  void (*call)(
      const uint64_t *arguments); /* each argument is a number: a pointer's value, or the address of the value */
} compiled_kernel;

typedef struct compiled {
  compiled_kernel kernel[KERNELS_MOST];
  size_t kernels;
  local_array *local;
  size_t locals;
  char path[256];                   /* path of the shared object */
  const char *base, *constants_end; /* its range in memory, which begins with the part that is never written */
  void *handle;
  bool good; /* compiled and loaded */
  char *log; /* the compiler's output, or NULL */
} compiled;

/* Compiles with these options, separated by spaces. If it fails, c->good is false and c->log says
 * why (NULL if memory ran out). Free *c in every case. */
void compile(const char *source, const char *options, compiled *c);
void compiled_free(compiled *c);

/* Returns NULL, or why nothing can be compiled here. Makes a temporary folder, which compile_end
 * removes. */
const char *compile_begin(void);
void compile_end(void);

#endif
