/* Traced plans: the extra results agree with those of the timed kernels, and invalid requests are
 * refused. test_features.c tests each number by itself with every feature. */
#include <math.h>
#include <string.h>

#include "support.h"

#define UNIT 5.9604644775390625e-08

static const clattn_tensor traced[] = {CLATTN_X_POSITIONED, CLATTN_PRODUCTS, CLATTN_EXPS, CLATTN_ROW_MAX,
                                       CLATTN_ROW_SUM};
enum { TRACED = sizeof traced / sizeof traced[0] };

static clattn_plan_options trace_in(clattn_pipeline pipeline) {
  clattn_plan_options options = support_options();
  options.pipeline = pipeline;
  options.trace = true;
  return options;
}

static clattn_problem problem(void) {
  clattn_problem p = support_problem(37, 24, 9);
  p.batch = 2;
  p.heads = 3;
  p.value_dim = 11;
  p.causal = true;
  p.sinks = true;
  return p;
}

/* Allows for two roundings when scaling the product, and for two orders of the same sum: twice its
 * own bound. */
static void products_make_the_scaled_scores(const support_case *c) {
  const clattn_problem *p = &c->problem;
  const size_t rows = p->batch * p->heads * p->query_len, kv = p->heads * p->head_dim;
  const double scale = (double)clattn_problem_scale(p);
  for (size_t r = 0; r < rows; ++r)
    for (size_t j = 0; j < p->key_len; ++j) {
      const size_t batch = r / (p->heads * p->query_len), head = r / p->query_len % p->heads, i = r % p->query_len;
      const float *q = c->outputs.q + (batch * p->query_len + i) * kv + head * p->head_dim;
      const float *k = c->outputs.k + (batch * p->key_len + j) * kv + head * p->head_dim;
      double magnitude = 0.0;
      for (size_t d = 0; d < p->head_dim; ++d) magnitude += fabs((double)q[d] * (double)k[d]);
      const double bound = 2.0 * UNIT * (8.0 + 2.0 * sqrt((double)p->head_dim) + (double)p->head_dim / 3.0) * magnitude;
      const size_t at = r * p->key_len + j;
      assert_true(fabs((double)c->outputs.products[at] * scale - (double)c->outputs.scaled[at]) <= scale * bound);
    }
}

/* The exps of the same scores are equal; what differs is the order of the sum, and a division. */
static void exps_make_the_weights(const support_case *c) {
  const clattn_problem *p = &c->problem;
  const size_t rows = p->batch * p->heads * p->query_len;
  for (size_t r = 0; r < rows; ++r)
    for (size_t j = 0; j < p->key_len; ++j) {
      const size_t at = r * p->key_len + j;
      const double weight = (double)c->outputs.exps[at] / (double)c->outputs.row_sum[r];
      const double bound = UNIT * (32.0 + (double)p->key_len) * weight + 2.4e-38;
      assert_true(fabs(weight - (double)c->outputs.weights[at]) <= bound);
      assert_true((c->outputs.exps[at] == 0.0f) == (c->outputs.weights[at] == 0.0f));
    }
}

static void agrees_with_production(void **state) {
  (void)state;
  static const clattn_pipeline pipelines[] = {CLATTN_PIPELINE_STAGED, CLATTN_PIPELINE_BLAS};
  const clattn_problem p = problem();
  for (int i = 0; i < 2; ++i) {
    const clattn_plan_options options = trace_in(pipelines[i]);
    clattn_plan *plan = NULL;
    clattn_error error;
    support_case c;
    const clattn_status status = clattn_plan_create(support_opened, &p, &options, &plan, &error);
    if (status == CLATTN_UNSUPPORTED) continue; /* built without CLBlast */
    assert_ok(status, &error);
    clattn_plan_destroy(plan);
    support_allocate(&c, &p, 3);
    const clattn_check_report report = support_run(support_opened, &c, &options);
    assert_passed(&report, clattn_pipeline_name(pipelines[i]));
    products_make_the_scaled_scores(&c);
    exps_make_the_weights(&c);
    support_free(&c);
  }
}

/* Tracing costs only what was requested, and does not change a bit of the ordinary results. */
static void changes_nothing(void **state) {
  (void)state;
  const clattn_problem p = problem();
  const clattn_plan_options options = trace_in(CLATTN_PIPELINE_STAGED);
  clattn_error error;
  clattn_plan *plan = NULL;
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  support_case with, without;
  support_allocate(&with, &p, 3);
  support_allocate(&without, &p, 3);
  const clattn_check_report report = support_run(support_opened, &with, &options);
  assert_passed(&report, "traced");
  support_run(support_opened, &without, NULL);
  assert_memory_equal(with.outputs.weights, without.outputs.weights, clattn_output_bytes(&p, CLATTN_WEIGHTS));
  assert_memory_equal(with.outputs.context, without.outputs.context, clattn_output_bytes(&p, CLATTN_CONTEXT));
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  assert_ok(clattn_plan_run(plan, &without.inputs, &without.outputs, &timings, &error), &error);
  assert_int_equal(timings.launches[CLATTN_STAGE_PRODUCTS] + timings.launches[CLATTN_STAGE_EXPS], 0);
  clattn_plan_destroy(plan);
  support_free(&with);
  support_free(&without);
}

/* Some rows of products and exps, all maxima and sums, across block borders. */
static void wanted_rows(void **state) {
  (void)state;
  const clattn_problem p = problem();
  static const size_t some[] = {0, 36, 37, 100, 221};
  const clattn_rows rows = {.row = some, .count = 5};
  clattn_plan_options options = trace_in(CLATTN_PIPELINE_STAGED);
  options.block_bytes = 3000;
  support_case all, few;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  support_allocate(&all, &p, 3);
  support_allocate(&few, &p, 3);
  report = support_run(support_opened, &all, &options);
  assert_passed(&report, "all rows");
  few.outputs.rows = &rows;
  report = support_run(support_opened, &few, &options);
  assert_passed(&report, "some rows");
  for (size_t i = 0; i < rows.count; ++i) {
    const size_t bytes = p.key_len * sizeof(float);
    assert_memory_equal(few.outputs.products + i * p.key_len, all.outputs.products + some[i] * p.key_len, bytes);
    assert_memory_equal(few.outputs.exps + i * p.key_len, all.outputs.exps + some[i] * p.key_len, bytes);
  }
  assert_memory_equal(few.outputs.row_sum, all.outputs.row_sum, clattn_output_bytes(&p, CLATTN_ROW_SUM));
  support_free(&all);
  support_free(&few);
}

static void refusals(void **state) {
  (void)state;
  const clattn_problem p = problem();
  clattn_plan_options options = trace_in(CLATTN_PIPELINE_FUSED);
  clattn_plan *plan = NULL;
  clattn_error error;
  support_case c;
  assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_UNSUPPORTED);
  assert_says(&error, "trace is set, but the pipeline fused has no scores to show (staged and blas have)");
  support_allocate(&c, &p, 3);
  assert_ok(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), &error);
  for (size_t i = 0; i < TRACED; ++i) {
    clattn_outputs outputs = c.outputs;
    clattn_outputs_set(&outputs, traced[i], support_tensor(&c, traced[i]));
    assert_false(clattn_plan_has(plan, traced[i]));
    assert_int_equal(clattn_plan_run(plan, &c.inputs, &outputs, NULL, &error), CLATTN_UNSUPPORTED);
    assert_says(&error, clattn_tensor_name(traced[i]));
    assert_says(&error, "is wanted of a plan without trace (clattn_plan_options.trace or tensors)");
  }
  clattn_plan_destroy(plan);
  options = trace_in(CLATTN_PIPELINE_STAGED);
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  for (size_t i = 0; i < TRACED; ++i) assert_true(clattn_plan_has(plan, traced[i]));
  clattn_plan_destroy(plan);
  support_free(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_production),
      cmocka_unit_test(changes_nothing),
      cmocka_unit_test(wanted_rows),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests_name("trace", tests, support_open, support_close);
}
