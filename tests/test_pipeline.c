/* Which pipeline a plan takes where the caller leaves it open, and what it says of it. */
#include <stdlib.h>
#include <string.h>

#include "problem/shape.h"
#include "support.h"

static clattn_plan *plan_of(const clattn_plan_options *options, const clattn_problem *p) {
  clattn_plan *plan = NULL;
  clattn_error error;
  assert_ok(clattn_plan_create(support_opened, p, options, &plan, &error), &error);
  return plan;
}

static void assert_pipeline(const clattn_plan *plan, clattn_pipeline pipeline, const char *reason) {
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  assert_true(clattn_plan_get_info(plan, &info));
  assert_string_equal(clattn_pipeline_name(info.pipeline), clattn_pipeline_name(pipeline));
  if (strstr(info.pipeline_reason, reason) == NULL)
    fail_msg("the reason is '%s', not '%s'", info.pipeline_reason, reason);
}

static void expect(clattn_plan_options options, clattn_pipeline pipeline, const char *reason) {
  const clattn_problem p = support_problem(7, 5, 3);
  clattn_plan *plan = plan_of(&options, &p);
  assert_pipeline(plan, pipeline, reason);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if ((options.tensors & CLATTN_TENSOR_BIT(t)) != 0) assert_true(clattn_plan_has(plan, (clattn_tensor)t));
  clattn_plan_destroy(plan);
}

#define TENSORS(...) ((clattn_plan_options){.size = sizeof(clattn_plan_options), .tensors = (__VA_ARGS__)})
#define KERNELS(text) ((clattn_plan_options){.size = sizeof(clattn_plan_options), .kernels = (text)})

static void what_is_asked_for_decides(void **state) {
  (void)state;
  static const clattn_tensor staged[] = {CLATTN_SCALED, CLATTN_SOFTCAPPED, CLATTN_SCORES, CLATTN_WEIGHTS};
  static const clattn_tensor traced[] = {CLATTN_X_POSITIONED, CLATTN_PRODUCTS, CLATTN_EXPS, CLATTN_ROW_MAX,
                                         CLATTN_ROW_SUM};
  static const clattn_tensor every[] = {CLATTN_Q, CLATTN_K, CLATTN_V, CLATTN_LSE, CLATTN_CONTEXT};
  uint64_t all = 0;
  for (size_t i = 0; i < sizeof every / sizeof every[0]; ++i) all |= CLATTN_TENSOR_BIT(every[i]);
  expect(TENSORS(0), CLATTN_PIPELINE_FUSED, "nothing is asked for that only staged has");
  expect(TENSORS(all), CLATTN_PIPELINE_FUSED, "nothing is asked for that only staged has");
  for (size_t i = 0; i < sizeof staged / sizeof staged[0]; ++i)
    expect(TENSORS(all | CLATTN_TENSOR_BIT(staged[i])), CLATTN_PIPELINE_STAGED, clattn_tensor_name(staged[i]));
  for (size_t i = 0; i < sizeof traced / sizeof traced[0]; ++i)
    expect(TENSORS(CLATTN_TENSOR_BIT(traced[i])), CLATTN_PIPELINE_STAGED, clattn_tensor_name(traced[i]));
  expect((clattn_plan_options){.size = sizeof(clattn_plan_options), .trace = true}, CLATTN_PIPELINE_STAGED,
         "trace is set");
  expect(support_staged, CLATTN_PIPELINE_STAGED, "asked for by name");
}

/* A tensor that the problem does not have is not asked for. */
static void tensors_of_other_problems_do_not_count(void **state) {
  (void)state;
  clattn_problem p = support_problem(7, 5, 3);
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  const clattn_plan_options options = TENSORS(CLATTN_TENSOR_BIT(CLATTN_X_POSITIONED));
  clattn_plan *plan = plan_of(&options, &p);
  assert_pipeline(plan, CLATTN_PIPELINE_FUSED, "nothing");
  clattn_plan_destroy(plan);
}

static void named_kernels_decide(void **state) {
  (void)state;
  expect(KERNELS("scores=1"), CLATTN_PIPELINE_STAGED, "a kernel of stage scores is named");
  expect(KERNELS("project=1,context=naive"), CLATTN_PIPELINE_STAGED, "a kernel of stage context is named");
  expect(KERNELS("fused=1"), CLATTN_PIPELINE_FUSED, "a kernel of stage fused is named");
  expect(KERNELS("project=1"), CLATTN_PIPELINE_FUSED, "nothing is asked for that only staged has");
}

static void refuse(clattn_plan_options options, clattn_status expected, const char *message) {
  const clattn_problem p = support_problem(7, 5, 3);
  clattn_plan *plan = NULL;
  clattn_error error;
  assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), expected);
  assert_says(&error, message);
  assert_null(plan);
}

static void contradictions_are_refused(void **state) {
  (void)state;
  clattn_plan_options options = KERNELS("scores=1,fused=1");
  refuse(options, CLATTN_INVALID_ARGUMENT, "the stages scores and fused");
  options = KERNELS("fused=1");
  options.tensors = CLATTN_TENSOR_BIT(CLATTN_SCORES);
  refuse(options, CLATTN_UNSUPPORTED, "the pipeline fused has no scores");
  options = TENSORS(CLATTN_TENSOR_BIT(CLATTN_WEIGHTS));
  options.pipeline = CLATTN_PIPELINE_FUSED;
  refuse(options, CLATTN_UNSUPPORTED, "the pipeline fused has no weights");
  refuse(TENSORS(CLATTN_TENSOR_BIT(CLATTN_TENSOR_COUNT)), CLATTN_INVALID_ARGUMENT, "CLATTN_TENSOR_BIT");
}

/* A run that asks for more than its plan was made for. */
static void more_than_asked_for_is_refused(void **state) {
  (void)state;
  const clattn_problem p = support_problem(7, 5, 3);
  clattn_error error;
  support_case c;
  support_allocate(&c, &p, 3);
  clattn_plan *plan = plan_of(NULL, &p);
  assert_pipeline(plan, CLATTN_PIPELINE_FUSED, "nothing");
  assert_int_equal(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), CLATTN_UNSUPPORTED);
  assert_says(&error, "clattn_plan_options.tensors");
  clattn_plan_destroy(plan);
  const clattn_plan_options options = TENSORS(clattn_outputs_tensors(&c.outputs));
  plan = plan_of(&options, &p);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  clattn_plan_destroy(plan);
  support_free(&c);
}

/* The context by one plan's pipeline, and by another's. */
static void assert_same_context(const clattn_plan_options *a, const clattn_plan_options *b) {
  const clattn_problem p = support_problem(70, 40, 16);
  const clattn_plan_options *const options[] = {a, b};
  float *context[2];
  for (int i = 0; i < 2; ++i) {
    support_case c;
    clattn_error error;
    support_allocate(&c, &p, 3);
    clattn_plan *plan = plan_of(options[i], &p);
    const clattn_outputs outputs = {.size = sizeof outputs, .context = c.outputs.context};
    assert_ok(clattn_plan_run(plan, &c.inputs, &outputs, NULL, &error), &error);
    context[i] = malloc(c.bytes[CLATTN_CONTEXT]);
    assert_non_null(context[i]);
    memcpy(context[i], c.outputs.context, c.bytes[CLATTN_CONTEXT]);
    clattn_plan_destroy(plan);
    support_free(&c);
  }
  assert_memory_equal(context[0], context[1], clattn_output_bytes(&p, CLATTN_CONTEXT));
  free(context[0]);
  free(context[1]);
}

static void what_was_chosen_is_what_a_name_gives(void **state) {
  (void)state;
  const clattn_plan_options fused = {.size = sizeof fused, .pipeline = CLATTN_PIPELINE_FUSED};
  const clattn_plan_options scores = TENSORS(CLATTN_TENSOR_BIT(CLATTN_SCORES));
  assert_same_context(NULL, &fused);
  assert_same_context(&scores, &support_staged);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_asked_for_decides),      cmocka_unit_test(tensors_of_other_problems_do_not_count),
      cmocka_unit_test(named_kernels_decide),           cmocka_unit_test(contradictions_are_refused),
      cmocka_unit_test(more_than_asked_for_is_refused), cmocka_unit_test(what_was_chosen_is_what_a_name_gives),
  };
  return cmocka_run_group_tests_name("pipeline", tests, support_open, support_close);
}
