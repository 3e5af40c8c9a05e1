/* The kernels of an OpenCL C text and what they take. */
#ifndef CLATTN_ACCESS_SIGNATURE_H
#define CLATTN_ACCESS_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

enum { PARAMETERS_MOST = 24, KERNELS_MOST = 8 };

typedef struct parameter {
  char type[128], name[64];
  bool pointer;
} parameter;

typedef struct signature {
  char name[64];
  parameter parameter[PARAMETERS_MOST];
  size_t count;
} signature;

/* Reads the kernels of `source`, as many as there are room for; their number. Preprocessing must not change what stands
 * between a kernel's parentheses. false without memory, or where a kernel is more than fits here. */
bool signatures_read(const char *source, signature kernels[KERNELS_MOST], size_t *count);

#endif
