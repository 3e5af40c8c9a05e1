/* Half arithmetic (CLATTN_MATH_STORED): the fused kernels that multiply halves, in their planned and in small tile
 * sizes: shapes, masks, heads, lengths, caches, and numbers at the ends of half's range; and when a plan keeps to
 * floats.
 *
 * `half` runs on the default device, and skips what needs half arithmetic where that has none. `half-recorded` runs on
 * the recorder's device, which has it on every processor, and which reports work-items that race. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kernels/common/parts.h"
#include "catalog/forms.h"
#include "plan/plan.h"
#include "support.h"

typedef char name[KERNEL_LIST_TEXT];
enum { NAMES_MOST = 32 };

static bool multiplies_halves(const clattn_kernel *row) {
  return support_runs(row) && (row->forms & CLATTN_FORM_HALF_PRODUCTS) != 0;
}

/* All of them. Skips the test where the device has no half arithmetic. */
static size_t half_kernels(name names[NAMES_MOST]) {
  static const kernel_filter filters[] = {{multiplies_halves, SIZES_SMALL}, {multiplies_halves, SIZES_PLANNED}};
  size_t count = 0;
  if (clattn_needs_met(CLATTN_NEEDS_HALF, clattn_device_get_info(support_opened), NULL) != CLATTN_OK) skip();
  for (size_t f = 0; f < sizeof filters / sizeof filters[0]; ++f)
    for (size_t n = 0; count < NAMES_MOST && kernel_list_stage(CLATTN_STAGE_FUSED, n, &filters[f], names[count]); ++n)
      count += support_is_wanted(names[count]);
  assert_true(count > 0);
  return count;
}

/* Halves, given. */
static clattn_problem half_problem(size_t queries, size_t keys, size_t head_dim, size_t value_dim) {
  clattn_problem p = clattn_problem_qkv(1, 1, queries, keys, head_dim);
  p.value_dim = value_dim;
  p.type = CLATTN_F16;
  p.math = CLATTN_MATH_STORED;
  return p;
}

static clattn_plan *create(const clattn_problem *p, const char *kernel) {
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_error error;
  options.pipeline = CLATTN_PIPELINE_FUSED;
  options.kernels = kernel;
  if (!support_launches_in_pieces) options.self_test = CLATTN_SELF_TEST_NONE;
  assert_ok(clattn_plan_create(support_opened, p, &options, &plan, &error), &error);
  return plan;
}

static size_t half_addition(const clattn_plan *plan) {
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  assert_true(clattn_plan_get_info(plan, &info));
  return (size_t)info.stages[CLATTN_STAGE_FUSED].half_addition;
}

/* Runs and checks; the kernel must multiply halves. `adjust` changes the inputs. */
static void assert_right(const clattn_problem *p, const char *kernel, void (*adjust)(support_case *c)) {
  clattn_plan *plan = create(p, kernel);
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  support_case c;
  assert_int_equal(half_addition(plan), HALF_CHAIN);
  support_allocate(&c, p, 5);
  if (adjust != NULL) adjust(&c);
  support_want(&c, plan);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  support_check_guards(&c);
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, kernel);
  support_assert_quiet(kernel);
  support_free(&c);
  clattn_plan_destroy(plan);
}

static void each_kernel(const clattn_problem *p, void (*adjust)(support_case *c)) {
  name names[NAMES_MOST];
  const size_t count = half_kernels(names);
  for (size_t i = 0; i < count; ++i) assert_right(p, names[i], adjust);
}

/* ---- features ---------------------------------------------------------------------------------------------------- */

/* Dims that fill a chain, that leave a part of one, and that leave a part of a vector. */
static void shapes(void **state) {
  (void)state;
  static const size_t dims[][2] = {{16, 8}, {40, 12}, {7, 5}, {72, 68}};
  for (size_t i = 0; i < sizeof dims / sizeof dims[0]; ++i) {
    clattn_problem p = half_problem(19, 37, dims[i][0], dims[i][1]);
    p.causal = i % 2 == 1;
    each_kernel(&p, NULL);
  }
  const clattn_problem one = half_problem(1, 1, 1, 1), few = half_problem(2, 70, 24, 24);
  each_kernel(&one, NULL);
  each_kernel(&few, NULL);
}

static void masks_and_heads(void **state) {
  (void)state;
  clattn_problem p = half_problem(19, 37, 24, 20);
  p.batch = 2;
  p.heads = 4;
  p.kv_heads = 2;
  p.mask = CLATTN_MASK_FLOAT;
  p.mask_shape[0] = 2;
  p.mask_shape[1] = 4;
  p.mask_shape[2] = 19;
  p.mask_shape[3] = 37;
  p.softcap = 3.0f;
  p.alibi = p.sinks = true;
  each_kernel(&p, NULL);
  p.mask = CLATTN_MASK_BOOL;
  p.softcap = 0.0f;
  p.alibi = p.sinks = false;
  p.window_left = 9;
  p.window_right = 2;
  p.scale_mode = CLATTN_SCALE_GIVEN;
  p.scale = -1.5f;
  each_kernel(&p, NULL);
}

static void shorten(support_case *c) {
  static const int32_t lengths[] = {37, 0, 5};
  c->inputs.key_lengths = lengths;
}

static void lengths(void **state) {
  (void)state;
  clattn_problem p = half_problem(19, 37, 24, 20);
  p.batch = 3;
  p.lengths = CLATTN_LENGTHS_KEYS;
  each_kernel(&p, shorten);
}

/* Keys and values that a kernel reads in a cache of halves. */
static void caches(void **state) {
  (void)state;
  name names[NAMES_MOST];
  const size_t count = half_kernels(names);
  for (size_t i = 0; i < count; ++i)
    for (size_t page = 0; page < 2; ++page) {
      clattn_problem p = half_problem(3, 3, 24, 20);
      p.heads = 2;
      p.kv_heads = 1;
      p.causal = true;
      p.cache = (clattn_cache_layout){.capacity = 40, .type = CLATTN_CACHE_F16, .page_len = page * 8};
      clattn_plan *plan = create(&p, names[i]);
      clattn_cache *cache = NULL;
      clattn_error error;
      assert_int_equal(half_addition(plan), HALF_CHAIN);
      assert_ok(clattn_cache_create(support_opened, &p, NULL, NULL, &cache, &error), &error);
      for (uint32_t run = 0; run < 4; ++run) {
        clattn_problem seen = p;
        clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
        support_case c;
        clattn_inputs with = CLATTN_INPUTS_INIT;
        with.cache = cache;
        assert_ok(clattn_cache_problem(cache, &p, &with, &seen, &error), &error);
        support_allocate_seen(&c, &p, &seen, 11 + run);
        c.inputs.cache = cache;
        support_want(&c, plan);
        assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
        assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
        assert_passed(&report, names[i]);
        support_free(&c);
      }
      support_assert_quiet(names[i]);
      clattn_cache_destroy(cache);
      clattn_plan_destroy(plan);
    }
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static void multiply(support_case *c, clattn_tensor tensor, float factor) {
  uint16_t *half = (uint16_t *)(void *)support_tensor(c, tensor);
  const size_t count = c->bytes[tensor] / sizeof *half;
  float *floats = malloc(count * sizeof *floats);
  assert_non_null(floats);
  clattn_widen(CLATTN_F16, half, count, floats);
  for (size_t i = 0; i < count; ++i) floats[i] = fmaxf(-60000.0f, fminf(60000.0f, floats[i] * factor));
  clattn_narrow(CLATTN_F16, floats, count, half);
  free(floats);
}

/* Products and sums of products exceed 65504, the largest half. */
static void large_operands(support_case *c) {
  multiply(c, CLATTN_Q, 200.0f);
  multiply(c, CLATTN_K, 200.0f);
}

/* Sums of 8 values exceed it. */
static void large_values(support_case *c) {
  multiply(c, CLATTN_V, 30000.0f);
}

static void small_numbers(support_case *c) {
  multiply(c, CLATTN_Q, 0x1p-13f);
  multiply(c, CLATTN_K, 0x1p-9f);
  multiply(c, CLATTN_V, 0x1p-18f);
}

static void large_in_one_tile(support_case *c) {
  uint16_t *k = (uint16_t *)(void *)support_tensor(c, CLATTN_K), *v = (uint16_t *)(void *)support_tensor(c, CLATTN_V);
  k[20 * c->problem.head_dim + 3] = 0x7B00;  /* 57344 */
  v[33 * c->problem.value_dim + 2] = 0xFB00; /* -57344 */
}

static void not_finite(support_case *c) {
  uint16_t *k = (uint16_t *)(void *)support_tensor(c, CLATTN_K), *v = (uint16_t *)(void *)support_tensor(c, CLATTN_V);
  k[30 * c->problem.head_dim + 1] = v[31 * c->problem.value_dim] = 0x7E00; /* NaN; few rows see these keys */
  v[32 * c->problem.value_dim + 1] = 0x7C00;                               /* infinity */
}

static void ends_of_the_range(void **state) {
  (void)state;
  clattn_problem p = half_problem(19, 37, 40, 12);
  p.causal = true;
  p.alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
  each_kernel(&p, large_operands);
  each_kernel(&p, large_values);
  each_kernel(&p, small_numbers);
  each_kernel(&p, large_in_one_tile);
  each_kernel(&p, not_finite);
}

/* ---- when products are halves ------------------------------------------------------------------------------------ */

/* The output of a plan, which must have this summation depth in half. */
static void output_of(const clattn_problem *p, const char *kernel, size_t depth, uint16_t *to, size_t bytes) {
  clattn_plan *plan = create(p, kernel);
  clattn_error error;
  support_case c;
  assert_int_equal(half_addition(plan), depth);
  support_allocate(&c, p, 23);
  const clattn_outputs outputs = {.size = sizeof outputs, .output = to};
  for (int run = 0; run < 3; ++run) {
    uint16_t *again = malloc(bytes);
    const clattn_outputs repeated = {.size = sizeof repeated, .output = again};
    assert_non_null(again);
    assert_ok(clattn_plan_run(plan, &c.inputs, run == 0 ? &outputs : &repeated, NULL, &error), &error);
    if (run > 0) assert_memory_equal(to, again, bytes); /* the same bits in every run */
    free(again);
  }
  support_free(&c);
  clattn_plan_destroy(plan);
}

/* Half arithmetic has other bits than float; where a problem cannot have it, the bits are those of float. */
static void only_where_it_is_asked_for(void **state) {
  (void)state;
  name names[NAMES_MOST];
  const size_t count = half_kernels(names);
  enum { ELEMENTS = 19 * 24 };
  for (size_t i = 0; i < count; ++i) {
    clattn_problem p = half_problem(19, 37, 24, 24);
    uint16_t in_half[ELEMENTS], in_float[ELEMENTS];
    output_of(&p, names[i], HALF_CHAIN, in_half, sizeof in_half);
    p.math = CLATTN_MATH_FLOAT;
    output_of(&p, names[i], 0, in_float, sizeof in_float);
    assert_memory_not_equal(in_half, in_float, sizeof in_half);
    for (int other = 0; other < 3; ++other) {
      clattn_problem q = half_problem(19, 37, 24, 24);
      if (other == 0) q.type = CLATTN_BF16;
      if (other == 1) q.rotary = CLATTN_ROTARY_HALVES;
      if (other == 2) {
        q = support_problem(19, 8, 24);
        q.type = CLATTN_F16;
        q.math = CLATTN_MATH_STORED;
      }
      output_of(&q, names[i], 0, in_half, sizeof in_half);
      q.math = CLATTN_MATH_FLOAT;
      output_of(&q, names[i], 0, in_float, sizeof in_float);
      assert_memory_equal(in_half, in_float, sizeof in_half);
    }
  }
}

/* A kernel that cannot multiply halves runs all the same. */
static void other_kernels_keep_to_floats(void **state) {
  (void)state;
  const clattn_problem p = half_problem(19, 37, 24, 24);
  uint16_t output[19 * 24];
  output_of(&p, "fused=online", 0, output, sizeof output);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shapes),
      cmocka_unit_test(masks_and_heads),
      cmocka_unit_test(lengths),
      cmocka_unit_test(caches),
      cmocka_unit_test(ends_of_the_range),
      cmocka_unit_test(only_where_it_is_asked_for),
      cmocka_unit_test(other_kernels_keep_to_floats),
  };
  return support_run_group("half", tests, sizeof tests / sizeof tests[0], support_open, support_close, argc, argv);
}
