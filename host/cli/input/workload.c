/* Workloads: inputs, plans, checks and times: see workload.h. */
#include "cli/input/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "clattn_check.h"
#include "cli/input/input.h"
#include "cli/input/outputs.h"

static int fill_tensor(workload *w, clattn_tensor tensor, uint64_t *state) {
  const size_t count = clattn_tensor_elements(&w->problem, tensor);
  float *drawn = input_random_normal(count, 0.5, state);
  if (drawn == NULL) return EXIT_BAD_INPUT;
  w->memory[tensor] = w->problem.type == CLATTN_F32 ? drawn : malloc(clattn_input_bytes(&w->problem, tensor));
  if (w->memory[tensor] != drawn) {
    if (w->memory[tensor] != NULL) clattn_narrow(w->problem.type, drawn, count, w->memory[tensor]);
    free(drawn);
  }
  if (w->memory[tensor] == NULL) {
    complain("no host memory for %zu elements", count);
    return EXIT_BAD_INPUT;
  }
  clattn_inputs_set(&w->inputs, tensor, w->memory[tensor]);
  return GO_ON;
}

int workload_fill(workload *w) {
  uint64_t state = 1;
  int code = GO_ON;
  w->inputs = (clattn_inputs)CLATTN_INPUTS_INIT;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && code == GO_ON; ++t)
    if (clattn_input_bytes(&w->problem, (clattn_tensor)t) > 0) code = fill_tensor(w, (clattn_tensor)t, &state);
  return code;
}

void workload_free(workload *w) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) free(w->memory[t]);
  memset(w->memory, 0, sizeof w->memory);
}

clattn_status workload_plan(const workload *w, const char *choice, clattn_plan **plan, clattn_error *error) {
  char kernels[256];
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  const bool fused = clattn_pipeline_has_stage(CLATTN_PIPELINE_FUSED, w->stage);
  options.pipeline = fused ? CLATTN_PIPELINE_FUSED : CLATTN_PIPELINE_STAGED;
  options.kernel_dir = w->kernel_dir;
  if (choice != NULL) {
    snprintf(kernels, sizeof kernels, "%s=%s", clattn_stage_name(w->stage), choice);
    options.kernels = kernels;
  }
  const clattn_status status = clattn_plan_create(w->device, &w->problem, &options, plan, error);
  if (status == CLATTN_OK) warn_of_wrong_kernels(*plan);
  return status;
}

void workload_choice(const workload *w, const clattn_plan *plan, char *text, size_t size) {
  clattn_reason reason = CLATTN_REASON_INIT;
  text[0] = '\0';
  for (size_t i = 0; clattn_plan_get_reason(plan, i, &reason); ++i)
    if (reason.stage == w->stage && reason.kind <= CLATTN_REASON_RECORD) snprintf(text, size, "%s", reason.choice);
}

static bool is_compared(const clattn_plan *plan, clattn_tensor tensor) {
  return tensor != CLATTN_SCALED && tensor != CLATTN_SOFTCAPPED && clattn_plan_has(plan, tensor);
}

/* Memory for the results; scores and weights only for the given rows. False without memory. */
static bool allocate(const workload *w, const clattn_plan *plan, const clattn_rows *rows, clattn_outputs *outputs) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (!is_compared(plan, tensor)) continue;
    const size_t bytes = clattn_tensor_has_rows(tensor) ? rows->count * w->problem.key_len * sizeof(float)
                                                        : clattn_output_bytes(&w->problem, tensor);
    if (!outputs_allocate(outputs, tensor, bytes)) return false;
  }
  outputs->rows = rows;
  return true;
}

clattn_status workload_check(const workload *w, clattn_plan *plan, double most_flops, bool *passed,
                             clattn_error *error) {
  clattn_rows *rows = NULL;
  clattn_outputs outputs = CLATTN_OUTPUTS_INIT;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_status status = clattn_rows_choose(&w->problem, most_flops, 1, &rows, error);
  if (status == CLATTN_OK && !allocate(w, plan, rows, &outputs)) {
    snprintf(error->message, sizeof error->message, "no host memory for the results of a check");
    status = error->status = CLATTN_OUT_OF_HOST_MEMORY;
  }
  if (status == CLATTN_OK) status = clattn_plan_run(plan, &w->inputs, &outputs, NULL, error);
  if (status == CLATTN_OK) status = clattn_check(plan, &w->inputs, &outputs, rows, &report, error);
  *passed = report.passed;
  outputs_free(&outputs);
  clattn_rows_destroy(rows);
  return status;
}

clattn_status workload_time(const workload *w, clattn_plan *plan, double *seconds, clattn_error *error) {
  static const clattn_outputs nothing = CLATTN_OUTPUTS_INIT;
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  const clattn_status status = clattn_plan_run(plan, &w->inputs, &nothing, &timings, error);
  *seconds = timings.stage[w->stage];
  return status;
}

double workload_flops(const workload *w, const clattn_plan *plan) {
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_plan_get_info(plan, &info);
  return info.stages[w->stage].flops;
}
