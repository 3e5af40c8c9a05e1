/* Running all stages, for clattn_plan_run and clattn_plan_enqueue. */
#ifndef CLATTN_RUN_H
#define CLATTN_RUN_H

#include "clattn_cl.h"
#include "plan.h"

/* Where results go: host memory (clattn_plan_run) or the caller's buffers (clattn_plan_enqueue); one of them is NULL.
 */
typedef struct clattn_destination {
  const clattn_outputs *host;
  const clattn_buffers *device;
} clattn_destination;

/* `tensor` by clattn_tensor; scores and weights hold one block. */
clattn_status clattn_run_stages(const clattn_plan *plan, clattn_chain *chain, const cl_mem *tensor,
                                const clattn_destination *to, clattn_error *error);

#endif
