/* Rotary embeddings with what the caller gives: ids of tokens, cosines and sines, scaled frequencies; in every
 * pipeline, compared with the reference. And every refusal. */
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

/* Tables that no formula has made. */
static void draw_table(float *table, size_t elements, uint32_t seed) {
  for (size_t i = 0; i < elements; ++i) {
    seed = seed * 1664525u + 1013904223u;
    table[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
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

/* One plan for several runs: with the same inputs again, with other cosines and sines, with other ids, and with other
 * ids of keys. */
static void run_in(const char *what, const clattn_problem *p, clattn_pipeline pipeline) {
  static const uint32_t id_seeds[] = {1, 1, 1, 2, 2}, key_seeds[] = {1, 1, 1, 1, 2}, table_seeds[] = {1, 1, 2, 2, 2};
  static float cosines[LARGEST_ID * 4], sines[LARGEST_ID * 4]; /* as many pairs as head_dim 8 has */
  int32_t ids[IDS], key_ids[IDS];
  support_case c;
  clattn_plan *plan = new_plan(p, pipeline);
  support_allocate(&c, p, 5);
  set_lengths(&c);
  c.inputs.position_ids = ids;
  c.inputs.key_position_ids = key_ids;
  c.inputs.rotary_cos = cosines;
  c.inputs.rotary_sin = sines;
  for (size_t i = 0; i < sizeof id_seeds / sizeof id_seeds[0]; ++i) {
    draw_ids(ids, id_seeds[i]);
    draw_ids(key_ids, key_seeds[i] + 100);
    draw_table(cosines, p->rotary_rows * 4, table_seeds[i]);
    draw_table(sines, p->rotary_rows * 4, table_seeds[i] + 100);
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

static void given_cosines(void **state) {
  (void)state;
  VARIANT("cosines of ids", self, p.rotary_rows = LARGEST_ID);
  VARIANT("cosines of places", cross, p.position_ids = false; p.rotary_rows = KEYS;
          p.rotary = CLATTN_ROTARY_INTERLEAVED; p.rotary_dim = 6; p.type = CLATTN_BF16);
  VARIANT("cosines of places, aligned at the bottom right", given, p.position_ids = false; p.rotary_rows = KEYS;
          p.alignment = CLATTN_ALIGN_BOTTOM_RIGHT; p.lengths = CLATTN_LENGTHS_KEYS; p.query_len = 19);
  VARIANT("cosines of packed tokens", packed, p.position_ids = false; p.rotary_rows = KEYS);
}

static const clattn_rotary_scaling linear = {.kind = CLATTN_SCALING_LINEAR, .factor = 3.0};
static const clattn_rotary_scaling dynamic = {
    .kind = CLATTN_SCALING_DYNAMIC, .factor = 2.0, .original_max_position_embeddings = 11};
static const clattn_rotary_scaling yarn = {
    .kind = CLATTN_SCALING_YARN, .factor = 8.0, .original_max_position_embeddings = 400};
static const clattn_rotary_scaling llama3 = {.kind = CLATTN_SCALING_LLAMA3,
                                             .factor = 8.0,
                                             .original_max_position_embeddings = 400,
                                             .low_freq_factor = 1.0,
                                             .high_freq_factor = 4.0};

static void scaled(void **state) {
  (void)state;
  VARIANT("linear scaling", cross, p.rotary_scaling = linear; p.position_ids = false);
  VARIANT("dynamic scaling, ids", cross, p.rotary_scaling = dynamic;
          p.rotary_scaling.original_max_position_embeddings = 1000);
  VARIANT("dynamic scaling, places", cross, p.rotary_scaling = dynamic; p.position_ids = false);
  VARIANT("YaRN", given, p.rotary_scaling = yarn; p.rotary = CLATTN_ROTARY_INTERLEAVED; p.type = CLATTN_F16);
  VARIANT("Llama 3's scaling", packed, p.rotary_scaling = llama3);
}

/* ---- what inputs mean -----------------------------------------------------------------------------------------------
 */

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

/* The formula's cosines and sines, given, are those that are computed. */
static void formula_as_tables(void **state) {
  (void)state;
  enum { PAIRS = 4 };
  clattn_problem p[2] = {self(), self()};
  support_case c[2];
  float cosines[QUERIES * PAIRS], sines[QUERIES * PAIRS];
  p[0].position_ids = p[1].position_ids = false;
  p[1].rotary_rows = QUERIES;
  for (size_t i = 0; i < QUERIES * PAIRS; ++i) {
    const double angle = (double)(i / PAIRS) * pow(10000.0, -2.0 * (double)(i % PAIRS) / (2.0 * PAIRS));
    cosines[i] = (float)cos(angle);
    sines[i] = (float)sin(angle);
  }
  for (size_t i = 0; i < 2; ++i) {
    support_allocate(&c[i], &p[i], 7);
    c[i].inputs.rotary_cos = cosines;
    c[i].inputs.rotary_sin = sines;
    clattn_plan *plan = new_plan(&p[i], CLATTN_PIPELINE_FUSED);
    run_and_check(plan, &c[i], "the formula as tables");
    clattn_plan_destroy(plan);
  }
  assert_memory_equal(c[0].outputs.q, c[1].outputs.q, c[0].bytes[CLATTN_Q]);
  assert_memory_equal(c[0].outputs.context, c[1].outputs.context, c[0].bytes[CLATTN_CONTEXT]);
  support_free(&c[0]);
  support_free(&c[1]);
}

/* Dynamic scaling turns new keys for the length that the cache has then; older keys stay as they are. */
static void dynamic_scaling_with_a_cache(void **state) {
  (void)state;
  static const size_t tokens[] = {9, 4, 1}, lengths[] = {9, 13, 14};
  clattn_problem p = self(), alone = self();
  clattn_plan *of_keys = NULL;
  clattn_cache *cache = NULL;
  clattn_error error;
  p.position_ids = alone.position_ids = false;
  p.rotary_scaling = alone.rotary_scaling = dynamic;
  p.cache.capacity = QUERIES;
  for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; ++i) {
    clattn_problem seen;
    support_case c, all;
    p.query_len = p.key_len = tokens[i];
    alone.query_len = alone.key_len = lengths[i];
    if (cache == NULL) assert_ok(clattn_cache_create(support_opened, &p, NULL, NULL, &cache, &error), &error);
    const clattn_inputs on_cache = {.size = sizeof on_cache, .cache = cache};
    assert_ok(clattn_cache_problem(cache, &p, &on_cache, &seen, &error), &error);
    support_allocate_seen(&c, &p, &seen, 13);
    support_allocate(&all, &alone, 13);
    c.inputs.cache = cache;
    clattn_plan *plan = new_plan(&p, CLATTN_PIPELINE_FUSED);
    of_keys = new_plan(&alone, CLATTN_PIPELINE_FUSED);
    for (size_t b = 0; b < BATCH; ++b) /* the same last tokens */
      memcpy(support_tensor(&all, CLATTN_X) + ((b + 1) * lengths[i] - tokens[i]) * p.model_dim,
             support_tensor(&c, CLATTN_X) + b * tokens[i] * p.model_dim, tokens[i] * p.model_dim * sizeof(float));
    for (int t = CLATTN_WQ; t <= CLATTN_WV; ++t)
      memcpy(support_tensor(&all, (clattn_tensor)t), support_tensor(&c, (clattn_tensor)t), c.bytes[t]);
    run_and_check(plan, &c, "dynamic scaling with a cache");
    run_and_check(of_keys, &all, "all tokens at once");
    for (size_t b = 0; b < BATCH; ++b)
      assert_memory_equal(c.outputs.k + b * tokens[i] * p.head_dim,
                          all.outputs.k + ((b + 1) * lengths[i] - tokens[i]) * p.head_dim,
                          tokens[i] * p.head_dim * sizeof(float));
    clattn_plan_destroy(plan);
    clattn_plan_destroy(of_keys);
    support_free(&c);
    support_free(&all);
  }
  clattn_cache_destroy(cache);
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

static void wrong_tables(void **state) {
  (void)state;
  clattn_problem p = cross();
  support_case c;
  int32_t ids[IDS], key_ids[IDS];
  float table[KEYS * 4] = {0};
  p.rotary_rows = KEYS;
  for (size_t i = 0; i < IDS; ++i) ids[i] = key_ids[i] = (int32_t)(i % KEYS);
  support_allocate(&c, &p, 5);
  c.inputs.position_ids = ids;
  c.inputs.key_position_ids = key_ids;
  assert_refused(&p, &c, "input rotary_cos is NULL; the problem has rotary_rows");
  c.inputs.rotary_cos = table;
  assert_refused(&p, &c, "input rotary_sin is NULL");
  c.inputs.rotary_sin = table;
  ids[3] = KEYS;
  assert_refused(&p, &c, "position_ids[3] is 26 (allowed: 0 to 25, the last of rotary_rows)");
  ids[3] = -1;
  assert_refused(&p, &c, "position_ids[3] is -1 (allowed: 0 to 25");
  p.position_ids = false;
  p.rotary_rows = KEYS - 1;
  assert_refused(&p, &c, "rotary_rows is 25, but the last token of sequence 0 stands at position 25 (allowed: 26 rows");
  p.rotary_rows = KEYS;
  p.alignment = CLATTN_ALIGN_OFFSET;
  p.offset = KEYS - QUERIES + 1;
  assert_refused(&p, &c, "stands at position 26 (allowed: 27 rows");
  p.offset = -1;
  assert_refused(&p, &c, "stands at position -1 (allowed with a rotary embedding: 0 and more)");
  support_free(&c);
}

static void problems_refused(void **state) {
  (void)state;
  clattn_error error;
#define REFUSED(change, part)                                                                                          \
  do {                                                                                                                 \
    clattn_problem p = self();                                                                                         \
    clattn_rotary_scaling *s = &p.rotary_scaling;                                                                      \
    change;                                                                                                            \
    (void)s;                                                                                                           \
    assert_int_equal(clattn_problem_validate(&p, &error), CLATTN_INVALID_PROBLEM);                                     \
    assert_says(&error, part);                                                                                         \
  } while (0)
  REFUSED(p.rotary = CLATTN_ROTARY_NONE, "position_ids is 1, but has an effect only where positions is");
  REFUSED(p.rotary = CLATTN_ROTARY_NONE; p.position_ids = false; p.rotary_rows = 5, "rotary_rows is 5, but");
  REFUSED(p.rotary = CLATTN_ROTARY_NONE; p.position_ids = false; *s = linear, "rotary_scaling.kind is 1, but");
  REFUSED(p.rotary_rows = 5; *s = linear, "rotary_scaling.kind is 1, but");
  REFUSED(p.rotary_rows = 5; p.rotary_base = 500.0, "rotary_base is 500, but");
  REFUSED(p.rotary_rows = (size_t)CLATTN_LARGEST_SIZE + 1, "rotary_rows is 2147482624 (allowed: up to");
  REFUSED(s->kind = (clattn_scaling)5, "rotary_scaling.kind is 5 (allowed: CLATTN_SCALING_NONE, _LINEAR");
  REFUSED(s->factor = 2.0, "rotary_scaling.factor is 2, but has an effect only where rotary_scaling.kind is");
  REFUSED(s->kind = CLATTN_SCALING_LINEAR, "rotary_scaling.factor is 0 (allowed with CLATTN_SCALING_LINEAR: a finite");
  REFUSED(*s = linear; s->factor = -1.0, "rotary_scaling.factor is -1 (");
  REFUSED(*s = linear; s->factor = (double)NAN, "rotary_scaling.factor is nan");
  REFUSED(*s = linear;
          s->original_max_position_embeddings = 5, "rotary_scaling.original_max_position_embeddings is 5, but");
  REFUSED(*s = dynamic; s->original_max_position_embeddings = 0,
                        "rotary_scaling.original_max_position_embeddings is 0 (allowed with CLATTN_SCALING_DYNAMIC");
  REFUSED(*s = dynamic; s->beta_fast = 1.0, "rotary_scaling.beta_fast is 1, but has an effect only where "
                                            "rotary_scaling.kind is CLATTN_SCALING_YARN (allowed otherwise: 0)");
  REFUSED(*s = dynamic; p.rotary_dim = 2, "rotary_dim 2 (allowed with it: 4 and more)");
  REFUSED(*s = yarn; p.rotary_base = 1.0, "rotary_base 1 (allowed with it: above 1)");
  REFUSED(*s = yarn; s->low_freq_factor = 1.0, "rotary_scaling.low_freq_factor is 1, but");
  REFUSED(*s = yarn; s->beta_slow = (double)INFINITY, "rotary_scaling.beta_slow is inf (allowed with");
  REFUSED(*s = yarn; s->mscale = 1.0, "rotary_scaling.mscale is 1 and mscale_all_dim 0 (allowed: both");
  REFUSED(*s = yarn; s->mscale = s->mscale_all_dim = s->attention_factor = 1.0,
                     "rotary_scaling.mscale is 1, but has an effect only where attention_factor is 0");
  REFUSED(*s = llama3; s->keep_fractions = true, "rotary_scaling.keep_fractions is 1, but");
  REFUSED(*s = llama3; s->high_freq_factor = 0.0, "rotary_scaling.high_freq_factor is 0 (allowed");
  REFUSED(*s = llama3; s->low_freq_factor = 4.0, "rotary_scaling.low_freq_factor is 4 (allowed: less than");
#undef REFUSED
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids),
      cmocka_unit_test(given_cosines),
      cmocka_unit_test(scaled),
      cmocka_unit_test(places_as_ids),
      cmocka_unit_test(formula_as_tables),
      cmocka_unit_test(dynamic_scaling_with_a_cache),
      cmocka_unit_test(left_padding),
      cmocka_unit_test(ids_with_a_cache),
      cmocka_unit_test(wrong_ids),
      cmocka_unit_test(wrong_tables),
      cmocka_unit_test(problems_refused),
  };
  return support_run_group("rotary", tests, sizeof tests / sizeof tests[0], support_open, support_close, argc, argv);
}
