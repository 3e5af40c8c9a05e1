/* How many rows a work-group of a kernel for CPUs processes: queries of fused, rows of x of project. */
#ifndef CLATTN_GROUP_ROWS_H
#define CLATTN_GROUP_ROWS_H

#include <stdbool.h>
#include <stddef.h>

/* A launch over `pairs` heads with `rows` queries each. Of project a pair is the columns of a work-group in one of the
 * results. */
typedef struct clattn_row_work {
  size_t pairs, rows;
  size_t compute_units; /* of the device; 0 counts as 1 */
  bool uneven;          /* queries see differently many keys, as with a causal mask */
} clattn_row_work;

/* The number of queries, a multiple of `block` and at most `most` (if `most` is at least `block`), that ends the launch
 * first. More queries share each pass over keys and values; fewer make more work-groups, so that no compute unit waits
 * for another. */
size_t clattn_group_rows(const clattn_row_work *work, size_t block, size_t most);

#endif
