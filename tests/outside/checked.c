/* Attention of three tokens, with scores and weights, checked. */
#include <clattn_check.h>
#include <stdio.h>

int main(void) {
  const float x[] = {1, 0, 0, 2, 1, 1}, identity[] = {1, 0, 0, 1}, wk[] = {1, 1, 0, 1};
  float q[6], k[6], v[6], scores[9], weights[9], context[6];

  clattn_problem problem = CLATTN_PROBLEM_INIT;
  problem.query_len = problem.key_len = 3;
  problem.model_dim = problem.head_dim = problem.value_dim = 2;
  clattn_inputs inputs = {.size = sizeof inputs, .x = x, .wk = wk};
  inputs.wq = inputs.wv = identity;
  clattn_outputs outputs = {.size = sizeof outputs, .q = q, .k = k, .v = v, .context = context};
  outputs.scores = scores;
  outputs.weights = weights;

  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  options.tensors = clattn_outputs_tensors(&outputs); /* the plan keeps scores and weights */
  clattn_status status = clattn_device_open(NULL, &device, &error);
  if (status == CLATTN_OK) status = clattn_plan_create(device, &problem, &options, &plan, &error);
  if (status == CLATTN_OK) status = clattn_plan_run(plan, &inputs, &outputs, NULL, &error);
  if (status == CLATTN_OK) status = clattn_check(plan, &inputs, &outputs, NULL, &report, &error);
  if (status == CLATTN_OK)
    for (int i = 0; i < 6; i += 2) printf("%f %f\n", (double)context[i], (double)context[i + 1]);
  else
    fprintf(stderr, "%s: %s\n", clattn_status_name(status), error.message);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  return report.passed ? 0 : 1;
}
