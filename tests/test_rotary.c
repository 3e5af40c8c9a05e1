/* Positions that the caller gives: ids of tokens, in every pipeline, compared with the reference; and every refusal. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { BATCH = 2, QUERIES = 21, KEYS = 26, IDS = BATCH * KEYS, LARGEST_ID = 3000 };

/* ---- problems and ids -------------------------------------------------------------------------------------------- */

static clattn_problem self(void) {
  clattn_problem p = support_problem(QUERIES, 12, 8);
  p.batch = BATCH;
  p.heads = 2;
  p.kv_heads = 1;
  p.rotary = CLATTN_ROTARY_HALVES;
  p.position_ids = true;
  return p;
}

static clattn_problem cross(void) {
  clattn_problem p = self();
  p.source = CLATTN_SOURCE_XKV;
  p.key_len = KEYS;
  return p;
}

static clattn_problem given(void) {
  clattn_problem p = cross();
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  p.order = CLATTN_ORDER_HEADS;
  return p;
}

static clattn_problem packed(void) {
  clattn_problem p = cross();
  p.lengths = CLATTN_LENGTHS_PACKED;
  p.packed_queries = QUERIES;
  p.packed_keys = KEYS;
  return p;
}

static const int32_t query_offsets[] = {0, 8, QUERIES}, key_offsets[] = {0, 17, KEYS}, key_lengths[] = {19, KEYS};

/* Positions without any order. */
static void draw_ids(int32_t *ids, uint32_t seed) {
  for (size_t i = 0; i < IDS; ++i) {
    seed = seed * 1664525u + 1013904223u;
    ids[i] = (int32_t)(seed >> 16) % LARGEST_ID;
  }
}

static void set_lengths(support_case *c) {
  c->inputs.query_offsets = query_offsets;
  c->inputs.key_offsets = key_offsets;
  c->inputs.key_lengths = key_lengths;
}

/* ---- every pipeline ---------------------------------------------------------------------------------------------- */

static bool has_library(void) {
  const clattn_kernel *row;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i)
    if (row->library && clattn_kernel_supported(i, clattn_device_get_info(support_opened), NULL) == CLATTN_OK)
      return true;
  return false;
}

static clattn_plan *new_plan(const clattn_problem *p, clattn_pipeline pipeline) {
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_error error;
  options.pipeline = pipeline;
  options.trace = pipeline == CLATTN_PIPELINE_STAGED;
  if (pipeline != CLATTN_PIPELINE_BLAS) /* the least to compile: nothing here is about these kernels */
    options.kernels = "project=naive,scores=naive,softmax=naive,context=naive,fused=row";
  assert_ok(clattn_plan_create(support_opened, p, &options, &plan, &error), &error);
  return plan;
}

static void run_and_check(clattn_plan *plan, support_case *c, const char *what) {
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  support_poison(c);
  support_want(c, plan);
  assert_ok(clattn_plan_run(plan, &c->inputs, &c->outputs, NULL, &error), &error);
  assert_ok(clattn_check(plan, &c->inputs, &c->outputs, NULL, &report, &error), &error);
  support_check_guards(c);
  assert_passed(&report, what);
}

/* One plan for runs with other ids, with the same ones, and with others again. */
static void run_in(const char *what, const clattn_problem *p, clattn_pipeline pipeline) {
  static const uint32_t seeds[] = {1, 1, 2};
  int32_t ids[IDS], key_ids[IDS];
  support_case c;
  clattn_plan *plan = new_plan(p, pipeline);
  support_allocate(&c, p, 5);
  set_lengths(&c);
  c.inputs.position_ids = ids;
  c.inputs.key_position_ids = key_ids;
  for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; ++i) {
    draw_ids(ids, seeds[i]);
    draw_ids(key_ids, seeds[i] + 100);
    run_and_check(plan, &c, what);
  }
  support_free(&c);
  clattn_plan_destroy(plan);
}

#define VARIANT(what, start, change)                                                                                   \
  do {                                                                                                                 \
    clattn_problem p = start();                                                                                        \
    change;                                                                                                            \
    run_in(what, &p, CLATTN_PIPELINE_STAGED);                                                                          \
    run_in(what, &p, CLATTN_PIPELINE_FUSED);                                                                           \
  } while (0)

static void ids(void **state) {
  (void)state;
  VARIANT("ids", self, p.causal = true; p.window_left = 7);
  VARIANT("ids, interleaved, ALiBi, an alignment without an effect on them", self, p.rotary = CLATTN_ROTARY_INTERLEAVED;
          p.rotary_dim = 6; p.alibi = true; p.alignment = CLATTN_ALIGN_OFFSET; p.offset = -3);
  VARIANT("ids of keys from xkv", cross, p.lengths = CLATTN_LENGTHS_KEYS);
  VARIANT("ids of given q and k in f16", given, p.type = CLATTN_F16);
  VARIANT("ids of packed tokens", packed, p.causal = true);
  VARIANT("ids of packed self-attention", packed, p.source = CLATTN_SOURCE_X; p.packed_keys = QUERIES;
          p.key_len = QUERIES);
  const clattn_problem from_x = self();
  if (has_library()) run_in("ids with CLBlast", &from_x, CLATTN_PIPELINE_BLAS);
  VARIANT("sinusoidal ids", self, p.rotary = CLATTN_ROTARY_NONE; p.positions = CLATTN_POSITIONS_SINUSOIDAL);
  VARIANT("sinusoidal ids, packed, in bf16", packed, p.positions = CLATTN_POSITIONS_SINUSOIDAL; p.type = CLATTN_BF16);
}

/* ---- what ids mean ----------------------------------------------------------------------------------------------- */

/* Ids that count from 0 give the same bits as none. */
static void places_as_ids(void **state) {
  (void)state;
  int32_t ids[IDS];
  clattn_problem p[2] = {self(), self()};
  support_case c[2];
  p[1].position_ids = false;
  for (size_t i = 0; i < IDS; ++i) ids[i] = (int32_t)(i % QUERIES);
  for (size_t i = 0; i < 2; ++i) {
    support_allocate(&c[i], &p[i], 7);
    c[i].inputs.position_ids = ids;
    clattn_plan *plan = new_plan(&p[i], CLATTN_PIPELINE_FUSED);
    run_and_check(plan, &c[i], "places as ids");
    clattn_plan_destroy(plan);
  }
  assert_memory_equal(c[0].outputs.context, c[1].outputs.context, c[0].bytes[CLATTN_CONTEXT]);
  support_free(&c[0]);
  support_free(&c[1]);
}

/* A sequence behind left padding, whose ids begin after it, gives what it gives alone. */
static void left_padding(void **state) {
  (void)state;
  enum { PADDING = 8, TOKENS = QUERIES - PADDING };
  clattn_problem both = self(), alone = self();
  support_case padded, own;
  int32_t ids[IDS];
  both.causal = alone.causal = true;
  both.mask = CLATTN_MASK_BOOL;
  memcpy(both.mask_shape, (size_t[]){BATCH, 1, 1, QUERIES}, sizeof both.mask_shape);
  alone.batch = 1;
  alone.query_len = alone.key_len = TOKENS;
  alone.position_ids = false;
  support_allocate(&padded, &both, 9);
  support_allocate(&own, &alone, 9);
  for (int t = CLATTN_WQ; t <= CLATTN_WV; ++t)
    memcpy(support_tensor(&own, (clattn_tensor)t), support_tensor(&padded, (clattn_tensor)t), own.bytes[t]);
  memcpy(support_tensor(&own, CLATTN_X), support_tensor(&padded, CLATTN_X) + PADDING * both.model_dim,
         own.bytes[CLATTN_X]);
  unsigned char *mask = (unsigned char *)support_tensor(&padded, CLATTN_MASK);
  for (size_t i = 0; i < IDS && i < BATCH * QUERIES; ++i) {
    const bool is_padding = i < PADDING;
    ids[i] = is_padding ? 0 : (int32_t)(i < QUERIES ? i - PADDING : i - QUERIES);
    mask[i] = !is_padding;
  }
  padded.inputs.position_ids = ids;
  clattn_plan *plans[] = {new_plan(&both, CLATTN_PIPELINE_FUSED), new_plan(&alone, CLATTN_PIPELINE_FUSED)};
  run_and_check(plans[0], &padded, "padded on the left");
  run_and_check(plans[1], &own, "alone");
  const size_t columns = both.heads * both.value_dim;
  for (size_t i = 0; i < TOKENS * columns; ++i)
    assert_true(fabsf(padded.outputs.context[PADDING * columns + i] - own.outputs.context[i]) <= 2e-5f);
  for (size_t i = 0; i < 2; ++i) clattn_plan_destroy(plans[i]);
  support_free(&padded);
  support_free(&own);
}

/* A prompt and a step of decoding: the ids are those of the new tokens. */
static void ids_with_a_cache(void **state) {
  (void)state;
  static const size_t tokens[] = {QUERIES, 1, 1};
  clattn_cache *cache = NULL;
  clattn_error error;
  int32_t ids[IDS];
  draw_ids(ids, 3);
  for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; ++i) {
    clattn_problem p = self(), seen;
    support_case c;
    p.causal = true;
    p.query_len = p.key_len = tokens[i];
    p.cache.capacity = QUERIES + 2;
    if (cache == NULL) assert_ok(clattn_cache_create(support_opened, &p, NULL, NULL, &cache, &error), &error);
    const clattn_inputs on_cache = {.size = sizeof on_cache, .cache = cache};
    assert_ok(clattn_cache_problem(cache, &p, &on_cache, &seen, &error), &error);
    support_allocate_seen(&c, &p, &seen, 13);
    c.inputs.cache = cache;
    clattn_plan *plan = new_plan(&p, i == 1 ? CLATTN_PIPELINE_FUSED : CLATTN_PIPELINE_STAGED);
    support_want(&c, plan);
    c.inputs.position_ids = NULL;
    assert_int_equal(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
    c.inputs.position_ids = ids + 3 * i; /* the failed run appended nothing */
    run_and_check(plan, &c, "ids with a cache");
    clattn_plan_destroy(plan);
    support_free(&c);
  }
  assert_int_equal(clattn_cache_length(cache, 0), QUERIES + 2);
  clattn_cache_destroy(cache);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

/* The device, the reference and the check say the same of one problem's inputs. */
static void assert_refused(const clattn_problem *p, support_case *c, const char *says) {
  clattn_error error;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_plan *plan = new_plan(p, CLATTN_PIPELINE_FUSED);
  support_want(c, plan);
  assert_int_equal(clattn_plan_run(plan, &c->inputs, &c->outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, says);
  assert_int_equal(clattn_reference_run(p, &c->inputs, &c->outputs, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, says);
  assert_int_equal(clattn_check(plan, &c->inputs, &c->outputs, NULL, &report, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, says);
  clattn_plan_destroy(plan);
}

static void wrong_ids(void **state) {
  (void)state;
  const clattn_problem p = cross();
  support_case c;
  int32_t ids[IDS], key_ids[IDS];
  draw_ids(ids, 1);
  draw_ids(key_ids, 2);
  support_allocate(&c, &p, 5);
  assert_refused(&p, &c, "input position_ids is NULL; the problem has position ids");
  c.inputs.position_ids = ids;
  assert_refused(&p, &c, "input key_position_ids is NULL");
  c.inputs.key_position_ids = key_ids;
  ids[BATCH * QUERIES - 1] = -1;
  assert_refused(&p, &c, "position_ids[41] is -1 (allowed: 0 and more)");
  ids[BATCH * QUERIES - 1] = INT32_MAX;
  key_ids[2] = INT32_MIN;
  assert_refused(&p, &c, "key_position_ids[2] is -2147483648");
  support_free(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids),          cmocka_unit_test(places_as_ids),
      cmocka_unit_test(left_padding), cmocka_unit_test(ids_with_a_cache),
      cmocka_unit_test(wrong_ids),
  };
  return support_run_group("rotary", tests, sizeof tests / sizeof tests[0], support_open, support_close, argc, argv);
}
