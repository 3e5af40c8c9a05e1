/* Running all stages, for clattn_plan_run and clattn_plan_enqueue. */
#ifndef CLATTN_RUN_H
#define CLATTN_RUN_H

#include "clattn_cl.h"
#include "stages/stage.h"

/* Where results go: host memory (clattn_plan_run) or the caller's buffers (clattn_plan_enqueue); one of them is NULL.
 */
typedef struct clattn_destination {
  const clattn_outputs *host;
  const clattn_buffers *device;
} clattn_destination;

/* Before a run: what the plan does not have is refused, and keys are counted into the cache, where there is one. `seen`
 * becomes the problem as scores see it, and tensor's cached k and v what they read. After a failure nothing has
 * changed; after a run that failed clattn_cache_undo takes it back. */
clattn_status clattn_run_begin(const clattn_plan *plan, const clattn_inputs *inputs, clattn_problem *seen,
                               const clattn_destination *to, cl_mem tensor[CLATTN_TENSOR_COUNT], clattn_error *error);

/* All stages, from converted inputs to the output. The work's block is not looked at. */
clattn_status clattn_run_stages(const clattn_work *work, const clattn_destination *to, clattn_error *error);

#endif
