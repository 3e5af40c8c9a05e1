/* The caller's buffers of clattn_plan_enqueue. */
#ifndef CLATTN_BIND_H
#define CLATTN_BIND_H

#include "clattn_cl.h"
#include "plan/plan.h"

/* The buffers of a run: the caller's where there is one, else the plan's own. */
typedef struct clattn_binding {
  cl_mem tensor[CLATTN_TENSOR_COUNT], stored[CLATTN_TENSOR_COUNT];
  cl_mem given[CLATTN_TENSOR_COUNT]; /* the caller's in another order, to be copied into the plan's own; else NULL */
} clattn_binding;

/* CLATTN_INVALID_ARGUMENT where one is missing, of another context or too small, or may not be read
 * or written. */
clattn_status clattn_bind_buffers(const clattn_plan *plan, const clattn_buffers *buffers, clattn_binding *bound,
                                  clattn_error *error);

/* CLATTN_INVALID_ARGUMENT where a buffer is too small for the problem as this run sees it (with a
 * cache, scores and the like are as long as what is in it), or where a result shares bytes with
 * another tensor. */
clattn_status clattn_check_seen_buffers(const clattn_plan *plan, const clattn_problem *seen,
                                        const clattn_buffers *buffers, clattn_error *error);

#endif
