/* Predicts the least time of a kernel from its traffic and the device's peaks. */
#ifndef CLATTN_CLI_PREDICTION_H
#define CLATTN_CLI_PREDICTION_H

#include "clattn_inspect.h"

/* What limits a kernel. */
typedef enum prediction_limit {
  LIMIT_NONE,
  LIMIT_ARITHMETIC,
  LIMIT_MEMORY,
  LIMIT_STRIDED,
  LIMIT_LOCAL,
  LIMIT_COUNT
} prediction_limit;

typedef struct prediction {
  double seconds; /* 0: unknown for this kernel and problem */
  prediction_limit limit;
} prediction;

/* The roofline model (Williams, Waterman and Patterson 2009), with a roof for each kind of memory: everything that a
 * kernel does may happen at the same time, and the slowest part decides,
 *
 *     seconds = max(flops / multiply-adds,    of float lanes or of the matrix unit: multiply_add
 *                   (read - written) / reading + 2 written / copying,    bytes that neighbours access side by side
 *                   strided and scattered / strided,
 *                   local read and written / local)
 *
 * It ignores launches, work-groups that wait, and all caches but the one that the working set of the probes fits into:
 * a kernel may be faster if it requests the same bytes repeatedly, and slower if too few work-items run. */
prediction predict(const clattn_traffic *traffic, const clattn_peaks *peaks, clattn_rate multiply_add);

/* "multiply-adds", ...; "" for LIMIT_NONE. */
const char *limit_name(prediction_limit limit);

#endif
