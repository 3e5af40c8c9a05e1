/* A complete program: attention of three tokens on the best device. Projects q, k and v from x. */
#include <clattn.h>
#include <stdio.h>

int main(void) {
  const float x[] = {1, 0, 0, 2, 1, 1}, identity[] = {1, 0, 0, 1}, wk[] = {1, 1, 0, 1};
  float context[6];

  clattn_problem problem = CLATTN_PROBLEM_INIT; /* batch 1, 1 head, no mask */
  problem.query_len = problem.key_len = 3;
  problem.model_dim = problem.head_dim = problem.value_dim = 2;
  clattn_inputs inputs = {.size = sizeof inputs, .x = x, .wk = wk};
  inputs.wq = inputs.wv = identity;
  const clattn_outputs outputs = {.size = sizeof outputs, .context = context};

  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_status status = clattn_device_open(NULL, &device, &error);
  if (status == CLATTN_OK) status = clattn_plan_create(device, &problem, NULL, &plan, &error);
  if (status == CLATTN_OK) status = clattn_plan_run(plan, &inputs, &outputs, NULL, &error);
  if (status == CLATTN_OK)
    for (int i = 0; i < 6; i += 2) printf("%f %f\n", (double)context[i], (double)context[i + 1]);
  else
    fprintf(stderr, "%s: %s\n", clattn_status_name(status), error.message);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  return status == CLATTN_OK ? 0 : 1;
}
