/* The smallest program: attention over given q, k and v. */
#include <clattn.h>
#include <stdio.h>

/* Three tokens; each sees itself and those before it. */
int main(void) {
  static const float q[3][2] = {{1, 0}, {0, 2}, {1, 1}}, k[3][2] = {{1, 1}, {0, 2}, {1, 2}};
  float context[3][2];
  clattn_problem problem = clattn_problem_qkv(1, 1, 3, 3, 2); /* batch, heads, queries, keys, head_dim */
  problem.causal = true;
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .q = q, .k = k, .v = q};
  const clattn_outputs outputs = {.size = sizeof(clattn_outputs), .context = &context[0][0]};

  clattn_device *device = NULL;
  clattn_error error;
  clattn_status status = clattn_device_open(NULL, &device, &error);
  if (status == CLATTN_OK) status = clattn_attend(device, &problem, &inputs, &outputs, &error);
  if (status != CLATTN_OK) fprintf(stderr, "%s: %s\n", clattn_status_name(status), error.message);
  for (int i = 0; i < 3 && status == CLATTN_OK; ++i) printf("%f %f\n", (double)context[i][0], (double)context[i][1]);
  clattn_device_close(device);
  return status == CLATTN_OK ? 0 : 1;
}
