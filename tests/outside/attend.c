/* The smallest program: attention over given q, k and v. See README.md. */
#include <clattn.h>
#include <stdio.h>

/* Three tokens; each sees itself and those before it. */
int main(void) {
  static const float q[] = {1, 0, 0, 2, 1, 1}, k[] = {1, 1, 0, 2, 1, 2}, v[] = {1, 0, 0, 2, 1, 1};
  float context[6];
  /* batch, heads, queries, keys, head_dim */
  clattn_problem problem = clattn_problem_qkv(1, 1, 3, 3, 2);
  problem.causal = true;
  const clattn_inputs inputs = {.size = sizeof inputs, .q = q, .k = k, .v = v};
  const clattn_outputs outputs = {.size = sizeof outputs, .context = context};

  clattn_device *device = NULL;
  clattn_error error;
  clattn_status status = clattn_device_open(NULL, &device, &error);
  if (status == CLATTN_OK) status = clattn_attend(device, &problem, &inputs, &outputs, &error);
  if (status == CLATTN_OK)
    for (int i = 0; i < 6; i += 2) printf("%f %f\n", (double)context[i], (double)context[i + 1]);
  else
    fprintf(stderr, "%s: %s\n", clattn_status_name(status), error.message);
  clattn_device_close(device);
  return status == CLATTN_OK ? 0 : 1;
}
