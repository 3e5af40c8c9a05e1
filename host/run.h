/* Running all stages, for clattn_plan_run and clattn_plan_enqueue. */
#ifndef CLATTN_RUN_H
#define CLATTN_RUN_H

#include "clattn_cl.h"
#include "stage.h"

/* Where results go: host memory (clattn_plan_run) or the caller's buffers (clattn_plan_enqueue); one of them is NULL.
 */
typedef struct clattn_destination {
  const clattn_outputs *host;
  const clattn_buffers *device;
} clattn_destination;

/* All stages, from converted inputs to the output. The work's block is not looked at. */
clattn_status clattn_run_stages(const clattn_work *work, const clattn_destination *to, clattn_error *error);

#endif
