/* What clattn_merge merges, checked. */
#ifndef CLATTN_MERGING_H
#define CLATTN_MERGING_H

#include "clattn_inspect.h"

/* Checks the caller's struct and the number of parts. *problem becomes one whose context and log-sum-exp have the
 * parts' shapes and strides; merging->type is that of the contexts. */
clattn_status clattn_take_merging(const clattn_merging *given, size_t count, clattn_merging *merging,
                                  clattn_problem *problem, clattn_error *error);

/* CLATTN_INVALID_ARGUMENT where one of the parts' pointers, or that of the result's context, is NULL. */
clattn_status clattn_check_parts(const clattn_part *parts, size_t count, const clattn_merged *merged,
                                 clattn_error *error);

/* Bytes of a part's context, and of its log-sum-exp. */
size_t clattn_merging_context_bytes(const clattn_merging *merging, const clattn_problem *problem);
size_t clattn_merging_lse_bytes(const clattn_problem *problem);

#endif
