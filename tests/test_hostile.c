/* Hostile inputs: numbers and shapes that break some kernels which are otherwise correct, with
 * every kernel of every pipeline. docs/trust.md lists them. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kernels/common/matrix_units.h"
#include "probe/matrix.h"
#include "support.h"

enum { SEED = 83 };

typedef struct hostile {
  const char *name;
  size_t query_len, key_len, head_dim, value_dim;
  float scale;                       /* 0: the default */
  void (*change)(clattn_problem *p); /* NULL: no change */
  void (*adjust)(support_case *c);   /* NULL: no change */
} hostile;

/* ---- changes to problems and inputs ------------------------------------------------------------------------------ */

static void causal(clattn_problem *p) {
  p->causal = true;
  p->alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
}

static void float_mask(clattn_problem *p) {
  p->mask = CLATTN_MASK_FLOAT;
  p->mask_shape[0] = p->mask_shape[1] = 1;
  p->mask_shape[2] = p->query_len;
  p->mask_shape[3] = p->key_len;
}

static void halves(clattn_problem *p) {
  p->type = CLATTN_F16;
}

static void lengths(clattn_problem *p) {
  p->lengths = CLATTN_LENGTHS_KEYS;
}

static float *elements(support_case *c, clattn_tensor tensor, size_t *count) {
  *count = clattn_tensor_elements(&c->problem, tensor);
  return support_tensor(c, tensor);
}

static void multiply(support_case *c, clattn_tensor tensor, float factor) {
  size_t count = 0;
  float *values = elements(c, tensor, &count);
  for (size_t i = 0; i < count; ++i) values[i] *= factor;
}

static void fill(support_case *c, clattn_tensor tensor, float value) {
  size_t count = 0;
  float *values = elements(c, tensor, &count);
  for (size_t i = 0; i < count; ++i) values[i] = value;
}

static void mask_each(support_case *c, float (*value)(size_t row, size_t key)) {
  float *mask = support_tensor(c, CLATTN_MASK);
  for (size_t row = 0; row < c->problem.query_len; ++row)
    for (size_t key = 0; key < c->problem.key_len; ++key) mask[row * c->problem.key_len + key] = value(row, key);
}

static float every_other_row(size_t row, size_t key) {
  (void)key;
  return row % 2 == 0 ? -INFINITY : 0.0f;
}

static void rows_without_keys(support_case *c) {
  mask_each(c, every_other_row);
}

static float after_two_tiles(size_t row, size_t key) {
  return key < 130 + row % 3 ? -INFINITY : 0.0f;
}

static void tiles_without_keys(support_case *c) {
  mask_each(c, after_two_tiles);
}

static float far_below(size_t row, size_t key) {
  (void)row, (void)key;
  return -200.0f;
}

static void small_sums(support_case *c) {
  mask_each(c, far_below);
}

static float largest_bias(size_t row, size_t key) {
  return key == row % 7 ? 3e38f : -3e38f;
}

static void large_biases(support_case *c) {
  mask_each(c, largest_bias);
}

static void subnormals(support_case *c) {
  multiply(c, CLATTN_Q, 1e-39f);
  multiply(c, CLATTN_K, 1e-39f);
  multiply(c, CLATTN_V, 1e-39f);
}

/* The largest halves; their products far exceed a half's range. */
static void largest_halves(support_case *c) {
  static const clattn_tensor tensors[] = {CLATTN_Q, CLATTN_K, CLATTN_V};
  for (int t = 0; t < 3; ++t) {
    size_t count = 0;
    float *values = elements(c, tensors[t], &count);
    for (size_t i = 0; i < count; ++i) values[i] = i % 3 == 0 ? 65504.0f : i % 3 == 1 ? -65504.0f : 6e-8f;
  }
}

static void subnormal_halves(support_case *c) {
  multiply(c, CLATTN_Q, 0x1p-16f);
  multiply(c, CLATTN_K, 0x1p-16f);
  multiply(c, CLATTN_V, 0x1p-16f);
}

/* With the scale -log(w), all keys but the first, whose weight is 1, have the weight w = 0.503857, and all values are
 * 1. w is just below the next half and just below the next bfloat16: rounded to nearest, it is off by 0.1 steps, and by
 * far more if it is truncated. */
#define SCALE_OF_NEARLY_THE_NEXT 0.68546194f
static void nearly_the_next(support_case *c) {
  const size_t columns = c->problem.heads * c->problem.head_dim;
  float *q = support_tensor(c, CLATTN_Q), *k = support_tensor(c, CLATTN_K);
  fill(c, CLATTN_Q, 0.0f);
  fill(c, CLATTN_K, 0.0f);
  fill(c, CLATTN_V, 1.0f);
  for (size_t i = 0; i < c->problem.query_len * columns; i += c->problem.head_dim) q[i] = 1.0f;
  for (size_t i = columns; i < c->problem.key_len * columns; i += c->problem.head_dim) k[i] = -1.0f;
}

/* A value whose sums are exact. With other values a long float sum drifts, and if the reference's
 * float sum happens to drift little, gate 2 has no measure for the kernel's drift
 * (docs/correctness.md). */
static void constant(support_case *c) {
  fill(c, CLATTN_Q, 0.3f);
  fill(c, CLATTN_K, 0.7f);
  fill(c, CLATTN_V, 0.5f);
}

/* Each key's score is larger than all before, or smaller, so that a running maximum changes at
 * every key, or never. */
static void slope(support_case *c, float sign) {
  const clattn_problem *p = &c->problem;
  float *k = support_tensor(c, CLATTN_K);
  const size_t heads = p->kv_heads != 0 ? p->kv_heads : p->heads, columns = heads * p->head_dim;
  fill(c, CLATTN_Q, 1.0f);
  for (size_t key = 0; key < p->key_len; ++key)
    for (size_t i = 0; i < columns; ++i) k[key * columns + i] = sign * 0.05f * (float)key;
}

static void rising(support_case *c) {
  slope(c, 1.0f);
}

static void falling(support_case *c) {
  slope(c, -1.0f);
}

static void a_key_alone(support_case *c) {
  const clattn_problem *p = &c->problem;
  float *k = support_tensor(c, CLATTN_K);
  const size_t columns = p->heads * p->head_dim;
  fill(c, CLATTN_Q, 1.0f);
  fill(c, CLATTN_K, 0.0f);
  for (size_t i = 0; i < columns; ++i) k[(p->key_len - 1) * columns + i] = 100.0f;
}

static void not_a_number_in_a_query(support_case *c) {
  support_tensor(c, CLATTN_Q)[3] = NAN;
}

static void infinity_in_a_value(support_case *c) {
  support_tensor(c, CLATTN_V)[5] = INFINITY;
  support_tensor(c, CLATTN_V)[6] = -INFINITY;
}

/* ---- keys with negligible weights -------------------------------------------------------------------------------- */

/* Sets every query's score for each key, with head_dim 16 and the default scale of 1/4: q is 1 and
 * each element of k is a quarter of the score. */
static void score_keys(support_case *c, float (*score)(size_t key, size_t keys)) {
  const clattn_problem *p = &c->problem;
  const size_t columns = p->heads * p->head_dim;
  float *k = support_tensor(c, CLATTN_K);
  assert_int_equal(p->head_dim, 16);
  fill(c, CLATTN_Q, 1.0f);
  for (size_t key = 0; key < p->key_len; ++key)
    for (size_t i = 0; i < columns; ++i) k[key * columns + i] = score(key, p->key_len) / 4.0f;
}

static void value_keys(support_case *c, float (*value)(size_t key, size_t keys)) {
  const clattn_problem *p = &c->problem;
  const size_t columns = p->heads * p->value_dim;
  float *v = support_tensor(c, CLATTN_V);
  for (size_t key = 0; key < p->key_len; ++key)
    for (size_t i = 0; i < columns; ++i) v[key * columns + i] = value(key, p->key_len);
}

/* The other weights are 0 in float and double, 0 only in float, subnormal, or small. */
static float below_the_first(size_t key, size_t keys) {
  static const float depths[] = {1000.0f, 150.0f, 100.0f, 90.0f, 80.0f};
  (void)keys;
  return key == 0 ? 0.0f : -depths[key % 5];
}

static float below_the_last(size_t key, size_t keys) {
  return below_the_first(keys - 1 - key, keys);
}

/* No single step makes a weight vanish, but all of them together do. */
static float in_steps(size_t key, size_t keys) {
  (void)keys;
  return 50.0f * (float)key;
}

static float huge_but_the_first(size_t key, size_t keys) {
  (void)keys;
  return key == 0 ? 1.0f : 3e38f;
}

static float huge_but_the_last(size_t key, size_t keys) {
  return huge_but_the_first(keys - 1 - key, keys);
}

static float none_but_the_first(size_t key, size_t keys) {
  (void)keys;
  return key == 0 ? 0.0f : 1.0f;
}

static void huge_values_behind_the_first(support_case *c) {
  score_keys(c, below_the_first);
  value_keys(c, huge_but_the_first);
}

static void huge_values_before_the_last(support_case *c) {
  score_keys(c, below_the_last);
  value_keys(c, huge_but_the_last);
}

static void huge_values_in_steps(support_case *c) {
  score_keys(c, in_steps);
  value_keys(c, huge_but_the_last);
}

static void the_first_has_no_value(support_case *c) {
  score_keys(c, below_the_first);
  value_keys(c, none_but_the_first);
}

/* The weight of key 5 is 0 even in double, that of key 2 only in float. All visible keys count
 * alike. */
static void not_finite_at_negligible_keys(support_case *c) {
  const size_t columns = c->problem.heads * c->problem.value_dim;
  float *v = support_tensor(c, CLATTN_V);
  score_keys(c, below_the_first);
  v[5 * columns] = v[1 * columns + 1] = NAN;
  v[5 * columns + 2] = v[1 * columns + 3] = INFINITY;
}

static void infinities_in_steps(support_case *c) {
  const size_t columns = c->problem.heads * c->problem.value_dim;
  float *v = support_tensor(c, CLATTN_V);
  score_keys(c, in_steps);
  v[0] = v[columns + 1] = INFINITY;
  v[2] = NAN;
  v[(c->problem.key_len - 1) * columns + 3] = INFINITY;
}

static void with_sinks(clattn_problem *p) {
  p->sinks = true;
}

static void sink_of_100(support_case *c) {
  fill(c, CLATTN_SINKS, 100.0f);
}

static void sink_of_1e4(support_case *c) {
  fill(c, CLATTN_SINKS, 1e4f);
}

static void largest_softcap(clattn_problem *p) {
  p->softcap = 3e38f;
}

static void least_softcap(clattn_problem *p) {
  p->softcap = FLT_MIN;
}

static void no_keys_at_all(support_case *c) {
  static const int32_t none[] = {0};
  c->inputs.key_lengths = none;
}

static void one_key_of_many(support_case *c) {
  static const int32_t one[] = {1};
  c->inputs.key_lengths = one;
}

static const hostile cases[] = {
    {"logits of 1e4", 65, 130, 16, 16, 1e4f, NULL, NULL},
    {"logits of -1e4", 65, 130, 16, 16, -1e4f, causal, NULL},
    {"a negative scale", 33, 70, 16, 16, -0.5f, causal, NULL},
    {"rows that are -infinity", 35, 70, 16, 16, 0.0f, float_mask, rows_without_keys},
    {"tiles of masked keys before the first live one", 17, 300, 16, 16, 0.0f, float_mask, tiles_without_keys},
    {"log-sum-exp below -88.7, and a tail", 33, 133, 16, 16, 0.0f, float_mask, small_sums},
    {"biases of the largest floats", 33, 70, 16, 16, 0.0f, float_mask, large_biases},
    {"subnormal numbers", 33, 70, 16, 16, 0.0f, NULL, subnormals},
    {"the largest halves", 33, 70, 16, 16, 0.0f, halves, largest_halves},
    {"weights nearly the next half", 33, 70, 16, 16, SCALE_OF_NEARLY_THE_NEXT, halves, nearly_the_next},
    {"subnormal halves", 33, 70, 16, 16, 0.0f, halves, subnormal_halves},
    {"constant rows", 33, 257, 16, 16, 0.0f, NULL, constant},
    {"scores that rise", 33, 300, 16, 16, 0.0f, NULL, rising},
    {"scores that fall", 33, 300, 16, 16, 0.0f, NULL, falling},
    {"one key far above, the last", 33, 130, 16, 16, 0.0f, NULL, a_key_alone},
    {"huge values at keys far below the first", 17, 70, 16, 16, 0.0f, NULL, huge_values_behind_the_first},
    {"huge values at keys far below the last", 17, 70, 16, 16, 0.0f, NULL, huge_values_before_the_last},
    {"huge values below a maximum that rises", 17, 70, 16, 16, 0.0f, NULL, huge_values_in_steps},
    {"one key far above the others, its value 0", 17, 16, 16, 16, 0.0f, NULL, the_first_has_no_value},
    {"NaN and infinities at negligible keys", 17, 70, 16, 16, 0.0f, NULL, not_finite_at_negligible_keys},
    {"NaN and infinities below a maximum that rises", 17, 70, 16, 16, 0.0f, NULL, infinities_in_steps},
    {"a sink of 100", 17, 16, 16, 16, 0.0f, with_sinks, sink_of_100},
    {"a sink of 1e4", 17, 16, 16, 16, 0.0f, with_sinks, sink_of_1e4},
    {"the largest softcap", 17, 70, 16, 16, 1e-3f, largest_softcap, NULL},
    {"the least softcap", 17, 70, 16, 16, 0.0f, least_softcap, NULL},
    {"NaN in a query", 20, 70, 16, 16, 0.0f, NULL, not_a_number_in_a_query},
    {"infinities in a value", 20, 70, 16, 16, 0.0f, NULL, infinity_in_a_value},
    {"no keys", 20, 70, 16, 16, 0.0f, lengths, no_keys_at_all},
    {"one key of many", 20, 70, 16, 16, 0.0f, lengths, one_key_of_many},
    {"one of everything", 1, 1, 1, 1, 0.0f, NULL, NULL},
    {"one query", 1, 257, 9, 33, 0.0f, NULL, NULL},
    {"one key", 257, 1, 33, 9, 0.0f, NULL, NULL},
    {"more queries than keys", 129, 17, 9, 33, 0.0f, causal, NULL},
    {"more keys than queries", 17, 129, 33, 9, 0.0f, causal, NULL},
    {"narrow queries, wide values", 31, 63, 1, 130, 0.0f, NULL, NULL},
    {"wide queries, narrow values", 31, 63, 257, 1, 0.0f, NULL, NULL},
};

/* ---- the kernels to run ------------------------------------------------------------------------------------------ */

typedef struct way {
  const char *kernels; /* NULL: those that the plan takes */
  clattn_pipeline pipeline;
  clattn_type type; /* in which q, k and v are stored, and multiplied; CLATTN_F32: as the case says */
} way;

static const char *name_of(const way *w) {
  return w->kernels != NULL ? w->kernels : clattn_pipeline_name(w->pipeline);
}

static clattn_problem problem_of(const hostile *h, const way *w) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.source = CLATTN_SOURCE_QKV;
  p.query_len = h->query_len;
  p.key_len = h->key_len;
  p.heads = 2;
  p.head_dim = h->head_dim;
  p.value_dim = h->value_dim;
  if (h->scale != 0.0f) {
    p.scale_mode = CLATTN_SCALE_GIVEN;
    p.scale = h->scale;
  }
  if (h->change != NULL) h->change(&p);
  if (w->type != CLATTN_F32) {
    p.type = w->type;
    p.math = CLATTN_MATH_STORED;
  }
  return p;
}

/* Adjusts the inputs as floats. Where the problem stores others, finite ones that are too large become its largest. */
static void adjust(const hostile *h, support_case *c) {
  static const clattn_tensor stored[] = {CLATTN_Q, CLATTN_K, CLATTN_V}, always[] = {CLATTN_MASK, CLATTN_SINKS};
  clattn_problem p = c->problem;
  support_case floats;
  if (p.type == CLATTN_F32) {
    h->adjust(c);
    return;
  }
  p.type = CLATTN_F32;
  p.math = CLATTN_MATH_FLOAT;
  support_allocate(&floats, &p, SEED);
  h->adjust(&floats);
  for (int t = 0; t < 3; ++t) {
    size_t count = 0;
    float *values = elements(&floats, stored[t], &count);
    for (size_t i = 0; i < count && c->problem.type == CLATTN_F16; ++i)
      if (isfinite(values[i])) values[i] = fminf(65504.0f, fmaxf(-65504.0f, values[i]));
    clattn_narrow(c->problem.type, values, count, (uint16_t *)(void *)support_tensor(c, stored[t]));
  }
  for (int t = 0; t < 2; ++t)
    if (c->bytes[always[t]] > 0)
      memcpy(support_tensor(c, always[t]), support_tensor(&floats, always[t]), c->bytes[always[t]]);
  c->inputs.key_lengths = floats.inputs.key_lengths;
  support_free(&floats);
}

/* False if the device, or a build without CLBlast, cannot run it. */
static bool run(const hostile *h, const way *w) {
  const clattn_problem p = problem_of(h, w);
  clattn_plan_options options = SUPPORT_STAGED;
  clattn_plan *plan = NULL;
  clattn_error error;
  char what[128];
  support_case c;
  options.pipeline = w->pipeline;
  options.kernels = w->kernels;
  const clattn_status status = clattn_plan_create(support_opened, &p, &options, &plan, &error);
  clattn_plan_destroy(plan);
  if (status == CLATTN_UNSUPPORTED) return false;
  assert_ok(status, &error);
  support_allocate(&c, &p, SEED);
  if (h->adjust != NULL) adjust(h, &c);
  const clattn_check_report report = support_run(support_opened, &c, &options);
  snprintf(what, sizeof what, "%s, %s", h->name, name_of(w));
  assert_passed(&report, what);
  support_free(&c);
  return true;
}

/* A value of 3e38 at a key with weight 0 must not change the result; tested here independently of
 * the checker. */
static void nothing_of_a_negligible_key(const way *w) {
  static const hostile two_keys = {"", 1, 2, 1, 1, 1.0f, NULL, NULL};
  static const float q[] = {1.0f}, k[2][2] = {{0.0f, -1000.0f}, {-1000.0f, 0.0f}};
  static const float v[2][2] = {{1.0f, 3e38f}, {3e38f, 1.0f}};
  clattn_problem p = problem_of(&two_keys, w);
  clattn_plan_options options = SUPPORT_STAGED;
  clattn_plan *plan = NULL;
  clattn_error error;
  p.heads = 1;
  options.pipeline = w->pipeline;
  options.kernels = w->kernels;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  for (int order = 0; order < 2; ++order) {
    float context = NAN, weights[2] = {NAN, NAN};
    clattn_outputs outputs = {.size = sizeof(clattn_outputs), .context = &context};
    if (clattn_plan_has(plan, CLATTN_WEIGHTS)) outputs.weights = weights;
    assert_ok(clattn_plan_run(plan,
                              &(clattn_inputs){.size = sizeof(clattn_inputs), .q = q, .k = k[order], .v = v[order]},
                              &outputs, NULL, &error),
              &error);
    if (context != 1.0f) fail_msg("%s: context is %g", name_of(w), (double)context);
    if (outputs.weights != NULL) assert_true(weights[order] == 1.0f && weights[1 - order] == 0.0f);
  }
  clattn_plan_destroy(plan);
}

/* Through a way that the device does not have no case is run; through any other all of them are. */
static void every_case(const way *w) {
  size_t ran = 0;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) ran += run(&cases[i], w);
  if (ran == 0 && w->pipeline == CLATTN_PIPELINE_BLAS) skip(); /* built without CLBlast */
  print_message("all %zu cases through %s\n", ran, name_of(w));
  assert_int_equal(ran, sizeof cases / sizeof cases[0]);
  nothing_of_a_negligible_key(w);
}

static void as_planned(void **state) {
  every_case(&(way){.kernels = NULL, .pipeline = *(const clattn_pipeline *)*state});
}

static const kernel_filter all = {support_runs, SIZES_PLANNED}, small = {support_runs_with_tiles, SIZES_SMALL};

static void staged(void **state) {
  char kernels[KERNEL_LIST_TEXT];
  if (!kernel_list_staged(*(const size_t *)*state, &all, kernels)) skip();
  every_case(&(way){.kernels = kernels, .pipeline = CLATTN_PIPELINE_STAGED});
}

/* With the sizes that a plan takes, and with small ones: several tiles and parts. */
static void fused(void **state) {
  char kernels[KERNEL_LIST_TEXT];
  const size_t n = *(const size_t *)*state;
  if (!kernel_list_stage(CLATTN_STAGE_FUSED, n, &all, kernels)) skip();
  every_case(&(way){.kernels = kernels, .pipeline = CLATTN_PIPELINE_FUSED});
  if (kernel_list_stage(CLATTN_STAGE_FUSED, n, &small, kernels))
    every_case(&(way){.kernels = kernels, .pipeline = CLATTN_PIPELINE_FUSED});
}

/* The cases through the software unit, in this type. */
static void in_unit(const char *kernels, clattn_type type) {
  size_t ran = 0, chosen = 0;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    if (!support_is_long() && (cases[i].head_dim != 16 || cases[i].value_dim != 16)) continue;
    ++chosen;
    ran += run(&cases[i], &(way){kernels, CLATTN_PIPELINE_FUSED, type});
  }
  print_message("%zu cases through %s, %s\n", ran, kernels, clattn_type_name(type));
  assert_int_equal(ran, chosen);
}

/* Every unit with both kernels and both types only with CLATTN_LONG=1, and so are other dims than 16, of which kernels
 * would have to be built. */
static void in_matrix_unit(void **state) {
  static const char *const names[] = {"matrix", "async"};
  static const clattn_type short_form[MATRIX_UNITS] = {[MATRIX_MMA_16] = CLATTN_F16,
                                                       [MATRIX_DPAS_16] = CLATTN_BF16,
                                                       [MATRIX_WMMA_11] = CLATTN_F16,
                                                       [MATRIX_MFMA] = CLATTN_BF16};
  const int unit = *(const int *)*state;
  const bool is_long = support_is_long();
  if (!is_long && short_form[unit] == CLATTN_F32) skip();
  for (int type = CLATTN_F16; type <= CLATTN_BF16; ++type)
    for (int name = 0; name < 2; ++name) {
      char kernels[KERNEL_LIST_TEXT];
      if (!is_long && (short_form[unit] != (clattn_type)type || unit % 2 == name)) continue;
      snprintf(kernels, sizeof kernels, "fused=%s:MATRIX_UNIT=%d:SUB_GROUPS=2:BLOCK_KEYS=32", names[name], unit);
      in_unit(kernels, (clattn_type)type);
    }
}

/* Sizes of 0 are refused by name before any device gets them. */
static void nothing_is_refused(void **state) {
  (void)state;
  static const struct {
    size_t offset;
    const char *name;
  } sizes[] = {
      {offsetof(clattn_problem, query_len), "query_len is 0"}, {offsetof(clattn_problem, key_len), "key_len is 0"},
      {offsetof(clattn_problem, head_dim), "head_dim is 0"},   {offsetof(clattn_problem, value_dim), "value_dim is 0"},
      {offsetof(clattn_problem, heads), "heads is 0"},         {offsetof(clattn_problem, batch), "batch is 0"}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    clattn_problem p = problem_of(&cases[0], &(way){.kernels = NULL});
    clattn_plan *plan = NULL;
    clattn_error error;
    memset((char *)&p + sizes[i].offset, 0, sizeof(size_t));
    assert_int_equal(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), CLATTN_INVALID_PROBLEM);
    assert_says(&error, sizes[i].name);
  }
}

int main(int argc, char **argv) {
  static const clattn_pipeline planned[] = {CLATTN_PIPELINE_STAGED, CLATTN_PIPELINE_FUSED, CLATTN_PIPELINE_BLAS};
  static const int units[] = {MATRIX_MMA_8,   MATRIX_MMA_16,  MATRIX_DPAS_8, MATRIX_DPAS_16,
                              MATRIX_WMMA_11, MATRIX_WMMA_12, MATRIX_MFMA};
  enum { OTHERS = 4, UNITS = sizeof units / sizeof units[0] };
  struct CMUnitTest tests[KERNEL_LIST_TESTS + OTHERS + UNITS] = {
      cmocka_unit_test(nothing_is_refused),
      {.name = "staged, as planned", .test_func = as_planned, .initial_state = (void *)&planned[0]},
      {.name = "fused, as planned", .test_func = as_planned, .initial_state = (void *)&planned[1]},
      {.name = "blas", .test_func = as_planned, .initial_state = (void *)&planned[2]}};
  for (int i = 0; i < UNITS; ++i)
    tests[OTHERS + i] = (struct CMUnitTest){
        .name = clattn_matrix_name(units[i]), .test_func = in_matrix_unit, .initial_state = (void *)&units[i]};
  const size_t count = OTHERS + UNITS + kernel_list_tests(staged, fused, tests + OTHERS + UNITS);
  return support_run_group("hostile", tests, count, support_open, support_close, argc, argv);
}
