/* What a fused kernel has besides itself: a second kernel in its file, and the memory through which the two talk. */
#ifndef CLATTN_FUSED_H
#define CLATTN_FUSED_H

#include "catalog.h"

typedef struct clattn_companion {
  const char *row;                                                            /* name of the fused kernel */
  const char *function;                                                       /* of the second */
  bool before;                                                                /* whether it runs before it, or behind */
  size_t (*workspace)(const int *value, const clattn_problem *problem);       /* floats, for the longest run */
  void (*size)(const int *value, const clattn_problem *seen, size_t size[3]); /* work-items, each a group of its own */
} clattn_companion;

/* NULL where the row has none. */
const clattn_companion *clattn_companion_of(const clattn_kernel *row);

#endif
