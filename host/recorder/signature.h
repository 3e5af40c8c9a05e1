/* Finds the kernels in an OpenCL C text, with their parameters. */
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

/* Reads up to KERNELS_MOST kernels of `source`; *count tells how many. No macro may be used between
 * a kernel's parentheses. false if memory runs out or a kernel exceeds a limit here. */
bool signatures_read(const char *source, signature kernels[KERNELS_MOST], size_t *count);

#endif
