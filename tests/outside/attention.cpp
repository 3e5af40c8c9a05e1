/* attention.c once more, in C++11: README says which call stands for the initialisers of C. */
#include <clattn_check.h>
#include <clattn_cl.h>

#include <cstdio>
#include <cstring>

/* As a program would that calls the library by its macros. */
static bool starts_from_the_same() {
  const clattn_problem by_macro = CLATTN_PROBLEM_INIT, by_call = clattn_problem_init();
  const clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  const clattn_probe_options probe = CLATTN_PROBE_OPTIONS_INIT;
  const clattn_buffers buffers = CLATTN_BUFFERS_INIT;
  const clattn_timings timings = CLATTN_TIMINGS_INIT;
  return std::memcmp(&by_macro, &by_call, sizeof by_call) == 0 && options.size == sizeof options &&
         probe.size == sizeof probe && buffers.size == sizeof buffers && buffers.x == nullptr &&
         timings.size == sizeof timings && std::strcmp(clattn_version(), CLATTN_VERSION) == 0;
}

int main() {
  const float x[] = {1, 0, 0, 2, 1, 1}, identity[] = {1, 0, 0, 1}, wk[] = {1, 1, 0, 1};
  float q[6], k[6], v[6], scores[9], weights[9], context[6];

  clattn_problem problem = clattn_problem_init();
  problem.query_len = problem.key_len = 3;
  problem.model_dim = problem.head_dim = problem.value_dim = 2;
  clattn_inputs inputs = clattn_inputs_init();
  inputs.x = x;
  inputs.wq = inputs.wv = identity;
  inputs.wk = wk;
  clattn_outputs outputs = clattn_outputs_init();
  outputs.q = q;
  outputs.k = k;
  outputs.v = v;
  outputs.scores = scores;
  outputs.weights = weights;
  outputs.context = context;

  clattn_device *device = nullptr;
  clattn_plan *plan = nullptr;
  clattn_plan_options options = clattn_plan_options_init();
  options.tensors = clattn_outputs_tensors(&outputs); // scores and weights are among them
  clattn_check_report report = clattn_check_report_init();
  clattn_error error;
  clattn_status status = clattn_device_open(nullptr, &device, &error);
  if (status == CLATTN_OK) status = clattn_plan_create(device, &problem, &options, &plan, &error);
  if (status == CLATTN_OK) status = clattn_plan_run(plan, &inputs, &outputs, nullptr, &error);
  if (status == CLATTN_OK) status = clattn_check(plan, &inputs, &outputs, nullptr, &report, &error);
  if (status == CLATTN_OK)
    for (int i = 0; i < 3; ++i)
      std::printf("%f %f\n", static_cast<double>(context[2 * i]), static_cast<double>(context[2 * i + 1]));
  else
    std::fprintf(stderr, "%s: %s\n", clattn_status_name(status), error.message);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  return report.passed && starts_from_the_same() ? 0 : 1;
}
