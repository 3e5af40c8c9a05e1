/* One problem with random inputs, run with one kernel or another for one of its stages. */
#ifndef CLATTN_CLI_WORKLOAD_H
#define CLATTN_CLI_WORKLOAD_H

#include "clattn_inspect.h"

typedef struct workload {
  clattn_device *device;
  clattn_problem problem;
  clattn_pipeline pipeline;
  clattn_stage stage;
  const char *kernel_dir; /* as in clattn_plan_options */
  clattn_inputs inputs;
  void *memory[CLATTN_TENSOR_COUNT]; /* of the inputs */
} workload;

/* Draws the inputs; the other fields are set. GO_ON, or the exit code at which to stop, after a complaint. */
int workload_fill(workload *w);
void workload_free(workload *w);

/* A plan with this kernel for the stage ("panel:ITEM_ROWS=64"); NULL: with what plans choose by themselves. */
clattn_status workload_plan(const workload *w, const char *choice, clattn_plan **plan, clattn_error *error);

/* The choice that the plan made for the stage. */
void workload_choice(const workload *w, const clattn_plan *plan, char *text, size_t size);

/* Runs the plan and holds everything against the scalar path, or as many rows as `most_flops` allow. */
clattn_status workload_check(const workload *w, clattn_plan *plan, double most_flops, bool *passed,
                             clattn_error *error);

/* One run; time of the stage alone. */
clattn_status workload_time(const workload *w, clattn_plan *plan, double *seconds, clattn_error *error);

/* Operations of the stage. */
double workload_flops(const workload *w, const clattn_plan *plan);

#endif
