/* Decoding with a cache, in as few lines as it takes. */
#include <clattn.h>
#include <stdio.h>

/* Queries, keys and values of one token at a time; each sees itself and what came before. */
int main(void) {
  static const float q[3][2] = {{1, 0}, {0, 2}, {1, 1}}, k[3][2] = {{1, 1}, {0, 2}, {1, 2}};
  clattn_problem step = CLATTN_PROBLEM_INIT;
  step.source = CLATTN_SOURCE_QKV; /* or CLATTN_SOURCE_X, with x and wq, wk, wv */
  step.query_len = step.key_len = 1;
  step.head_dim = step.value_dim = 2;
  step.causal = true;
  step.cache.capacity = 16;

  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_cache *cache = NULL;
  clattn_error error;
  clattn_status status = clattn_device_open(NULL, &device, &error);
  if (status == CLATTN_OK) status = clattn_plan_create(device, &step, NULL, &plan, &error);
  if (status == CLATTN_OK) status = clattn_cache_create(device, &step, NULL, NULL, &cache, &error);
  for (int token = 0; token < 3 && status == CLATTN_OK; ++token) {
    float context[2];
    clattn_inputs inputs = {.size = sizeof inputs, .k = k[token], .cache = cache};
    const clattn_outputs outputs = {.size = sizeof outputs, .context = context};
    inputs.q = inputs.v = q[token];
    status = clattn_plan_run(plan, &inputs, &outputs, NULL, &error); /* 17th: CACHE_FULL */
    if (status == CLATTN_OK) printf("%f %f\n", (double)context[0], (double)context[1]);
  }
  if (status != CLATTN_OK) fprintf(stderr, "%s: %s\n", clattn_status_name(status), error.message);
  clattn_cache_destroy(cache);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  return status == CLATTN_OK ? 0 : 1;
}
