/* Caches: decoding gives the same results as one run over all tokens; types, pages, lengths, and
 * every refusal. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* A decoder's problem: `tokens` new tokens in each run. */
static clattn_problem decoder(size_t tokens) {
  clattn_problem p = support_problem(tokens, 20, 10);
  p.batch = 2;
  p.heads = 4;
  p.kv_heads = 2;
  p.value_dim = 7;
  p.causal = true;
  p.rotary = CLATTN_ROTARY_HALVES;
  p.cache.capacity = 20;
  return p;
}

static clattn_problem paged(size_t tokens) {
  clattn_problem p = decoder(tokens);
  p.cache.page_len = 3;
  return p;
}

static clattn_cache *new_cache(const clattn_problem *p) {
  static const float k_scale[] = {0.02f, 0.05f}, v_scale[] = {0.03f, 0.01f};
  const bool scaled = p->cache.type == CLATTN_CACHE_I8_HEAD;
  clattn_cache *cache = NULL;
  clattn_error error;
  assert_ok(clattn_cache_create(support_opened, p, scaled ? k_scale : NULL, scaled ? v_scale : NULL, &cache, &error),
            &error);
  return cache;
}

static clattn_plan *new_plan(const clattn_problem *p, const clattn_plan_options *options) {
  clattn_plan *plan = NULL;
  clattn_error error;
  const clattn_plan_options standard = support_options();
  if (options == NULL) options = &standard;
  assert_ok(clattn_plan_create(support_opened, p, options, &plan, &error), &error);
  return plan;
}

/* Random inputs for one run, and outputs for the number of keys that the cache then holds. */
static void allocate(support_case *c, const clattn_problem *p, clattn_cache *cache, const clattn_inputs *lengths) {
  clattn_problem seen;
  clattn_error error;
  const clattn_inputs none = {.size = sizeof(clattn_inputs), .cache = cache},
                      *given = lengths != NULL ? lengths : &none;
  assert_ok(clattn_cache_problem(cache, p, given, &seen, &error), &error);
  support_allocate_seen(c, p, &seen, 5u + (uint32_t)clattn_cache_length(cache, 0));
  c->inputs.cache = cache;
  c->inputs.key_lengths = given->key_lengths;
  c->inputs.query_offsets = given->query_offsets;
  c->inputs.key_offsets = given->key_offsets;
}

/* One run, which must be right. */
static void run_plan(clattn_plan *plan, const clattn_problem *p, clattn_cache *cache, const clattn_inputs *lengths,
                     const char *what) {
  support_case c;
  clattn_error error;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  allocate(&c, p, cache, lengths);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  support_check_guards(&c);
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, what);
  support_free(&c);
}

/* As run_plan, with a plan of its own. */
static void run(const clattn_problem *p, clattn_cache *cache, const clattn_inputs *lengths, const char *what) {
  clattn_plan *plan = new_plan(p, NULL);
  run_plan(plan, p, cache, lengths, what);
  clattn_plan_destroy(plan);
}

/* A run for which the cache has no room; it must append nothing. */
/* Runs the problem as it is with this cache. */
static void expect_run(const clattn_problem *p, clattn_cache *cache, clattn_status status, const char *part) {
  clattn_plan *plan = new_plan(p, NULL);
  clattn_error error;
  support_case c;
  support_allocate(&c, p, 9);
  c.inputs.cache = cache;
  assert_int_equal(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), status);
  assert_says(&error, part);
  clattn_plan_destroy(plan);
  support_free(&c);
}

static void expect_full(const clattn_problem *p, clattn_cache *cache, const clattn_inputs *lengths, const char *part) {
  const size_t before[] = {clattn_cache_length(cache, 0), clattn_cache_length(cache, 1)};
  clattn_plan *plan = new_plan(p, NULL);
  clattn_problem seen;
  clattn_error error;
  support_case c;
  support_allocate(&c, p, 3);
  c.inputs.cache = cache;
  if (lengths != NULL) c.inputs.key_lengths = lengths->key_lengths;
  assert_int_equal(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), CLATTN_CACHE_FULL);
  assert_says(&error, part);
  assert_int_equal(clattn_cache_problem(cache, p, &c.inputs, &seen, &error), CLATTN_CACHE_FULL);
  for (size_t b = 0; b < 2; ++b) assert_int_equal(clattn_cache_length(cache, b), before[b]);
  clattn_plan_destroy(plan);
  support_free(&c);
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

enum { TOKENS = 13 };

/* Runs token t of every sequence: all inputs are shared, except for x. */
static void decode_step(clattn_plan *plan, const clattn_problem *p, clattn_cache *cache, const support_case *whole,
                        size_t t) {
  const size_t dim = p->model_dim, columns = p->heads * p->value_dim;
  const float *all = whole->inputs.x;
  float x[2 * 20], context[2 * 4 * 7];
  clattn_error error;
  for (size_t b = 0; b < 2; ++b) memcpy(x + b * dim, all + (b * TOKENS + t) * dim, dim * sizeof *x);
  clattn_inputs inputs = whole->inputs;
  inputs.x = x;
  inputs.cache = cache;
  const clattn_outputs outputs = {.size = sizeof(clattn_outputs), .context = context};
  assert_ok(clattn_plan_run(plan, &inputs, &outputs, NULL, &error), &error);
  for (size_t i = 0; i < 2 * columns; ++i) {
    const float expected = whole->outputs.context[(i / columns * TOKENS + t) * columns + i % columns];
    if (!(fabsf(context[i] - expected) <= 1e-5f * (1.0f + fabsf(expected))))
      fail_msg("token %zu, element %zu: %.9g, in one run %.9g", t, i, (double)context[i], (double)expected);
  }
}

static void decode(const clattn_problem *step) {
  clattn_problem at_once = *step;
  at_once.query_len = at_once.key_len = TOKENS;
  at_once.cache = (clattn_cache_layout){0};
  support_case whole;
  support_allocate(&whole, &at_once, 71);
  const clattn_check_report report = support_run(support_opened, &whole, NULL);
  assert_passed(&report, "all tokens at once");
  clattn_cache *cache = new_cache(step);
  clattn_plan *plan = new_plan(step, NULL);
  for (size_t t = 0; t < TOKENS; ++t) decode_step(plan, step, cache, &whole, t);
  assert_int_equal(clattn_cache_length(cache, 0), TOKENS);
  clattn_plan_destroy(plan);
  clattn_cache_destroy(cache);
  support_free(&whole);
}

static void token_by_token_as_at_once(void **state) {
  (void)state;
  const clattn_problem contiguous = decoder(1), in_pages = paged(1);
  decode(&contiguous);
  decode(&in_pages);
}

static void decoding_with_all_features(void **state) {
  (void)state;
  clattn_problem p = paged(1);
  p.positions = CLATTN_POSITIONS_SINUSOIDAL;
  p.rotary = CLATTN_ROTARY_INTERLEAVED;
  p.rotary_dim = 6;
  p.alibi = p.sinks = true;
  p.softcap = 15.0f;
  p.window_left = 5;
  p.biases = CLATTN_BIAS_Q | CLATTN_BIAS_K | CLATTN_BIAS_V;
  p.fused_qkv = true;
  decode(&p);
}

/* ---- types, pages, kernels --------------------------------------------------------------------------------------- */

static bool can_be_planned(const clattn_problem *p, const clattn_plan_options *options) {
  clattn_plan *plan = NULL;
  clattn_error error;
  const clattn_status status = clattn_plan_create(support_opened, p, options, &plan, &error);
  clattn_plan_destroy(plan);
  if (status == CLATTN_UNSUPPORTED) print_message("not run: %s\n", error.message);
  return status != CLATTN_UNSUPPORTED;
}

/* A prompt, then token by token with another plan on the same cache. */
static void prefill_and_decode(clattn_problem p, const clattn_plan_options *options, const char *what) {
  if (!can_be_planned(&p, options)) return;
  clattn_cache *cache = new_cache(&p);
  clattn_plan *prefill = new_plan(&p, options);
  run_plan(prefill, &p, cache, NULL, what);
  clattn_plan_destroy(prefill);
  p.query_len = p.key_len = 1;
  clattn_plan *step = new_plan(&p, options);
  for (size_t i = 0; i < 3; ++i) run_plan(step, &p, cache, NULL, what);
  assert_int_equal(clattn_cache_length(cache, 1), 7 + 3);
  clattn_plan_destroy(step);
  clattn_cache_destroy(cache);
}

static bool is_for_gpus(const clattn_kernel *row) {
  return support_runs(row) && row->target == CLATTN_TARGET_GPU;
}

/* The kernels for GPUs by turns: the n-th list, and from the first again. */
static void gpu_kernels(size_t n, char text[KERNEL_LIST_TEXT]) {
  static const kernel_filter filter = {is_for_gpus, SIZES_PLANNED};
  size_t count = 0;
  while (kernel_list_staged(count, &filter, text)) ++count;
  if (count > 0) kernel_list_staged(n % count, &filter, text);
}

/* Sizes that groups of 32 elements allow. */
static void in_groups(clattn_problem *p) {
  p->head_dim = 64;
  p->value_dim = 32;
}

static void every_type_and_way(void **state) {
  (void)state;
  static const char *const types[] = {"f32", "f16", "bf16", "i8 by token", "i8 by head", "q4"};
  static const struct {
    const char *name;
    clattn_pipeline pipeline;
    bool for_gpus;
  } ways[] = {{"staged", CLATTN_PIPELINE_STAGED, false},
              {"blas", CLATTN_PIPELINE_BLAS, false},
              {"kernels for GPUs", CLATTN_PIPELINE_STAGED, true}};
  for (size_t w = 0; w < sizeof ways / sizeof ways[0]; ++w)
    for (int type = CLATTN_CACHE_F32; type <= CLATTN_CACHE_Q4; ++type)
      for (size_t page_len = 0; page_len <= 3; page_len += 3) {
        clattn_plan_options options = support_options();
        char kernels[KERNEL_LIST_TEXT];
        gpu_kernels(2 * (size_t)type + page_len / 3, kernels);
        if (ways[w].for_gpus) options.kernels = kernels;
        options.pipeline = ways[w].pipeline;
        clattn_problem p = decoder(7);
        p.cache.type = (clattn_cache_type)type;
        p.cache.page_len = page_len;
        if (type == CLATTN_CACHE_Q4) in_groups(&p);
        char what[128];
        snprintf(what, sizeof what, "%s, %s, pages of %zu", types[type], ways[w].name, page_len);
        prefill_and_decode(p, &options, what);
      }
}

/* Other sources of q, k and v, other input types, blocks of a few rows. */
static void other_sources(void **state) {
  (void)state;
  clattn_plan_options small_blocks = support_options();
  small_blocks.block_bytes = 100;
  clattn_problem p = paged(7);
  p.source = CLATTN_SOURCE_XKV;
  p.kv_model_dim = 9;
  prefill_and_decode(p, NULL, "xkv");
  p.type = CLATTN_BF16;
  p.output_dim = 5;
  prefill_and_decode(p, &small_blocks, "xkv in bf16 with an output projection");
  p = decoder(7);
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  prefill_and_decode(p, &small_blocks, "given, contiguous");
  p.order = CLATTN_ORDER_HEADS;
  p.rotary = CLATTN_ROTARY_NONE;
  p.cache.type = CLATTN_CACHE_F16;
  p.type = CLATTN_F16;
  prefill_and_decode(p, NULL, "given in f16, heads first");
}

/* ---- read in place ----------------------------------------------------------------------------------------------- */

/* Rows of a KV head: 1, 2, 3, 4, 5 and 8. Kernels share what they read among rows in different ways. */
static const struct {
  size_t heads, kv_heads, queries;
} groups[] = {{1, 1, 1}, {5, 5, 1}, {4, 2, 1}, {9, 3, 1}, {8, 2, 1}, {5, 1, 1}, {8, 2, 2}};

/* One new token for sequences of 131 and 67 keys: parts, strips and pages end anywhere. */
static clattn_problem reading(size_t group, size_t head_dim, size_t value_dim) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.source = CLATTN_SOURCE_QKV;
  p.batch = 2;
  p.heads = groups[group].heads;
  p.kv_heads = groups[group].kv_heads;
  p.query_len = p.key_len = groups[group].queries;
  p.head_dim = head_dim;
  p.value_dim = value_dim;
  p.causal = true;
  p.lengths = CLATTN_LENGTHS_KEYS;
  p.cache.capacity = 140;
  return p;
}

static clattn_cache *filled_cache(const clattn_problem *step) {
  static const float scale[] = {0.02f, 0.05f, 0.03f, 0.02f, 0.01f};
  static const int32_t before[] = {131, 67};
  const bool scaled = step->cache.type == CLATTN_CACHE_I8_HEAD;
  clattn_problem p = *step;
  clattn_cache *cache = NULL;
  clattn_error error;
  p.query_len = p.key_len = 131;
  assert_ok(clattn_cache_create(support_opened, &p, scaled ? scale : NULL, scaled ? scale : NULL, &cache, &error),
            &error);
  run(&p, cache, &(clattn_inputs){.size = sizeof(clattn_inputs), .key_lengths = before}, "the keys before");
  return cache;
}

static clattn_plan *plan_with(const clattn_problem *p, const char *kernel) {
  clattn_plan_options options = support_options();
  options.pipeline = CLATTN_PIPELINE_FUSED;
  options.kernels = kernel;
  return new_plan(p, &options);
}

/* One step, which must be right, and appends nothing in the end. The caller frees the case. */
static void try_step(const clattn_problem *p, clattn_cache *cache, const char *kernel, support_case *c,
                     clattn_timings *timings, const char *what) {
  static const int32_t all[2][2] = {{1, 1}, {2, 2}};
  clattn_plan *plan = plan_with(p, kernel);
  clattn_error error;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  allocate(c, p, cache,
           &(clattn_inputs){.size = sizeof(clattn_inputs), .cache = cache, .key_lengths = all[p->key_len - 1]});
  *timings = (clattn_timings)CLATTN_TIMINGS_INIT;
  support_want(c, plan);
  assert_ok(clattn_plan_run(plan, &c->inputs, &c->outputs, timings, &error), &error);
  support_check_guards(c);
  assert_ok(clattn_check(plan, &c->inputs, &c->outputs, NULL, &report, &error), &error);
  assert_passed(&report, what);
  clattn_plan_destroy(plan);
  for (size_t b = 0; b < 2; ++b)
    assert_ok(clattn_cache_truncate(cache, b, clattn_cache_length(cache, b) - p->key_len, &error), &error);
}

/* A kernel that reads the cache in place, and one that has it gathered: the same cached numbers to
 * the last bit, the same context but for rounding, and two launches less. */
static void compare_with_gathered(const clattn_problem *p, const char *kernel, const char *what) {
  static const clattn_tensor cached[] = {CLATTN_CACHED_K, CLATTN_CACHED_V};
  support_case own, gathered;
  clattn_timings own_timings, gathered_timings;
  clattn_cache *cache = filled_cache(p);
  try_step(p, cache, kernel, &own, &own_timings, what);
  try_step(p, cache, "fused=online", &gathered, &gathered_timings, what);
  for (size_t i = 0; i < 2; ++i) {
    const clattn_tensor t = cached[i];
    const size_t columns = own.bytes[t] / (2 * own.seen.key_len);
    for (size_t b = 0; b < 2; ++b) /* the rows behind the shorter sequence are not written */
      assert_memory_equal((char *)support_tensor(&own, t) + b * own.seen.key_len * columns,
                          (char *)support_tensor(&gathered, t) + b * own.seen.key_len * columns,
                          (clattn_cache_length(cache, b) + p->key_len) * columns);
  }
  for (size_t i = 0; i < own.bytes[CLATTN_CONTEXT] / sizeof(float); ++i)
    if (!(fabsf(own.outputs.context[i] - gathered.outputs.context[i]) <= 1e-4f))
      fail_msg("%s: context[%zu] is %.9g in place, %.9g gathered", what, i, (double)own.outputs.context[i],
               (double)gathered.outputs.context[i]);
  const bool plain = p->cache.type == CLATTN_CACHE_F32 && p->cache.page_len == 0;
  assert_int_equal(own_timings.launches[CLATTN_STAGE_CACHE], 2);
  assert_int_equal(gathered_timings.launches[CLATTN_STAGE_CACHE], plain ? 2 : 4);
  support_free(&own);
  support_free(&gathered);
  clattn_cache_destroy(cache);
}

static bool reads_caches(const clattn_kernel *row) {
  return support_runs(row) && row->reads_cache;
}

static void read_in_place(void **state) {
  (void)state;
  static const kernel_filter filter = {reads_caches, SIZES_PLANNED};
  static const size_t page_lens[] = {0, 1, 5, 16};
  char kernel[KERNEL_LIST_TEXT], what[KERNEL_LIST_TEXT + 128];
  for (size_t n = 0; kernel_list_stage(CLATTN_STAGE_FUSED, n, &filter, kernel); ++n)
    for (int type = CLATTN_CACHE_F32; type <= CLATTN_CACHE_Q4; ++type)
      for (size_t group = 0; group < sizeof groups / sizeof groups[0]; ++group) {
        const size_t page_len = page_lens[(group + (size_t)type) % 4];
        const bool odd = group == 3 && (type == CLATTN_CACHE_BF16 || type == CLATTN_CACHE_I8_TOKEN);
        clattn_problem p = odd ? reading(group, 10, 7) : reading(group, 32, 96);
        p.cache.type = (clattn_cache_type)type;
        p.cache.page_len = page_len;
        if (group == 2 && type == CLATTN_CACHE_F16) p.type = CLATTN_F16;
        snprintf(what, sizeof what, "%s, cache type %d, pages of %zu, group %zu", kernel, type, page_len, group);
        compare_with_gathered(&p, kernel, what);
      }
}

/* A plan that gathers has memory for all keys and values in float, and moves them. */
static void no_memory_for_what_is_read_in_place(void **state) {
  (void)state;
  static const kernel_filter filter = {reads_caches, SIZES_PLANNED};
  char kernel[KERNEL_LIST_TEXT];
  for (size_t n = 0; kernel_list_stage(CLATTN_STAGE_FUSED, n, &filter, kernel); ++n)
    for (int type = CLATTN_CACHE_F32; type <= CLATTN_CACHE_Q4; ++type)
      for (size_t page_len = 0; page_len <= 16; page_len += 16) {
        clattn_problem p = reading(4, 32, 64), floats = p;
        p.cache.type = (clattn_cache_type)type;
        p.cache.page_len = page_len;
        const uint64_t room = 2 * 140 * 2 * (32 + 64) * sizeof(float);
        const struct {
          clattn_problem *problem;
          const char *kernel;
        } made[] = {{&p, kernel}, {&floats, kernel}, {&p, "fused=online"}, {&floats, "fused=online"}};
        clattn_plan_info info[4];
        for (size_t i = 0; i < 4; ++i) {
          clattn_plan *plan = plan_with(made[i].problem, made[i].kernel);
          info[i] = (clattn_plan_info)CLATTN_PLAN_INFO_INIT;
          clattn_plan_get_info(plan, &info[i]);
          clattn_plan_destroy(plan);
        }
        const bool plain = type == CLATTN_CACHE_F32 && page_len == 0;
        assert_int_equal(info[0].total_bytes, info[1].total_bytes);
        assert_int_equal(info[2].total_bytes, info[3].total_bytes + (plain ? 0 : room));
        const double moved = info[0].stages[CLATTN_STAGE_CACHE].bytes + info[0].stages[CLATTN_STAGE_FUSED].bytes;
        const double before = info[2].stages[CLATTN_STAGE_CACHE].bytes + info[2].stages[CLATTN_STAGE_FUSED].bytes;
        assert_true(before - moved == (plain ? 0.0 : 2.0 * (double)room));
      }
}

/* ---- room -------------------------------------------------------------------------------------------------------- */

static void full(void **state) {
  (void)state;
  clattn_problem p = decoder(7), four = decoder(4), three = decoder(3);
  p.cache.capacity = four.cache.capacity = three.cache.capacity = 10;
  clattn_cache *cache = new_cache(&p);
  run(&p, cache, NULL, "seven keys");
  expect_full(&four, cache, NULL, "allowed: 10, the capacity");
  run(&three, cache, NULL, "the last three keys");
  assert_int_equal(clattn_cache_length(cache, 0), 10);
  clattn_problem one = decoder(1);
  one.cache.capacity = 10;
  expect_full(&one, cache, NULL, "sequence 0 has 10 keys");
  clattn_cache_destroy(cache);
}

/* Five pages of three keys, for two sequences of up to 20 keys each. */
static void pool_exhausted(void **state) {
  (void)state;
  clattn_problem p = paged(6), ragged = paged(4);
  p.cache.pages = ragged.cache.pages = 5;
  ragged.lengths = CLATTN_LENGTHS_KEYS;
  const int32_t none_and_three[] = {0, 3}, none_and_four[] = {0, 4}, one_each[] = {1, 1}, one_and_none[] = {1, 0};
  clattn_cache *cache = new_cache(&p);
  clattn_error error;
  run(&p, cache, NULL, "two pages each");
  expect_full(&ragged, cache, &(clattn_inputs){.size = sizeof(clattn_inputs), .key_lengths = none_and_four},
              "2 more pages of 3 keys; 1 of 5 are free");
  run(&ragged, cache, &(clattn_inputs){.size = sizeof(clattn_inputs), .key_lengths = none_and_three}, "the last page");
  assert_int_equal(clattn_cache_length(cache, 0), 6);
  assert_int_equal(clattn_cache_length(cache, 1), 9);
  expect_full(&ragged, cache, &(clattn_inputs){.size = sizeof(clattn_inputs), .key_lengths = one_each},
              "0 of 5 are free");

  /* Both pages of sequence 0 go to sequence 1, and one of them comes back. */
  assert_ok(clattn_cache_truncate(cache, 0, 0, &error), &error);
  run(&ragged, cache, &(clattn_inputs){.size = sizeof(clattn_inputs), .key_lengths = none_and_four},
      "pages of the other sequence");
  assert_int_equal(clattn_cache_length(cache, 1), 13);
  expect_full(&ragged, cache, &(clattn_inputs){.size = sizeof(clattn_inputs), .key_lengths = one_and_none},
              "0 of 5 are free");
  assert_ok(clattn_cache_truncate(cache, 1, 11, &error), &error);
  run(&ragged, cache, &(clattn_inputs){.size = sizeof(clattn_inputs), .key_lengths = one_and_none},
      "a page given back");
  clattn_cache_destroy(cache);
}

/* Truncating within a page keeps the page; the removed keys are written again. */
static void truncated(void **state) {
  (void)state;
  for (size_t page_len = 0; page_len <= 3; page_len += 3) {
    clattn_problem p = decoder(7);
    p.cache.page_len = page_len;
    clattn_cache *cache = new_cache(&p);
    clattn_error error;
    run(&p, cache, NULL, "before the cut");
    assert_ok(clattn_cache_truncate(cache, 0, 4, &error), &error);
    assert_ok(clattn_cache_truncate(cache, 1, 7, &error), &error);
    run(&p, cache, NULL, "after the cut");
    assert_int_equal(clattn_cache_length(cache, 0), 11);
    assert_int_equal(clattn_cache_length(cache, 1), 14);
    clattn_cache_destroy(cache);
  }
}

/* ---- tables that the caller gives -------------------------------------------------------------------------------- */

enum { TABLE_WIDTH = 7, STEP = 4, CONTEXT_OF_STEP = 2 * STEP * 4 * 7 };

/* The context of one run. */
static void context_of(const clattn_problem *p, clattn_cache *cache, const support_case *c, float *context) {
  clattn_plan *plan = new_plan(p, NULL);
  clattn_inputs inputs = c->inputs;
  clattn_error error;
  inputs.cache = cache;
  const clattn_outputs outputs = {.size = sizeof(clattn_outputs), .context = context};
  assert_ok(clattn_plan_run(plan, &inputs, &outputs, NULL, &error), &error);
  clattn_plan_destroy(plan);
}

/* Pages in any order give the same bits as those that the cache hands out, until they are full. */
static void given_tables(void **state) {
  static const int32_t table[] = {5, 0, 9, 2, -1, -1, -1, 7, 3, 1, 13, -1, -1, -1}, none[] = {0, 0};
  (void)state;
  const clattn_problem p = paged(STEP);
  clattn_cache *own = new_cache(&p), *given = new_cache(&p);
  clattn_error error;
  support_case c;
  float expected[CONTEXT_OF_STEP], got[CONTEXT_OF_STEP];
  support_allocate(&c, &p, 31);
  assert_ok(clattn_cache_set_table(given, table, TABLE_WIDTH, none, &error), &error);
  for (int step = 0; step < 2; ++step) { /* the second fills pages that the first began */
    context_of(&p, own, &c, expected);
    context_of(&p, given, &c, got);
    assert_memory_equal(got, expected, sizeof got);
  }
  run(&p, given, NULL, "a table of the caller's");
  expect_full(&p, given, NULL, "allowed: 12, for which its 4 pages of the caller's table have room");
  assert_ok(clattn_cache_truncate(given, 1, 9, &error), &error);
  assert_ok(clattn_cache_set_table(given, NULL, 0, NULL, &error), &error);
  assert_int_equal(clattn_cache_length(given, 0) + clattn_cache_length(given, 1), 0);
  context_of(&p, given, &c, got); /* with pages of its own again */
  for (int step = 0; step < 4; ++step) run(&p, given, NULL, "pages of the cache's again");
  expect_full(&p, given, NULL, "(allowed: 20, the capacity)");
  clattn_cache_destroy(own);
  clattn_cache_destroy(given);
  support_free(&c);
}

static void expect_read_only(const clattn_problem *p, clattn_cache *cache, const char *part) {
  const size_t before[] = {clattn_cache_length(cache, 0), clattn_cache_length(cache, 1)};
  expect_run(p, cache, CLATTN_INVALID_ARGUMENT, part);
  for (size_t b = 0; b < 2; ++b) assert_int_equal(clattn_cache_length(cache, b), before[b]);
}

/* Two sequences with one prefix, stored once, are as two that store it each. */
static void shared_prefix(void **state) {
  enum { PREFIX = 6 };
  static const int32_t apart[] = {5, 0, -1, 7, 3, -1}, shared[] = {5, 0, 4, 11, 5, 0, 8, -1}, none[] = {0, 0};
  static const int32_t whole[] = {PREFIX, PREFIX}, in_part[] = {PREFIX - 1, PREFIX - 1};
  (void)state;
  const clattn_problem p = paged(STEP), first = paged(PREFIX);
  clattn_cache *own = new_cache(&p), *given = new_cache(&p);
  clattn_error error;
  support_case c, of_prefix;
  float expected[CONTEXT_OF_STEP], got[CONTEXT_OF_STEP], ignored[2 * PREFIX * 4 * 7];
  support_allocate(&c, &p, 31);
  support_allocate(&of_prefix, &first, 32);
  float *x = support_tensor(&of_prefix, CLATTN_X);
  memcpy(x + PREFIX * first.model_dim, x, PREFIX * first.model_dim * sizeof *x);
  context_of(&first, own, &of_prefix, ignored);
  context_of(&p, own, &c, expected);
  assert_ok(clattn_cache_set_table(given, apart, 3, none, &error), &error);
  context_of(&first, given, &of_prefix, ignored);
  assert_ok(clattn_cache_set_table(given, shared, 4, in_part, &error), &error);
  expect_read_only(&p, given,
                   "sequence 0 would append to page 0, which sequence 1 has, too (pages of several sequences");
  assert_ok(clattn_cache_set_table(given, shared, 4, whole, &error), &error);
  assert_ok(clattn_cache_truncate(given, 1, PREFIX - 2, &error), &error);
  expect_read_only(&p, given, "sequence 1 would append to page 0, which sequence 0 has, too");
  assert_ok(clattn_cache_set_table(given, shared, 4, whole, &error), &error);
  expect_full(&p, given, NULL, "sequence 1 has 6 keys in the cache and would get 4 more (allowed: 9,");
  const int32_t longer[] = {5, 0, 4, 11, 5, 0, 8, 2};
  assert_ok(clattn_cache_set_table(given, longer, 4, whole, &error), &error);
  context_of(&p, given, &c, got);
  assert_memory_equal(got, expected, sizeof got);
  clattn_cache_destroy(own);
  clattn_cache_destroy(given);
  support_free(&c);
  support_free(&of_prefix);
}

/* Each is refused by name, and the cache remains as it was. */
static void tables_refused(void **state) {
  (void)state;
  const clattn_problem p = paged(STEP), plain = decoder(STEP);
  clattn_cache *cache = new_cache(&p), *without = new_cache(&plain);
  clattn_error error;
  const int32_t keys[] = {3, 0};
  const struct {
    int32_t table[4], lengths[2];
    const char *says;
  } cases[] = {{{14, -1, 0, 1}, {0, 0}, "table[0][0] is 14 (allowed: 0 to 13, the pages of the cache, or -1"},
               {{2, -2, 0, 1}, {0, 0}, "table[0][1] is -2 (allowed"},
               {{2, INT32_MAX, 0, 1}, {0, 0}, "table[0][1] is 2147483647"},
               {{2, 3, -1, 1}, {0, 0}, "table[1][1] is 1 (allowed: -1, as table[1][0] is -1)"},
               {{2, 2, 0, 1}, {0, 0}, "table[0] has page 2 twice, at 0 and 1"},
               {{2, 3, 0, 2}, {0, 0}, "page 2 is in several sequences, and sequence 0, with 0 keys, would write it"},
               {{2, -1, 0, 1}, {4, 0}, "lengths[0] is 4 (allowed: 0 to 3,"},
               {{2, -1, 0, 1}, {-1, 0}, "lengths[0] is -1"},
               {{2, 3, 0, 1}, {0, INT32_MIN}, "lengths[1] is -2147483648"},
               {{2, 3, 0, 1}, {5, 0}, "lengths[0] is 5, but of page 3, its page 1, runs have written 1 keys only"},
               {{9, 3, 0, 1}, {1, 0}, "lengths[0] is 1, but of page 9, its page 0, runs have written 0 keys only"}};
  static const int32_t good[] = {2, 3, 0, 1}, none[] = {0, 0};
  assert_ok(clattn_cache_set_table(cache, good, 2, none, &error), &error);
  run(&p, cache, NULL, "four keys");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    assert_int_equal(clattn_cache_set_table(cache, cases[i].table, 2, cases[i].lengths, &error),
                     CLATTN_INVALID_ARGUMENT);
    if (strstr(error.message, cases[i].says) == NULL) fail_msg("'%s' says: %s", cases[i].says, error.message);
    assert_int_equal(clattn_cache_length(cache, 0) + clattn_cache_length(cache, 1), 8);
  }
  assert_int_equal(clattn_cache_set_table(NULL, good, 2, keys, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_cache_set_table(without, good, 2, none, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "the cache has no pages");
  assert_int_equal(clattn_cache_set_table(cache, good, 0, none, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "max_pages is 0 (allowed: 1 to 7, which the capacity needs)");
  assert_int_equal(clattn_cache_set_table(cache, good, 8, none, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_cache_set_table(cache, good, 2, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "lengths is NULL");
  assert_int_equal(clattn_cache_set_table(cache, NULL, 2, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "the table is NULL");
  clattn_cache_destroy(cache);
  clattn_cache_destroy(without);
}

/* Each run adds different numbers of keys to the sequences of one pool, or none. At first fewer
 * than the problem allows, so that the cache holds fewer keys than k and v have rows. */
static void ragged_lengths(void **state) {
  (void)state;
  static const int32_t added[][2] = {{2, 1}, {5, 2}, {0, 4}, {0, 0}, {3, 1}, {1, 5}, {5, 5}};
  for (size_t page_len = 0; page_len <= 3; page_len += 3)
    for (int type = CLATTN_CACHE_F32; type <= CLATTN_CACHE_I8_TOKEN; type += CLATTN_CACHE_I8_TOKEN) {
      clattn_problem p = decoder(5);
      p.lengths = CLATTN_LENGTHS_KEYS;
      p.cache.page_len = page_len;
      p.cache.type = (clattn_cache_type)type;
      clattn_cache *cache = new_cache(&p);
      clattn_plan *plan = new_plan(&p, NULL);
      for (size_t i = 0; i < sizeof added / sizeof added[0]; ++i)
        run_plan(plan, &p, cache, &(clattn_inputs){.size = sizeof(clattn_inputs), .key_lengths = added[i]}, "ragged");
      assert_int_equal(clattn_cache_length(cache, 0), 16);
      assert_int_equal(clattn_cache_length(cache, 1), 18);
      clattn_plan_destroy(plan);
      clattn_cache_destroy(cache);
    }
}

/* A run without padding; one sequence gets no tokens. */
static void packed_appends(void **state) {
  (void)state;
  static const int32_t offsets[][4] = {{0, 4, 4, 9}, {0, 2, 7, 9}, {0, 0, 5, 9}};
  static const size_t expected[] = {6, 10, 11};
  for (size_t page_len = 0; page_len <= 3; page_len += 3) {
    clattn_problem p = decoder(5);
    p.batch = 3;
    p.lengths = CLATTN_LENGTHS_PACKED;
    p.packed_queries = p.packed_keys = 9;
    p.cache.page_len = page_len;
    clattn_cache *cache = new_cache(&p);
    clattn_plan *plan = new_plan(&p, NULL);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; ++i)
      run_plan(plan, &p, cache, &(clattn_inputs){.size = sizeof(clattn_inputs), .query_offsets = offsets[i]}, "packed");
    for (size_t b = 0; b < 3; ++b) assert_int_equal(clattn_cache_length(cache, b), expected[b]);
    assert_int_equal(clattn_cache_length(cache, 3), 0);
    clattn_plan_destroy(plan);
    clattn_cache_destroy(cache);
  }
}

/* Five queries and two new keys, with either alignment. */
static void more_queries_than_new_keys(void **state) {
  (void)state;
  for (int alignment = CLATTN_ALIGN_TOP_LEFT; alignment <= CLATTN_ALIGN_BOTTOM_RIGHT; ++alignment) {
    clattn_problem first = paged(7);
    first.alignment = (clattn_alignment)alignment;
    clattn_problem p = first;
    p.source = CLATTN_SOURCE_XKV;
    p.query_len = 5;
    p.key_len = 2;
    clattn_cache *cache = new_cache(&p);
    run(&first, cache, NULL, "seven keys");
    run(&p, cache, NULL, "five queries, two keys");
    run(&p, cache, NULL, "five queries, two keys once more");
    assert_int_equal(clattn_cache_length(cache, 0), 11);
    clattn_cache_destroy(cache);
  }
}

/* Keys are rotated by their position in the cache, even if the queries have earlier positions. */
static void keys_after_the_offset(void **state) {
  (void)state;
  clattn_problem p = decoder(7);
  p.alignment = CLATTN_ALIGN_OFFSET;
  p.offset = 1;
  p.cache.capacity = 2000;
  clattn_cache *cache = new_cache(&p);
  for (int i = 0; i < 3; ++i) run(&p, cache, NULL, "seven keys more, queries from key 1 on");
  clattn_cache_destroy(cache);
}

/* A NaN with all bits set: rounding it like other numbers would give 0 in bfloat16. */
static void a_nan_stays_one(void **state) {
  (void)state;
  for (int type = CLATTN_CACHE_F32; type <= CLATTN_CACHE_BF16; ++type) {
    clattn_problem p = decoder(7);
    p.cache.type = (clattn_cache_type)type;
    clattn_cache *cache = new_cache(&p);
    clattn_plan *plan = new_plan(&p, NULL);
    support_case c;
    clattn_error error;
    clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
    allocate(&c, &p, cache, NULL);
    memset(support_tensor(&c, CLATTN_X) + 3 * p.model_dim, 0xFF, p.model_dim * sizeof(float));
    assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
    assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
    assert_passed(&report, "a NaN among the cached keys and values");
    support_free(&c);
    clattn_plan_destroy(plan);
    clattn_cache_destroy(cache);
  }
}

/* 1 + 1/256 and 1 + 3/256 are midway between two bfloat16 numbers; the even ones are 1 and 1 +
 * 4/256. */
static void ties_go_to_the_even_one(void **state) {
  (void)state;
  static const float tied[][2] = {{1.00390625f, 1.0f}, {1.01171875f, 1.015625f}};
  for (size_t i = 0; i < 2; ++i) {
    clattn_problem p = decoder(7);
    p.source = CLATTN_SOURCE_QKV;
    p.model_dim = 0;
    p.rotary = CLATTN_ROTARY_NONE;
    p.cache.type = CLATTN_CACHE_BF16;
    clattn_cache *cache = new_cache(&p);
    clattn_plan *plan = new_plan(&p, NULL);
    support_case c;
    clattn_error error;
    allocate(&c, &p, cache, NULL);
    for (size_t k = 0; k < c.bytes[CLATTN_K] / sizeof(float); ++k) support_tensor(&c, CLATTN_K)[k] = tied[i][0];
    assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
    const float *cached = support_tensor(&c, CLATTN_CACHED_K);
    for (size_t k = 0; k < c.bytes[CLATTN_CACHED_K] / sizeof(float); ++k) assert_true(cached[k] == tied[i][1]);
    support_free(&c);
    clattn_plan_destroy(plan);
    clattn_cache_destroy(cache);
  }
}

/* Runs prompts of these keys, groups of one head's vectors, through a cache of nibbles. */
static void through_groups(const float *keys, size_t count, float *back) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.source = CLATTN_SOURCE_QKV;
  p.query_len = p.key_len = count / 32;
  p.head_dim = p.value_dim = 32;
  p.cache.capacity = p.key_len;
  p.cache.type = CLATTN_CACHE_Q4;
  clattn_cache *cache = new_cache(&p);
  clattn_plan *plan = new_plan(&p, NULL);
  support_case c;
  clattn_error error;
  allocate(&c, &p, cache, NULL);
  memcpy(support_tensor(&c, CLATTN_K), keys, count * sizeof *keys);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  memcpy(back, support_tensor(&c, CLATTN_CACHED_K), count * sizeof *back);
  support_free(&c);
  clattn_plan_destroy(plan);
  clattn_cache_destroy(cache);
}

/* Numbers that ggml's Q4_0 gives: the largest element is -8 steps, whatever its sign; of two the first
 * counts, and the other saturates at 7 steps; halves are rounded away from the largest's sign. */
static void groups_as_in_q4_0(void **state) {
  (void)state;
  enum { GROUPS = 4 };
  float keys[GROUPS * 32] = {0}, expected[GROUPS * 32] = {0}, back[GROUPS * 32];
  keys[0] = -8.0f, expected[0] = -8.0f; /* a step of 1 */
  keys[1] = 8.0f, expected[1] = 7.0f;
  keys[2] = 2.5f, expected[2] = 3.0f;
  keys[3] = -2.5f, expected[3] = -2.0f;
  keys[15] = 1.0f, expected[15] = 1.0f;
  keys[16] = -7.0f, expected[16] = -7.0f;
  keys[31] = 6.0f, expected[31] = 6.0f;
  keys[32 + 5] = 4.0f, expected[32 + 5] = 4.0f; /* a step of -1/2 */
  keys[32 + 6] = -4.0f, expected[32 + 6] = -3.5f;
  keys[32 + 30] = 0.3f, expected[32 + 30] = 0.5f;
  for (size_t i = 0; i < 32; ++i) keys[96 + i] = 1e30f, expected[96 + i] = 524032.0f; /* 8 times f16's largest */
  through_groups(keys, GROUPS * 32, back);
  for (size_t i = 0; i < GROUPS * 32; ++i)
    if (back[i] != expected[i])
      fail_msg("element %zu: %g becomes %g instead of %g", i, (double)keys[i], (double)back[i], (double)expected[i]);
}

/* A NaN or an infinity makes its own group NaN, and no other. */
static void a_nan_takes_its_group(void **state) {
  (void)state;
  float keys[3 * 32], back[3 * 32];
  for (size_t i = 0; i < 3 * 32; ++i) keys[i] = 1.0f;
  keys[7] = NAN;
  keys[2 * 32 + 31] = -INFINITY;
  through_groups(keys, 3 * 32, back);
  for (size_t i = 0; i < 3 * 32; ++i) assert_true(i / 32 == 1 ? back[i] == 1.0f : isnan(back[i]));
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void problems_refused(void **state) {
  (void)state;
  clattn_error error;
#define REFUSED(change, part)                                                                                          \
  do {                                                                                                                 \
    clattn_problem p = decoder(7);                                                                                     \
    change;                                                                                                            \
    assert_int_equal(clattn_problem_validate(&p, &error), CLATTN_INVALID_PROBLEM);                                     \
    assert_says(&error, part);                                                                                         \
  } while (0)
  REFUSED(p.cache = (clattn_cache_layout){.page_len = 3}, "cache.page_len is 3, but");
  REFUSED(p.cache = (clattn_cache_layout){.pages = 3}, "cache.pages is 3, but");
  REFUSED(p.cache = (clattn_cache_layout){.type = CLATTN_CACHE_F16}, "cache.type is 1, but");
  REFUSED(p.cache.type = (clattn_cache_type)6, "cache.type is 6");
  REFUSED(p.cache.type = (clattn_cache_type)-1, "cache.type is -1");
  REFUSED(p.cache.type = CLATTN_CACHE_Q4, "head_dim 10, value_dim 7 (allowed with it: multiples of 32)");
  REFUSED(p.cache.type = CLATTN_CACHE_Q4; p.head_dim = 64, "head_dim 64, value_dim 7");
  REFUSED(p.cache.type = CLATTN_CACHE_Q4; p.value_dim = 32, "head_dim 10, value_dim 32");
  REFUSED(p.cache.capacity = 6, "from key_len, 7, on");
  REFUSED(p.cache.capacity = SIZE_MAX, "cache.capacity is");
  REFUSED(p.cache.page_len = 21, "cache.page_len is 21");
  REFUSED(p.cache.pages = 4, "cache.pages is 4");
  REFUSED(p.cache.page_len = 3; p.cache.pages = SIZE_MAX, "cache.pages");
  REFUSED(p.batch = 1; p.heads = p.kv_heads = 2; p.head_dim = p.value_dim = 1073741000;
          p.cache.capacity = 2000000000, "the bytes of the cache do not fit");
  REFUSED(p.batch = 1;
          p.cache.capacity = p.cache.page_len = p.cache.pages = 2000000000, "the bytes of the cache do not fit");
  REFUSED(p.positions = (clattn_positions)2, "positions is 2");
  REFUSED(p.rotary = (clattn_rotary)3, "rotary is 3");
  REFUSED(p.rotary_dim = 5, "rotary_dim is 5");
  REFUSED(p.rotary_dim = 12, "rotary_dim is 12");
  REFUSED(p.head_dim = 9, "rotary_dim is 9");
  REFUSED(p.rotary_base = 0.0, "rotary_base is 0");
  REFUSED(p.rotary_base = (double)NAN, "rotary_base is nan");
  REFUSED(p.rotary_base = (double)INFINITY, "rotary_base is inf");
  REFUSED(p.source = CLATTN_SOURCE_QKV; p.model_dim = 0;
          p.positions = CLATTN_POSITIONS_SINUSOIDAL, "positions are to be added to x");
#undef REFUSED
}

static void expect_no_cache(const clattn_problem *p, const float *k_scale, const float *v_scale, clattn_status status,
                            const char *part) {
  clattn_cache *cache = NULL;
  clattn_error error;
  assert_int_equal(clattn_cache_create(support_opened, p, k_scale, v_scale, &cache, &error), status);
  assert_null(cache);
  assert_says(&error, part);
}

static void caches_refused(void **state) {
  (void)state;
  clattn_problem good = decoder(7), by_head = decoder(7), none = decoder(7), broken = decoder(7), huge = paged(7);
  by_head.cache.type = CLATTN_CACHE_I8_HEAD;
  none.cache = (clattn_cache_layout){0};
  broken.cache.capacity = 1;
  huge.cache.pages = 2000000000;
  static const float scale[] = {1.0f, 2.0f};
  static const float bad[][2] = {{1.0f, 0.0f}, {-1.0f, 1.0f}, {NAN, 1.0f}, {INFINITY, 1.0f}};
  clattn_cache *cache = NULL;
  clattn_error error;
  expect_no_cache(&none, NULL, NULL, CLATTN_INVALID_ARGUMENT, "has no cache");
  expect_no_cache(&broken, NULL, NULL, CLATTN_INVALID_PROBLEM, "cache.capacity is 1");
  expect_no_cache(NULL, NULL, NULL, CLATTN_INVALID_ARGUMENT, "problem is NULL");
  expect_no_cache(&good, scale, scale, CLATTN_INVALID_ARGUMENT, "given (allowed: only with CLATTN_CACHE_I8_HEAD)");
  expect_no_cache(&by_head, NULL, NULL, CLATTN_INVALID_ARGUMENT, "missing (allowed: both)");
  expect_no_cache(&by_head, scale, NULL, CLATTN_INVALID_ARGUMENT, "allowed: both");
  expect_no_cache(&by_head, NULL, scale, CLATTN_INVALID_ARGUMENT, "allowed: both");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    expect_no_cache(&by_head, bad[i], scale, CLATTN_INVALID_ARGUMENT, "allowed: above 0");
    expect_no_cache(&by_head, scale, bad[i], CLATTN_INVALID_ARGUMENT, "allowed: above 0");
  }
  expect_no_cache(&huge, NULL, NULL, CLATTN_OUT_OF_DEVICE_MEMORY, "the cached keys takes");
  assert_int_equal(clattn_cache_create(support_opened, &good, NULL, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_cache_create(NULL, &good, NULL, NULL, &cache, &error), CLATTN_INVALID_ARGUMENT);
  clattn_cache_destroy(NULL);
}

static void cuts_refused(void **state) {
  (void)state;
  const clattn_problem p = paged(7);
  clattn_cache *cache = new_cache(&p);
  clattn_error error;
  run(&p, cache, NULL, "seven keys");
  assert_int_equal(clattn_cache_truncate(NULL, 0, 0, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_cache_truncate(cache, 2, 0, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "sequence 2 (allowed: below 2)");
  assert_int_equal(clattn_cache_truncate(cache, 1, 8, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "allowed: up to 7");
  assert_int_equal(clattn_cache_length(cache, 1), 7);
  assert_int_equal(clattn_cache_length(cache, 2), 0);
  clattn_cache_destroy(cache);
}

/* Keys and values take 2 x 20 x 2 x (10 + 7); in pages, 2 x 7 pages of 3 and a table. Then the
 * scales of each row and head. With groups a vector has 64 or 32 elements: 3 groups for both, each of
 * 16 bytes and a scale of 2. */
static void bytes(void **state) {
  (void)state;
  clattn_problem p = decoder(7);
  const size_t elements = 2 * 20 * 2 * 17, in_pages = 2 * 7 * 3 * 2 * 17, rows = 2 * 7 * 3;
  const uint64_t expected[][2] = {{elements * 4, in_pages * 4 + 2 * 7 * 4},
                                  {elements * 2, in_pages * 2 + 2 * 7 * 4},
                                  {elements * 2, in_pages * 2 + 2 * 7 * 4},
                                  {elements + 2 * 20 * 2 * 2 * 4, in_pages + rows * 2 * 2 * 4 + 2 * 7 * 4},
                                  {elements + 2 * 2 * 4, in_pages + 2 * 2 * 4 + 2 * 7 * 4},
                                  {2 * 20 * 2 * 3 * (16 + 2), rows * 2 * 3 * (16 + 2) + 2 * 7 * 4}};
  for (int type = CLATTN_CACHE_F32; type <= CLATTN_CACHE_Q4; ++type)
    for (size_t i = 0; i < 2; ++i) {
      p.cache.type = (clattn_cache_type)type;
      if (type == CLATTN_CACHE_Q4) in_groups(&p);
      p.cache.page_len = 3 * i;
      clattn_cache *cache = new_cache(&p);
      assert_int_equal(clattn_cache_bytes(cache), expected[type][i]);
      clattn_cache_destroy(cache);
    }
}

/* ---- rolling windows --------------------------------------------------------------------------------------------- */

/* Token by token as at once, in a cache that holds the window, a page and a key. */
static void roll(clattn_problem step, const char *what) {
  step.rolling = true;
  step.window_left = 5;
  step.cache.page_len = 3;
  step.cache.capacity = 5 + 3;
  clattn_problem at_once = step;
  at_once.query_len = at_once.key_len = TOKENS;
  at_once.rolling = false;
  at_once.cache = (clattn_cache_layout){0};
  support_case whole;
  support_allocate(&whole, &at_once, 71);
  const clattn_check_report report = support_run(support_opened, &whole, NULL);
  assert_passed(&report, what);
  clattn_cache *cache = new_cache(&step);
  clattn_plan *plan = new_plan(&step, NULL);
  for (size_t t = 0; t < TOKENS; ++t) {
    decode_step(plan, &step, cache, &whole, t);
    assert_in_range(clattn_cache_length(cache, 0), 1, 8);
    assert_int_equal(clattn_cache_length(cache, 0) + clattn_cache_dropped(cache, 0), t + 1);
  }
  assert_int_equal(clattn_cache_dropped(cache, 1),
                   6); /* of 12 keys before the last, the window needs 5: two pages go */
  assert_int_equal(clattn_cache_dropped(cache, 2), 0);
  run_plan(plan, &step, cache, NULL, what); /* which checks q, k, cached keys and the context */
  clattn_plan_destroy(plan);
  clattn_cache_destroy(cache);
  support_free(&whole);
}

static void rolling_windows(void **state) {
  (void)state;
  clattn_problem p = decoder(1), other = decoder(1);
  roll(p, "a rolling window");
  p.alibi = p.sinks = true;
  p.rotary = CLATTN_ROTARY_NONE;
  p.positions = CLATTN_POSITIONS_SINUSOIDAL;
  roll(p, "a rolling window with ALiBi, sinks and sinusoids");
  other.cache.pages = 2 * 3; /* as many as both sequences hold */
  roll(other, "a rolling window in few pages");
}

/* Sequences of several lengths, whose pages go to each other; then the window moves on after a cut. */
static void rolling_pool(void **state) {
  static const int32_t first[] = {9, 2}, second[] = {1, 9};
  (void)state;
  clattn_problem p = paged(9);
  p.lengths = CLATTN_LENGTHS_KEYS;
  p.rolling = true;
  p.window_left = 4;
  p.cache.capacity = 14;
  p.cache.pages = 7; /* 3 and 1; then 3 and 4, as sequence 0 drops one of the 4 that it would have */
  clattn_cache *cache = new_cache(&p);
  clattn_error error;
  clattn_inputs lengths = {.size = sizeof lengths, .cache = cache, .key_lengths = first};
  run(&p, cache, &lengths, "9 and 2 keys");
  lengths.key_lengths = second;
  run(&p, cache, &lengths, "1 and 9 more");
  assert_int_equal(clattn_cache_dropped(cache, 0), 3);
  assert_int_equal(clattn_cache_length(cache, 0), 7);
  assert_int_equal(clattn_cache_length(cache, 1), 11);
  assert_int_equal(clattn_cache_truncate(cache, 0, 3, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "cannot be truncated to 3 keys, as the window of the next query, 4 keys, would reach those");
  assert_says(&error, "(allowed: 0, or 4 to 7)");
  assert_ok(clattn_cache_truncate(cache, 0, 4, &error), &error);
  lengths.key_lengths = (const int32_t[]){2, 0};
  run(&p, cache, &lengths, "after a cut");
  assert_ok(clattn_cache_truncate(cache, 0, 0, &error), &error);
  assert_int_equal(clattn_cache_dropped(cache, 0), 0);
  run(&p, cache, &lengths, "anew");
  clattn_cache_destroy(cache);
}

static void rolling_refused(void **state) {
  (void)state;
  clattn_problem p = paged(4), bad;
  clattn_error error;
  p.window_left = 2;
  p.rolling = true;
  clattn_cache *cache = new_cache(&p);
  const struct {
    size_t page_len;
    int64_t window;
    clattn_alignment alignment;
    const char *says;
  } problems[] = {
      {0, 2, CLATTN_ALIGN_TOP_LEFT, "rolling is 1, but has an effect only where there is a cache with pages"},
      {3, CLATTN_UNBOUNDED, CLATTN_ALIGN_TOP_LEFT, "rolling is 1, but has an effect only where"},
      {3, 2, CLATTN_ALIGN_BOTTOM_RIGHT, "rolling is set, alignment is 1 and mask 0 (allowed with it:"}};
  for (size_t i = 0; i < sizeof problems / sizeof problems[0]; ++i) {
    bad = p;
    bad.cache.page_len = problems[i].page_len;
    bad.window_left = problems[i].window;
    bad.alignment = problems[i].alignment;
    assert_int_equal(clattn_problem_validate(&bad, &error), CLATTN_INVALID_PROBLEM);
    assert_says(&error, problems[i].says);
  }
  for (int i = 0; i < 3; ++i) run(&p, cache, NULL, "keys are dropped");
  assert_int_equal(clattn_cache_length(cache, 0) + clattn_cache_dropped(cache, 0), 12);
  bad = p;
  bad.rolling = false;
  bad.window_left = CLATTN_UNBOUNDED;
  expect_run(&bad, cache, CLATTN_INVALID_ARGUMENT, "window_left is -1, but sequence 0 has dropped 6 keys and holds 6");
  bad.window_left = 7;
  expect_run(&bad, cache, CLATTN_INVALID_ARGUMENT, "(allowed: 0 to 6)");
  bad.window_left = 2;
  bad.alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
  expect_run(&bad, cache, CLATTN_INVALID_ARGUMENT, "sequence 0 has dropped 6 keys (allowed for such a cache:");
  assert_int_equal(clattn_cache_set_table(cache, (const int32_t[]){0, 1}, 1, (const int32_t[]){1, 0}, &error),
                   CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "lengths[0] is 1, and the sequence has dropped 6 keys (allowed: 0, or");
  assert_ok(clattn_cache_set_table(cache, (const int32_t[]){0, 1}, 1, (const int32_t[]){0, 0}, &error), &error);
  expect_run(&p, cache, CLATTN_INVALID_ARGUMENT, "the problem is rolling, but the caller gave the cache its table");
  clattn_cache_destroy(cache);
}

static void other_caches_refused(void **state) {
  (void)state;
  const clattn_problem p = paged(7);
  clattn_cache *cache = new_cache(&p);
#define REFUSED(change, part)                                                                                          \
  do {                                                                                                                 \
    clattn_problem other = p;                                                                                          \
    change;                                                                                                            \
    expect_run(&other, cache, CLATTN_INVALID_ARGUMENT, part);                                                          \
  } while (0)
  REFUSED(other.batch = 3, "made for a batch of 2, the problem has 3");
  REFUSED(other.kv_heads = 4, "made for a kv_heads of 2");
  REFUSED(other.head_dim = 12, "made for a head_dim of 10");
  REFUSED(other.value_dim = 8, "made for a value_dim of 7");
  REFUSED(other.cache.capacity = 21, "made for a cache.capacity of 20");
  REFUSED(other.cache.type = CLATTN_CACHE_F16, "made for a cache.type of 0");
  REFUSED(other.cache.page_len = 4, "made for a cache.page_len of 3");
#undef REFUSED
  expect_run(&p, NULL, CLATTN_INVALID_ARGUMENT, "input cache is NULL");
  clattn_problem early = p; /* five queries at the end of two keys */
  early.source = CLATTN_SOURCE_XKV;
  early.alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
  early.query_len = 5;
  early.key_len = 2;
  expect_run(&early, cache, CLATTN_INVALID_ARGUMENT, "position -3");
  for (size_t b = 0; b < 2; ++b) assert_int_equal(clattn_cache_length(cache, b), 0);
  run(&p, cache, NULL, "after refusals");
  clattn_cache_destroy(cache);
}

static void cache_of_another_device_refused(void **state) {
  (void)state;
  const clattn_problem p = decoder(7);
  clattn_device *const mine = support_opened;
  support_opened = support_device();
  clattn_cache *cache = new_cache(&p);
  clattn_device *const other = support_opened;
  support_opened = mine;
  expect_run(&p, cache, CLATTN_INVALID_ARGUMENT, "made for another device");
  clattn_cache_destroy(cache);
  clattn_device_close(other);
}

static void other_calls_refused(void **state) {
  (void)state;
  const clattn_problem p = decoder(7);
  clattn_cache *cache = new_cache(&p);
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .cache = cache};
  clattn_problem seen, broken = p;
  broken.heads = 0;
  clattn_error error;
  assert_int_equal(clattn_cache_problem(NULL, &p, &inputs, &seen, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_cache_problem(cache, &p, NULL, &seen, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_cache_problem(cache, &p, &inputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_cache_problem(cache, NULL, &inputs, &seen, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_cache_problem(cache, &broken, &inputs, &seen, &error), CLATTN_INVALID_PROBLEM);
  assert_ok(clattn_cache_problem(cache, &p, &inputs, &seen, &error), &error);
  assert_int_equal(seen.key_len, 7);
  support_case c;
  support_allocate(&c, &p, 1);
  c.inputs.cache = cache;
  assert_int_equal(clattn_reference_run(&p, &c.inputs, &c.outputs, &error), CLATTN_UNSUPPORTED);
  assert_says(&error, "no cache");
  support_free(&c);
  clattn_cache_destroy(cache);
}

/* Missing or wrong lengths are refused before anything is appended. */
static void lengths_refused(void **state) {
  (void)state;
  clattn_problem p = decoder(5), packed = decoder(5);
  p.lengths = CLATTN_LENGTHS_KEYS;
  packed.lengths = CLATTN_LENGTHS_PACKED;
  packed.packed_queries = packed.packed_keys = 8;
  clattn_cache *cache = new_cache(&p);
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .cache = cache};
  clattn_problem seen;
  clattn_error error;
  expect_run(&p, cache, CLATTN_INVALID_ARGUMENT, "key_lengths is NULL");
  expect_run(&packed, cache, CLATTN_INVALID_ARGUMENT, "query_offsets is NULL");
  assert_int_equal(clattn_cache_problem(cache, &p, &inputs, &seen, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "key_lengths is NULL");
  const clattn_inputs too_long = {
      .size = sizeof(clattn_inputs), .cache = cache, .key_lengths = (const int32_t[]){6, 1}};
  assert_int_equal(clattn_cache_problem(cache, &p, &too_long, &seen, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "key_lengths[0] is 6");
  static const struct {
    int32_t offsets[3];
    const char *part;
  } wrong[] = {{{1, 4, 8}, "query_offsets[0] is 1 (allowed: 0)"},
               {{0, 4, 3}, "query_offsets[2] is 3, so sequence 1 has a length of -1"},
               {{0, 6, 8}, "query_offsets[1] is 6, so sequence 0 has a length of 6"},
               {{0, 4, 7}, "query_offsets[2] is 7 (allowed: all tokens, 8)"}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    const clattn_inputs packed_inputs = {
        .size = sizeof(clattn_inputs), .cache = cache, .query_offsets = wrong[i].offsets};
    assert_int_equal(clattn_cache_problem(cache, &packed, &packed_inputs, &seen, &error), CLATTN_INVALID_ARGUMENT);
    assert_says(&error, wrong[i].part);
  }
  clattn_cache_destroy(cache);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(token_by_token_as_at_once),
      cmocka_unit_test(decoding_with_all_features),
      cmocka_unit_test(every_type_and_way),
      cmocka_unit_test(other_sources),
      cmocka_unit_test(read_in_place),
      cmocka_unit_test(no_memory_for_what_is_read_in_place),
      cmocka_unit_test(full),
      cmocka_unit_test(pool_exhausted),
      cmocka_unit_test(truncated),
      cmocka_unit_test(given_tables),
      cmocka_unit_test(shared_prefix),
      cmocka_unit_test(tables_refused),
      cmocka_unit_test(rolling_windows),
      cmocka_unit_test(rolling_pool),
      cmocka_unit_test(rolling_refused),
      cmocka_unit_test(ragged_lengths),
      cmocka_unit_test(packed_appends),
      cmocka_unit_test(more_queries_than_new_keys),
      cmocka_unit_test(keys_after_the_offset),
      cmocka_unit_test(a_nan_stays_one),
      cmocka_unit_test(ties_go_to_the_even_one),
      cmocka_unit_test(groups_as_in_q4_0),
      cmocka_unit_test(a_nan_takes_its_group),
      cmocka_unit_test(problems_refused),
      cmocka_unit_test(caches_refused),
      cmocka_unit_test(cuts_refused),
      cmocka_unit_test(bytes),
      cmocka_unit_test(other_caches_refused),
      cmocka_unit_test(cache_of_another_device_refused),
      cmocka_unit_test(other_calls_refused),
      cmocka_unit_test(lengths_refused),
  };
  return support_run_group("cache", tests, sizeof tests / sizeof tests[0], support_open, support_close, argc, argv);
}
