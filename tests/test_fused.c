/* What holds for every fused kernel besides correct results for every feature: memory, launches,
 * and extreme numbers. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/fused.h"
#include "plan/plan.h"
#include "problem/facts.h"
#include "support.h"

typedef char name[KERNEL_LIST_TEXT];
enum { NAMES_MOST = 64 };

/* The fused kernels that this device can run: with the sizes that a plan takes, and with small ones for several tiles,
 * strips and parts. */
static size_t fused_kernels(name names[NAMES_MOST]) {
  static const kernel_filter filters[] = {{support_runs, SIZES_PLANNED}, {support_runs_with_tiles, SIZES_SMALL}};
  size_t count = 0;
  for (size_t f = 0; f < sizeof filters / sizeof filters[0]; ++f)
    for (size_t n = 0; count < NAMES_MOST && kernel_list_stage(CLATTN_STAGE_FUSED, n, &filters[f], names[count]); ++n)
      count += support_is_wanted(names[count]);
  assert_true(count > 0);
  return count;
}

/* Launches of the fused stage: a second one joins the parts of each row, if there are several. */
static int launches_of(const clattn_plan *plan) {
  const clattn_choice *choice = &plan->choice[CLATTN_STAGE_FUSED];
  const clattn_post_process *post_process = clattn_post_process_of(choice->row);
  size_t size[3] = {0, 0, 0};
  if (post_process != NULL)
    post_process->size(choice->value, &plan->problem, clattn_device_get_info(support_opened)->compute_units, size);
  return size[0] > 0 ? 2 : 1;
}

static clattn_plan_options options_of(const char *kernel) {
  clattn_plan_options options = support_options();
  options.pipeline = CLATTN_PIPELINE_FUSED;
  options.kernels = kernel;
  return options;
}

static clattn_plan_info info_of(const clattn_problem *p, const char *kernel) {
  const clattn_plan_options options = options_of(kernel);
  return support_plan_info(p, &options);
}

/* Memory grows linearly: from N to 2 N by as much as from 2 N to 3 N. */
static void workspace_is_linear(void **state) {
  (void)state;
  name names[NAMES_MOST];
  const size_t count = fused_kernels(names);
  for (size_t i = 0; i < count; ++i) {
    uint64_t workspace[3], total[3];
    for (size_t n = 0; n < 3; ++n) {
      clattn_problem p = support_problem(4096 * (n + 1), 32, 16);
      p.heads = 2;
      const clattn_plan_info info = info_of(&p, names[i]);
      assert_int_equal(info.blocks, 0);
      assert_int_equal(info.block_bytes, 0);
      workspace[n] = info.workspace_bytes;
      total[n] = info.total_bytes;
    }
    assert_int_equal(total[2] - total[1], total[1] - total[0]);
    assert_int_equal(workspace[2] - workspace[1], workspace[1] - workspace[0]);
  }
}

/* One launch, or two with post-processing; the same bits in every run; no scores in memory. */
static void launches_and_bits(void **state) {
  (void)state;
  name names[NAMES_MOST];
  const size_t count = fused_kernels(names);
  for (size_t i = 0; i < count; ++i) {
    const clattn_plan_options options = options_of(names[i]);
    clattn_problem p = support_problem(70, 24, 12);
    p.heads = 3;
    p.causal = true;
    support_case c;
    support_allocate(&c, &p, 3);
    clattn_plan *plan = NULL;
    clattn_timings timings = CLATTN_TIMINGS_INIT;
    clattn_error error;
    float first[70 * 3 * 12];
    assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
    assert_false(clattn_plan_has(plan, CLATTN_SCORES));
    assert_true(clattn_plan_has(plan, CLATTN_LSE));
    assert_int_equal(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), CLATTN_UNSUPPORTED);
    assert_says(&error, "the pipeline fused has no scaled");
    support_want(&c, plan);
    for (int run = 0; run < 10; ++run) {
      memset(c.outputs.context, 0xFF, sizeof first);
      assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, &timings, &error), &error);
      if (run == 0) memcpy(first, c.outputs.context, sizeof first);
      assert_memory_equal(first, c.outputs.context, sizeof first);
    }
    assert_int_equal(timings.launches[CLATTN_STAGE_FUSED], launches_of(plan));
    assert_int_equal(timings.launches[CLATTN_STAGE_PROJECT], 1);
    assert_int_equal(timings.launches[CLATTN_STAGE_SCORES], 0);
    clattn_plan_destroy(plan);
    support_free(&c);
  }
}

/* ---- stored types ------------------------------------------------------------------------------------------------ */

/* Given q, k and v of 2 bytes are read directly: nothing is widened, and no memory is used for
 * float copies. With a rotary embedding that is true only for v. Dims fill several vectors and a
 * rest, keys several strips. */
static void stored_types_are_read_in_place(void **state) {
  (void)state;
  enum { TOKENS = 200, HEAD_DIM = 38, VALUE_DIM = 53 };
  name names[NAMES_MOST];
  const size_t count = fused_kernels(names);
  for (size_t i = 0; i < count; ++i)
    for (int variant = 0; variant < 4; ++variant) {
      const clattn_plan_options options = options_of(names[i]);
      const bool rotated = variant >= 2;
      clattn_problem p = CLATTN_PROBLEM_INIT;
      p.query_len = p.key_len = TOKENS;
      p.heads = 4;
      p.kv_heads = 2;
      p.head_dim = HEAD_DIM;
      p.value_dim = VALUE_DIM;
      p.source = CLATTN_SOURCE_QKV;
      p.type = variant % 2 == 0 ? CLATTN_F16 : CLATTN_BF16;
      p.causal = variant == 1;
      if (rotated) p.rotary = CLATTN_ROTARY_HALVES;
      support_case c;
      clattn_plan *plan = NULL;
      clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
      clattn_timings timings = CLATTN_TIMINGS_INIT;
      clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
      clattn_error error;
      support_allocate(&c, &p, 31 + (uint32_t)variant);
      assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
      support_want(&c, plan);
      assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, &timings, &error), &error);
      assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
      assert_passed(&report, names[i]);
      assert_int_equal(timings.launches[CLATTN_STAGE_CONVERT], 1); /* only the output */
      clattn_plan_get_info(plan, &info);
      const uint64_t q = TOKENS * 4 * HEAD_DIM, k = TOKENS * 2 * HEAD_DIM, v = TOKENS * 2 * VALUE_DIM;
      const uint64_t outputs = TOKENS * 4 * VALUE_DIM * (4 + 2) + TOKENS * 4 * 4; /* context, output, lse */
      const uint64_t angles =
          rotated ? 2 * TOKENS * (HEAD_DIM / 2) * 2 * 4 : 0; /* angles of the keys, then of the queries */
      const uint64_t floats = rotated ? (q + k) * 4 : 0;
      assert_int_equal(info.total_bytes, (q + k + v) * 2 + floats + outputs + angles + info.workspace_bytes);
      clattn_plan_destroy(plan);
      support_free(&c);
    }
}

static bool stores_types(const clattn_plan *plan) {
  return plan->choice[CLATTN_STAGE_FUSED].row->stores_types;
}

/* Bytes of a plan that works on the caller's memory, without the workspace. */
static uint64_t own_bytes(const clattn_problem *p, const char *kernel) {
  clattn_plan_options options = options_of(kernel);
  options.io = CLATTN_IO_DEVICE;
  const clattn_plan_info info = support_plan_info(p, &options);
  return info.total_bytes - info.workspace_bytes;
}

enum { WRITTEN_TOKENS = 150, WRITTEN_VARIANTS = 7 };

/* q, k and v are given, or, from variant 4 on, projected; keys and values may come from a cache then. */
static clattn_problem written_problem(int variant) {
  clattn_problem p = clattn_problem_qkv(2, 4, WRITTEN_TOKENS, WRITTEN_TOKENS, 38);
  p.kv_heads = 2;
  p.value_dim = 53;
  p.type = variant % 2 == 0 ? CLATTN_F16 : CLATTN_BF16;
  if (variant < 2) p.context_order = CLATTN_ORDER_TOKENS;
  if (variant == 1 || variant >= 5) p.query_len = 1; /* parts of the keys, joined */
  if (variant == 2) p.lengths = CLATTN_LENGTHS_KEYS;
  if (variant >= 4) {
    p.source = variant == 4 ? CLATTN_SOURCE_X : CLATTN_SOURCE_XKV;
    p.order = CLATTN_ORDER_TOKENS;
    p.model_dim = 20;
  }
  if (variant == 6) p.cache = (clattn_cache_layout){.capacity = WRITTEN_TOKENS, .type = CLATTN_CACHE_F16};
  return p;
}

static void forget(clattn_cache *cache) {
  clattn_error error;
  for (size_t b = 0; b < 2 && cache != NULL; ++b) assert_ok(clattn_cache_truncate(cache, b, 0, &error), &error);
}

/* A run that does not ask for the context stores the output without a launch of convert, with the bits that convert
 * makes of the context. The plan has no memory for the context in floats then, unless the caller may ask for it. */
static void stored_types_are_written_in_place(void **state) {
  (void)state;
  static const int32_t key_lengths[] = {WRITTEN_TOKENS, 0}; /* the second sequence's context is 0 */
  name names[NAMES_MOST];
  const size_t count = fused_kernels(names);
  for (size_t i = 0; i < count; ++i)
    for (int variant = 0; variant < WRITTEN_VARIANTS; ++variant) {
      const clattn_plan_options options = options_of(names[i]);
      const clattn_problem p = written_problem(variant);
      support_case c;
      clattn_plan *plan = NULL;
      clattn_cache *cache = NULL;
      clattn_timings both = CLATTN_TIMINGS_INIT, timings = CLATTN_TIMINGS_INIT;
      clattn_error error;
      if (p.cache.capacity != 0) assert_ok(clattn_cache_create(support_opened, &p, NULL, NULL, &cache, &error), &error);
      support_allocate(&c, &p, 41 + (uint32_t)variant);
      c.inputs.cache = cache;
      if (variant == 2) c.inputs.key_lengths = key_lengths;
      const size_t bytes = clattn_output_bytes(&p, CLATTN_OUTPUT);
      void *converted = malloc(bytes);
      assert_non_null(converted);
      assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
      support_want(&c, plan);
      assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, &both, &error), &error);
      memcpy(converted, c.outputs.output, bytes);
      support_poison(&c);
      forget(cache);
      const clattn_outputs alone = {.size = sizeof alone, .output = c.outputs.output, .lse = c.outputs.lse};
      assert_ok(clattn_plan_run(plan, &c.inputs, &alone, &timings, &error), &error);
      assert_memory_equal(c.outputs.output, converted, bytes);
      support_check_guards(&c);
      const int spared = stores_types(plan) ? 1 : 0;
      assert_int_equal(timings.launches[CLATTN_STAGE_CONVERT] + spared, both.launches[CLATTN_STAGE_CONVERT]);
      if (p.source == CLATTN_SOURCE_QKV) assert_int_equal(timings.launches[CLATTN_STAGE_CONVERT], 1 - spared);
      clattn_plan_destroy(plan);
      if (cache == NULL) { /* else kernels also differ in what they gather */
        const uint64_t context_bytes = spared != 0 ? clattn_output_bytes(&p, CLATTN_CONTEXT) : 0;
        assert_int_equal(own_bytes(&p, names[i]) + context_bytes, own_bytes(&p, "fused=row"));
      }
      free(converted);
      support_free(&c);
      clattn_cache_destroy(cache);
    }
}

/* ---- extreme numbers --------------------------------------------------------------------------------------------- */

typedef struct extreme {
  const char *name;
  float scale;  /* 0: the default */
  float size;   /* of q and k */
  float values; /* of v */
  bool causal;
  float sink; /* 0: none; otherwise larger than the largest score of some strips and smaller than that of others */
} extreme;

static const extreme extremes[] = {
    {"scores of 1e4", 200.0f, 1.0f, 1.0f, false, 0.0f},
    {"scores of -1e4", -200.0f, 1.0f, 1.0f, true, 0.0f},
    {"scores of 1e7", 1e6f, 1.0f, 1.0f, false, 0.0f},
    {"scores that float cannot hold", 1e30f, 1e6f, 1.0f, false, 0.0f},
    {"a scale that vanishes in the queries", 1e-30f, 1e15f, 1.0f, false, 0.0f},
    {"scale 1", 1.0f, 1.0f, 1.0f, true, 0.0f},
    {"scale 0 but for a rounding", 1e-38f, 1.0f, 1.0f, false, 0.0f},
    {"values near the largest float", 0.0f, 1.0f, 1e38f, false, 0.0f},
    {"sinks among several strips of keys", 2.0f, 1.0f, 1.0f, false, 8.3f},
    {"sinks, causal", 0.25f, 1.0f, 1.0f, true, 1.05f},
    {"a sink near the least float", 0.0f, 1.0f, 1.0f, true, -3.4e38f},
    {"products near the largest float", 0.69f, 0.7e19f, 1.0f, false, 0.0f},
};

static void multiply(float *values, size_t count, float factor) {
  for (size_t i = 0; i < count; ++i) values[i] *= factor;
}

/* 600 keys: several strips and parts. */
static void check_extreme(const extreme *e, const char *kernel) {
  const clattn_plan_options options = options_of(kernel);
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.query_len = 9;
  p.key_len = 600;
  p.heads = 2;
  p.head_dim = 5;
  p.value_dim = 18;
  p.source = CLATTN_SOURCE_QKV;
  p.causal = e->causal;
  p.alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
  p.sinks = e->sink != 0.0f;
  if (e->scale != 0.0f) {
    p.scale_mode = CLATTN_SCALE_GIVEN;
    p.scale = e->scale;
  }
  support_case c;
  support_allocate(&c, &p, 71);
  multiply(support_tensor(&c, CLATTN_Q), 9 * 2 * 5, e->size);
  multiply(support_tensor(&c, CLATTN_K), 600 * 2 * 5, e->size);
  multiply(support_tensor(&c, CLATTN_V), 600 * 2 * 18, e->values);
  for (int head = 0; head < 2 && p.sinks; ++head)
    support_tensor(&c, CLATTN_SINKS)[head] = e->sink * (1.0f - 0.1f * (float)head);
  const clattn_check_report report = support_run(support_opened, &c, &options);
  char what[KERNEL_LIST_TEXT + 64];
  assert_in_range(snprintf(what, sizeof what, "%s, %s", kernel, e->name), 1, sizeof what - 1);
  assert_passed(&report, what);
  support_free(&c);
}

static void extreme_numbers(void **state) {
  (void)state;
  name names[NAMES_MOST];
  const size_t count = fused_kernels(names);
  for (size_t i = 0; i < count; ++i)
    for (size_t e = 0; e < sizeof extremes / sizeof extremes[0]; ++e) check_extreme(&extremes[e], names[i]);
}

/* ---- keys with negligible weights -------------------------------------------------------------------------------- */

typedef struct slope {
  const char *name;
  float depth;  /* how far the smallest score is below the largest; above 0 scores fall from key to key, below 0 they
                   rise */
  float sink;   /* 0: none */
  float values; /* at keys that are 150 or more below the largest */
  float first;  /* value of the first key; also NAN and infinities */
} slope;

static const slope slopes[] = {{"huge values after the largest score", 1000.0f, 0.0f, 3e38f, 3.0f},
                               {"huge values before the largest score", -1000.0f, 0.0f, 3e38f, 3.0f},
                               {"huge values, a sink", -1000.0f, 400.0f, 3e38f, 3.0f},
                               {"a sink far above", 200.0f, 1e4f, 1.0f, 3.0f},
                               {"a sink above", 1.0f, 100.0f, 1.0f, 3.0f},
                               {"a sink just seen", 1.0f, 85.0f, 1.0f, 3.0f},
                               {"an infinity before", -1000.0f, 0.0f, 1.0f, INFINITY},
                               {"NaN before", -1000.0f, 0.0f, 1.0f, NAN},
                               {"an infinity a little before", -30.0f, 0.0f, 1.0f, INFINITY}};

/* 600 keys: several strips and parts, whose maxima rise or fall. */
static void check_slope(const slope *e, const char *kernel) {
  enum { KEYS = 600, HEADS = 2, DIM = 5, VALUES = 18 };
  const clattn_plan_options options = options_of(kernel);
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.query_len = 9;
  p.key_len = KEYS;
  p.heads = HEADS;
  p.head_dim = DIM;
  p.value_dim = VALUES;
  p.source = CLATTN_SOURCE_QKV;
  p.sinks = e->sink != 0.0f;
  p.scale_mode = CLATTN_SCALE_GIVEN;
  p.scale = 1.0f;
  support_case c;
  support_allocate(&c, &p, 89);
  float *q = support_tensor(&c, CLATTN_Q), *k = support_tensor(&c, CLATTN_K), *v = support_tensor(&c, CLATTN_V);
  for (size_t i = 0; i < 9 * HEADS * DIM; ++i) q[i] = 0.2f;
  for (size_t key = 0; key < KEYS; ++key) {
    const float from_first = e->depth * (float)key / (KEYS - 1),
                below = e->depth > 0.0f ? from_first : from_first - e->depth;
    for (size_t i = 0; i < HEADS * DIM; ++i) k[key * HEADS * DIM + i] = -below;
    for (size_t i = 0; i < HEADS * VALUES; ++i) v[key * HEADS * VALUES + i] *= below > 150.0f ? e->values : 1.0f;
  }
  for (size_t i = 0; i < HEADS * VALUES; ++i) v[i] *= e->first;
  for (int head = 0; head < HEADS && p.sinks; ++head) support_tensor(&c, CLATTN_SINKS)[head] = e->sink;
  const clattn_check_report report = support_run(support_opened, &c, &options);
  char what[KERNEL_LIST_TEXT + 64];
  assert_in_range(snprintf(what, sizeof what, "%s, %s", kernel, e->name), 1, sizeof what - 1);
  assert_passed(&report, what);
  support_free(&c);
}

static void keys_that_hardly_count(void **state) {
  (void)state;
  name names[NAMES_MOST];
  const size_t count = fused_kernels(names);
  for (size_t i = 0; i < count; ++i)
    for (size_t e = 0; e < sizeof slopes / sizeof slopes[0]; ++e) check_slope(&slopes[e], names[i]);
}

/* ---- far rows ---------------------------------------------------------------------------------------------------- */

/* Queries for two blocks of the largest size. Head dimensions are those of the other tests, so that
 * most kernels are built already. */
static void far_rows(void **state) {
  (void)state;
  name names[NAMES_MOST];
  const size_t count = fused_kernels(names);
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.query_len = 70;
  p.key_len = 11500;
  p.heads = 2;
  p.head_dim = 5;
  p.value_dim = 18;
  p.source = CLATTN_SOURCE_QKV;
  p.causal = true;
  p.alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
  assert_true(clattn_has_far_rows(&p));
  support_case c;
  support_allocate(&c, &p, 97);
  for (size_t i = 0; i < count; ++i) {
    const clattn_plan_options options = options_of(names[i]);
    const clattn_check_report report = support_run(support_opened, &c, &options);
    assert_passed(&report, names[i]);
  }
  support_free(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(workspace_is_linear),
      cmocka_unit_test(launches_and_bits),
      cmocka_unit_test(stored_types_are_read_in_place),
      cmocka_unit_test(stored_types_are_written_in_place),
      cmocka_unit_test(extreme_numbers),
      cmocka_unit_test(keys_that_hardly_count),
      cmocka_unit_test(far_rows),
  };
  return support_run_group("fused", tests, sizeof tests / sizeof tests[0], support_open, support_close, argc, argv);
}
