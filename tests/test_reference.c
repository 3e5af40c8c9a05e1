/* The reference: the article's exact numbers, general properties, and where NaN may and may not
 * appear. */
#include <math.h>
#include <string.h>

#include "explain/examples.h"
#include "problem/rotary.h"
#include "support.h"

static void assert_all_near(const float *got, const double *expected, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!(fabs((double)got[i] - expected[i]) <= 5e-7))
      fail_msg("element %zu: got %.9g, expected %.9g", i, (double)got[i], expected[i]);
}

/* "please study man", d_k = 2: computed by hand with 50 digits. */
static void please_study_man(void **state) {
  (void)state;
  static const double k[] = {1, 1, 0, 2, 1, 2}, v[] = {1, 0, 0, 2, 1, 1};
  static const double scores[] = {0.707107, 0, 0.707107, 1.414214, 2.828427, 2.828427, 1.414214, 1.414214, 2.121320};
  static const double weights[] = {0.401112, 0.197776, 0.401112, 0.108383, 0.445808,
                                   0.445808, 0.248255, 0.248255, 0.503490};
  static const double context[] = {0.802224, 0.796664, 0.554192, 1.337425, 0.751745, 1.000000};
  const example *e = clattn_example_find("please-study-man");
  support_case c;
  const clattn_problem problem = support_problem(3, 2, 2);
  support_allocate(&c, &problem, 1);
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .x = e->x, .wq = e->wq, .wk = e->wk, .wv = e->wv};
  clattn_error error;
  assert_ok(clattn_reference_run(&problem, &inputs, &c.outputs, &error), &error);
  assert_all_near(c.outputs.k, k, 6);
  assert_all_near(c.outputs.v, v, 6);
  assert_all_near(c.outputs.scores, scores, 9);
  assert_all_near(c.outputs.weights, weights, 9);
  assert_all_near(c.outputs.context, context, 6);
  support_check_guards(&c);
  support_free(&c);
}

static void rows_sum_to_one(void **state) {
  (void)state;
  clattn_problem problem = support_problem(37, 11, 5);
  problem.heads = 3;
  problem.causal = true;
  support_case c;
  support_allocate(&c, &problem, 3);
  clattn_error error;
  assert_ok(clattn_reference_run(&problem, &c.inputs, &c.outputs, &error), &error);
  for (size_t row = 0; row < 3 * 37; ++row) {
    double sum = 0.0;
    for (size_t j = 0; j < 37; ++j) {
      const float weight = c.outputs.weights[row * 37 + j];
      if (j > row % 37) assert_true(weight == 0.0f);
      sum += (double)weight;
    }
    assert_true(fabs(sum - 1.0) <= 1e-6);
  }
  support_free(&c);
}

static void only_wanted_rows(void **state) {
  (void)state;
  const clattn_problem problem = support_problem(9, 4, 3);
  support_case c, part;
  support_allocate(&c, &problem, 5);
  support_allocate(&part, &problem, 5);
  const size_t rows[] = {0, 4, 8};
  const clattn_rows wanted = {rows, 3};
  part.outputs.rows = &wanted;
  part.outputs.q = NULL;
  clattn_error error;
  assert_ok(clattn_reference_run(&problem, &c.inputs, &c.outputs, &error), &error);
  assert_ok(clattn_reference_run(&problem, &part.inputs, &part.outputs, &error), &error);
  for (size_t i = 0; i < 3; ++i)
    assert_memory_equal(part.outputs.weights + i * 9, c.outputs.weights + rows[i] * 9, 9 * sizeof(float));
  assert_memory_equal(part.outputs.context, c.outputs.context, 9 * 3 * sizeof(float));
  support_free(&c);
  support_free(&part);
}

/* A NaN in the value of a masked key must not reach a query that does not see it, and must reach
 * those that do. */
static void nan_at_masked_keys(void **state) {
  (void)state;
  clattn_problem problem = support_problem(6, 4, 4);
  problem.causal = true;
  support_case c;
  support_allocate(&c, &problem, 9);
  float *x = support_tensor(&c, CLATTN_X), *wq = support_tensor(&c, CLATTN_WQ), *wk = support_tensor(&c, CLATTN_WK);
  for (size_t i = 0; i < 4; ++i) x[4 * 4 + i] = i == 3 ? NAN : 1.0f; /* token 4; q and k do not use feature 3 */
  memset(wq + 12, 0, 4 * sizeof(float));
  memset(wk + 12, 0, 4 * sizeof(float));
  clattn_error error;
  assert_ok(clattn_reference_run(&problem, &c.inputs, &c.outputs, &error), &error);
  for (size_t row = 0; row < 4; ++row) assert_false(isnan(c.outputs.context[row * 4]));
  assert_true(isnan(c.outputs.context[4 * 4]));
  support_free(&c);
}

/* Runs pieces from last to first, which no ordinary loop does. */
static void backwards(size_t pieces, void (*piece)(void *of, size_t i), void *of) {
  for (size_t i = pieces; i-- > 0;) piece(of, i);
}

static void in_pieces(void **state) {
  (void)state;
  static const size_t pieces[] = {1, 2, 5, 64}; /* the last one exceeds the number of rows and of tokens */
  clattn_problem problem = support_problem(13, 6, 4);
  problem.heads = 4;
  problem.kv_heads = 2;
  problem.batch = 2;
  problem.causal = true;
  problem.rotary = CLATTN_ROTARY_HALVES;
  problem.output_dim = 5;
  support_case whole, part;
  clattn_error error;
  const size_t rows[] = {0, 3, 4, 40, 77, 103};
  const clattn_rows wanted = {rows, 6};
  support_allocate(&whole, &problem, 5);
  support_allocate(&part, &problem, 5);
  whole.outputs.rows = part.outputs.rows = &wanted;
  assert_ok(clattn_reference_run(&problem, &whole.inputs, &whole.outputs, &error), &error);
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; ++i) {
    const clattn_loop loop = {pieces[i], backwards};
    support_poison(&part);
    assert_ok(clattn_reference_run_in(&loop, &problem, &part.inputs, &part.outputs, &error), &error);
    for (int t = CLATTN_Q; t < CLATTN_TENSOR_COUNT; ++t) /* all row tensors are as long as their six rows */
      if (clattn_outputs_get(&whole.outputs, (clattn_tensor)t) != NULL)
        assert_memory_equal(clattn_outputs_get(&part.outputs, (clattn_tensor)t),
                            clattn_outputs_get(&whole.outputs, (clattn_tensor)t), whole.bytes[t]);
    support_check_guards(&part);
  }
  support_free(&whole);
  support_free(&part);
}

static void loops_that_are_none(void **state) {
  (void)state;
  const clattn_problem problem = support_problem(3, 2, 2);
  const clattn_loop none[] = {{0, backwards}, {1, NULL}};
  support_case c;
  clattn_error error;
  support_allocate(&c, &problem, 1);
  for (int i = 0; i < 2; ++i)
    assert_int_equal(clattn_reference_run_in(&none[i], &problem, &c.inputs, &c.outputs, &error),
                     CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_reference_run_in(NULL, &problem, &c.inputs, &c.outputs, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "loop");
  support_free(&c);
}

/* Results from outside of any plan: the reference's own pass, and wrong ones fail. */
static void other_code_is_judged(void **state) {
  (void)state;
  static const clattn_tensor spoiled[] = {CLATTN_Q, CLATTN_K, CLATTN_V, CLATTN_CONTEXT, CLATTN_OUTPUT};
  clattn_problem problem = support_problem(37, 16, 8);
  problem.heads = 2;
  problem.causal = true;
  problem.output_dim = 3;
  support_case c;
  clattn_error error;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  support_allocate(&c, &problem, 7);
  assert_ok(clattn_reference_run(&problem, &c.inputs, &c.outputs, &error), &error);
  assert_ok(clattn_check_other(&problem, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, "the reference");
  assert_int_equal(report.rows_checked, 2 * 37);
  for (size_t i = 0; i < sizeof spoiled / sizeof spoiled[0]; ++i) {
    float *values = clattn_outputs_get(&c.outputs, spoiled[i]);
    const float was = values[5];
    values[5] += 0.01f;
    assert_ok(clattn_check_other(&problem, &c.inputs, &c.outputs, NULL, &report, &error), &error);
    if (report.passed) fail_msg("%s off by 0.01 has passed", clattn_tensor_name(spoiled[i]));
    values[5] = was;
  }
  c.outputs.v = NULL;
  assert_int_equal(clattn_check_other(&problem, &c.inputs, &c.outputs, NULL, &report, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "output v is NULL");
  problem.cache.capacity = 64;
  assert_int_equal(clattn_check_other(&problem, &c.inputs, &c.outputs, NULL, &report, &error), CLATTN_UNSUPPORTED);
  assert_says(&error, "cache");
  assert_int_equal(clattn_check_other(NULL, &c.inputs, &c.outputs, NULL, &report, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_check_other(&problem, &c.inputs, &c.outputs, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  support_free(&c);
}

/* ---- rotary frequencies ------------------------------------------------------------------------------------------ */

/* What ROPE_INIT_FUNCTIONS of transformers 5.24.0 return for these settings, with torch.float as float64. It computes
 * YaRN's ramp in float all the same. */
static void scaled_frequencies(void **state) {
  (void)state;
  static const struct {
    size_t dim;
    double base;
    size_t length;
    clattn_rotary_scaling scaling;
    double amplitude;
    struct {
      size_t pair;
      double frequency;
    } expected[4];
  } cases[] = {
      {64,
       10000,
       0,
       {.kind = CLATTN_SCALING_LINEAR, .factor = 4},
       1,
       {{0, 0.25}, {1, 0.18747355233311397}, {16, 0.0025}, {31, 3.33380358040831e-05}}},
      {64,
       10000,
       5000,
       {.kind = CLATTN_SCALING_DYNAMIC, .factor = 2, .original_max_position_embeddings = 2048},
       1,
       {{0, 1}, {1, 0.7177864848979212}, {16, 0.004965059174435371}, {31, 3.434421394706348e-05}}},
      {64,
       10000,
       2047,
       {.kind = CLATTN_SCALING_DYNAMIC, .factor = 2, .original_max_position_embeddings = 2048},
       1,
       {{0, 1}, {1, 0.7498942093324559}, {16, 0.01}, {31, 0.0001333521432163324}}},
      {64,
       10000,
       0,
       {.kind = CLATTN_SCALING_YARN, .factor = 16, .original_max_position_embeddings = 4096},
       1.2772588722239782,
       {{10, 0.056234132519034905},
        {16, 0.005673076901584863},
        {21, 0.0004902358899187718},
        {31, 8.334508951020775e-06}}},
      {64,
       150000,
       0,
       {.kind = CLATTN_SCALING_YARN, .factor = 32, .original_max_position_embeddings = 4096, .keep_fractions = true},
       1.3465735902799727,
       {{8, 0.050813274815461475},
        {10, 0.019335001149864646},
        {16, 0.0004564839300040291},
        {31, 3.0235114281192144e-07}}},
      {64,
       10000,
       0,
       {.kind = CLATTN_SCALING_YARN,
        .factor = 40,
        .original_max_position_embeddings = 4096,
        .mscale = 0.707,
        .mscale_all_dim = 1},
       0.9210423553163399,
       {{1, 0.7498942093324559}, {16, 0.005499999977648258}, {21, 0.0004149903772890565}, {31, 3.33380358040831e-06}}},
      {32,
       1000,
       0,
       {.kind = CLATTN_SCALING_YARN,
        .factor = 40,
        .original_max_position_embeddings = 512,
        .beta_fast = 20,
        .beta_slow = 3,
        .attention_factor = 1.25},
       1.25,
       {{4, 0.14315149199141392}, {5, 0.07044170039496082}, {8, 0.000790569415042095}, {15, 3.84981631514873e-05}}},
      {128,
       500000,
       0,
       {.kind = CLATTN_SCALING_LLAMA3,
        .factor = 8,
        .original_max_position_embeddings = 8192,
        .low_freq_factor = 1,
        .high_freq_factor = 4},
       1,
       {{21, 0.013490419890226748},
        {32, 0.0005248461609929547},
        {42, 2.2748928601828183e-05},
        {63, 3.068925988914511e-07}}}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const size_t length = cases[i].length != 0 ? cases[i].length : 1;
    clattn_problem p = support_problem(length, 1, cases[i].dim);
    clattn_error error;
    p.rotary = CLATTN_ROTARY_HALVES;
    p.rotary_base = cases[i].base;
    p.rotary_scaling = cases[i].scaling;
    assert_ok(clattn_problem_validate(&p, &error), &error);
    const clattn_rotary_run run = clattn_rotary_of(&p, NULL);
    const int32_t ids[] = {(int32_t)length - 1, 0};
    const clattn_inputs at_ids = {.size = sizeof at_ids, .position_ids = ids};
    p.query_len = p.key_len = 2;
    p.position_ids = true;
    assert_true(clattn_rotary_of(&p, &at_ids).scaled.base == run.scaled.base);
    assert_true(fabs(run.scaled.amplitude / cases[i].amplitude - 1.0) <= 1e-14);
    for (size_t k = 0; k < 4; ++k) {
      const double expected = cases[i].expected[k].frequency;
      const double got = clattn_rotary_frequency(&run, cases[i].expected[k].pair);
      if (!(fabs(got / expected - 1.0) <= (p.rotary_scaling.kind == CLATTN_SCALING_YARN ? 2e-7 : 1e-14)))
        fail_msg("case %zu, pair %zu: %.17g, expected %.17g", i, cases[i].expected[k].pair, got, expected);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(please_study_man),
      cmocka_unit_test(rows_sum_to_one),
      cmocka_unit_test(only_wanted_rows),
      cmocka_unit_test(nan_at_masked_keys),
      cmocka_unit_test(in_pieces),
      cmocka_unit_test(loops_that_are_none),
      cmocka_unit_test(other_code_is_judged),
      cmocka_unit_test(scaled_frequencies),
  };
  return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
