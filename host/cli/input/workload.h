/* One problem with random inputs, run with different kernels for one of its stages. */
#ifndef CLATTN_CLI_WORKLOAD_H
#define CLATTN_CLI_WORKLOAD_H

#include "clattn_inspect.h"

typedef struct workload {
  clattn_device *device;
  clattn_problem problem;
  clattn_stage stage;
  const char *kernel_dir; /* as in clattn_plan_options */
  clattn_inputs inputs;
  void *memory[CLATTN_TENSOR_COUNT]; /* of the inputs */
} workload;

/* Draws the inputs; the caller has set the other fields. Returns GO_ON, or the exit code after a
 * complaint. */
int workload_fill(workload *w);
void workload_free(workload *w);

/* A plan with this kernel for the stage ("panel:ITEM_ROWS=64"); NULL: the planner chooses. The
 * pipeline is fused if it has the stage, because its other stages take the least time. */
clattn_status workload_plan(const workload *w, const char *choice, clattn_plan **plan, clattn_error *error);

/* The kernel and tile sizes that the plan has for the stage. */
void workload_choice(const workload *w, const clattn_plan *plan, char *text, size_t size);

/* Runs the plan and compares the results with the reference: all rows, or as many as
 * `most_flops` allow. */
clattn_status workload_check(const workload *w, clattn_plan *plan, double most_flops, bool *passed,
                             clattn_error *error);

/* Runs the plan once; *seconds is the time of the stage. */
clattn_status workload_time(const workload *w, clattn_plan *plan, double *seconds, clattn_error *error);

/* Operations of the stage. */
double workload_flops(const workload *w, const clattn_plan *plan);

#endif
