/* What a fused kernel has besides itself: a second kernel in its file that runs behind it, and the memory through which
 * the two talk. */
#ifndef CLATTN_FUSED_H
#define CLATTN_FUSED_H

#include "catalog/catalog.h"

typedef struct clattn_companion {
  const char *row;                                                      /* name of the fused kernel */
  const char *function;                                                 /* of the second */
  bool few_rows;                                                        /* for few rows of queries a key head alone */
  bool grouped;                                                         /* its work-items may be grouped */
  size_t (*workspace)(const int *value, const clattn_problem *problem); /* floats, for the longest run */
  /* Work-items of the second; each a group of its own unless they are grouped. */
  void (*size)(const int *value, const clattn_problem *seen, size_t size[3]);
  /* What the fused kernel itself is launched over; NULL: pairs x query_len. */
  void (*launch)(const int *value, const clattn_problem *seen, size_t size[3]);
} clattn_companion;

/* NULL where the row has none. */
const clattn_companion *clattn_companion_of(const clattn_kernel *row);

/* Whether the row, of fused, was made for such a problem. */
bool clattn_fused_suits(const clattn_kernel *row, const clattn_problem *problem);

#endif
