/* How long a kernel takes at the least, from what it asks for and what the device can do. */
#ifndef CLATTN_CLI_PREDICTION_H
#define CLATTN_CLI_PREDICTION_H

#include "clattn_inspect.h"

/* What a prediction comes from. */
typedef enum prediction_limit {
  LIMIT_NONE,
  LIMIT_ARITHMETIC,
  LIMIT_MEMORY,
  LIMIT_STRIDED,
  LIMIT_LOCAL,
  LIMIT_COUNT
} prediction_limit;

typedef struct prediction {
  double seconds; /* 0: of this kernel and problem nothing is known */
  prediction_limit limit;
} prediction;

/* The roofline model (Williams, Waterman and Patterson 2009), with a roof for each kind of memory: all that a kernel
 * asks for may happen at the same time, and what takes longest decides,
 *
 *     seconds = max(flops / multiply-adds,
 *                   (read - written) / reading + 2 written / copying,    what neighbours read and write side by side
 *                   strided and scattered / strided,
 *                   local read and written / local)
 *
 * It knows of no cache but for the one that the probes' working set fits into, of no launch and of no work-group that
 * waits: a kernel may be faster where it asks for the same again and again, and slower where too few work-items run. */
prediction predict(const clattn_traffic *traffic, const clattn_peaks *peaks);

/* "multiply-adds", ...; "" for LIMIT_NONE. */
const char *limit_name(prediction_limit limit);

#endif
