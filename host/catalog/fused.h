/* The second kernel of a fused row: it is in the same file, runs after the first, and reads what
 * the first has written to a workspace. */
#ifndef CLATTN_FUSED_H
#define CLATTN_FUSED_H

#include "catalog/catalog.h"

struct attention; /* of kernels/common/attention.h */

/* `units` are the device's compute units. */
typedef struct clattn_post_process {
  const char *function; /* the second kernel's name */
  bool grouped;         /* its work-items may share work-groups */
  /* Floats of workspace, for the longest run. */
  size_t (*workspace)(const int *value, const clattn_problem *problem, size_t units);
  /* Work-items of the second kernel; each is a group of its own unless they are grouped. size[0] is
   * 0 where the first kernel has finished everything. */
  void (*size)(const int *value, const clattn_problem *seen, size_t units, size_t size[3]);
  /* Launch size of the first kernel; NULL: pairs x query_len. */
  void (*launch)(const int *value, const clattn_problem *seen, size_t units, size_t size[3]);
  /* Tells both kernels how the work is divided; NULL: they compute it themselves. */
  void (*tell)(const int *value, const clattn_problem *seen, size_t units, struct attention *a);
} clattn_post_process;

extern const clattn_post_process clattn_post_process_split, clattn_post_process_matrix_split,
    clattn_post_process_stream;

/* NULL where the row has none. */
const clattn_post_process *clattn_post_process_of(const clattn_kernel *row);

#endif
