/* Running all stages, for clattn_plan_run and clattn_plan_enqueue. */
#ifndef CLATTN_RUN_H
#define CLATTN_RUN_H

#include "clattn_cl.h"
#include "stages/stage.h"

/* Where results go: host memory (clattn_plan_run) or the caller's buffers (clattn_plan_enqueue).
 * One is NULL. */
typedef struct clattn_destination {
  const clattn_outputs *host;
  const clattn_buffers *device;
} clattn_destination;

/* Before a run: refuses results that the plan does not have, and counts the new keys into the
 * cache, where there is one. `seen` becomes the problem as this run sees it, and tensor[] gets the
 * cached keys and values that scores read, and the matrices and biases of projection_weights, where
 * the inputs have it. After a failure nothing has changed; after a run that failed, call
 * clattn_cache_undo. */
clattn_status clattn_run_begin(const clattn_plan *plan, const clattn_inputs *inputs, clattn_problem *seen,
                               const clattn_destination *to, cl_mem tensor[CLATTN_TENSOR_COUNT], clattn_error *error);

/* All stages, from converted inputs to the output; the work's `block` and `until` are set for each.
 * *stopped_at: the stage that failed; CLATTN_STAGE_COUNT: none. */
clattn_status clattn_run_stages(const clattn_work *work, const clattn_destination *to, clattn_stage *stopped_at,
                                clattn_error *error);

bool clattn_is_wanted(const clattn_destination *to, clattn_tensor tensor);

#endif
