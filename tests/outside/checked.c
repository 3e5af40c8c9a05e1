/* The second program in docs/using.md, word for word: attention of three tokens, checked. */
#include <clattn_check.h>
#include <stdio.h>

int main(void) {
  const float x[] = {1, 0, 0, 2, 1, 1}, identity[] = {1, 0, 0, 1}, wk[] = {1, 1, 0, 1};
  float q[6], k[6], v[6], scores[9], weights[9], context[6];

  clattn_problem problem = CLATTN_PROBLEM_INIT;
  problem.query_len = problem.key_len = 3;
  problem.model_dim = problem.head_dim = problem.value_dim = 2;
  const clattn_inputs inputs = {.x = x, .wq = identity, .wk = wk, .wv = identity};
  const clattn_outputs outputs = {
      .q = q,
      .k = k,
      .v = v,
      .scores = scores,
      .weights = weights,
      .context = context,
  };

  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_check_report report = {.passed = false};
  clattn_error error;
  clattn_status status = clattn_device_open(NULL, &device, &error);
  if (status == CLATTN_OK) status = clattn_plan_create(device, &problem, NULL, &plan, &error);
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
