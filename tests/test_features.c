/* Every feature of a problem, with every way to compute it (pipeline and kernels), compared with the reference.
 *
 * Each test covers one feature; each line in it is a variant: the base problem with one change. No
 * tile size divides the problem's sizes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* ---- ways: pipelines and kernels --------------------------------------------------------------------------------- */

typedef struct way {
  char name[KERNEL_LIST_TEXT + 64];
  char kernels[KERNEL_LIST_TEXT]; /* "": those that the plan takes */
  clattn_pipeline pipeline;
  uint64_t block_bytes;
  bool trace;
} way;

enum { WAYS_MOST = 256 };
static way ways[WAYS_MOST];
static size_t way_count;

/* The kernels that the way tests. If the plan takes them: the kernels that all ways need besides. */
static const char *kernels_of(const way *w) {
  if (w->kernels[0] != '\0') return w->kernels;
  if (w->pipeline == CLATTN_PIPELINE_BLAS) return "project=clblast,scores=clblast,context=clblast";
  return w->trace ? "products=naive,exps=naive" : "convert=naive,convert=vector,rotary=naive";
}

static void add_way(const char *name, const char *kernels, clattn_pipeline pipeline, uint64_t block_bytes, bool trace) {
  way *w = &ways[way_count];
  assert_true(way_count < WAYS_MOST);
  *w = (way){.pipeline = pipeline, .block_bytes = block_bytes, .trace = trace};
  snprintf(w->kernels, sizeof w->kernels, "%s", kernels);
  snprintf(w->name, sizeof w->name, "%s%s", name, kernels);
  if (support_is_wanted(kernels_of(w))) ++way_count;
}

static void add_list(const kernel_filter *filter, clattn_pipeline pipeline) {
  const bool fused = pipeline == CLATTN_PIPELINE_FUSED;
  char kernels[KERNEL_LIST_TEXT];
  for (size_t n = 0;
       fused ? kernel_list_stage(CLATTN_STAGE_FUSED, n, filter, kernels) : kernel_list_staged(n, filter, kernels); ++n)
    add_way("", kernels, pipeline, 0, false);
}

static bool has_library(void) {
  const clattn_kernel *row;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i)
    if (row->library && clattn_kernel_supported(i, clattn_device_get_info(support_opened), NULL) != CLATTN_OK)
      return false;
  return true;
}

#ifdef HOST_ALONE
/* One kernel for each path through the host's code, because the sanitizers do not see kernels. */
static bool has_own_path(const clattn_kernel *row) {
  return support_runs(row) && (row->plain || row->post_process != NULL);
}
#endif

#ifndef HOST_ALONE
static bool runs_without_tiles(const clattn_kernel *row) {
  return support_runs(row) && !kernel_has_tiles(row);
}
#endif

/* Every kernel. Those of fused that have tiles run with small ones, with which even these problems have
 * several tiles, strips and parts; with CLATTN_PLANNED_TILES set, they run with the sizes that a plan
 * takes, and nothing else runs. */
static int open_device(void **state) {
  support_open(state);
#ifndef HOST_ALONE
  if (getenv("CLATTN_PLANNED_TILES") != NULL) {
    add_list(&(kernel_filter){support_runs_with_tiles, SIZES_PLANNED}, CLATTN_PIPELINE_FUSED);
    return 0;
  }
#endif
  add_way("the device's choice", "", CLATTN_PIPELINE_STAGED, 0, false);
  add_way("the device's choice in small blocks", "", CLATTN_PIPELINE_STAGED, 2000, true);
  if (has_library()) add_way("blas", "", CLATTN_PIPELINE_BLAS, 0, true);
#ifdef HOST_ALONE
  add_way("fused", "", CLATTN_PIPELINE_FUSED, 0, false);
  add_list(&(kernel_filter){has_own_path, SIZES_SMALL}, CLATTN_PIPELINE_FUSED);
#else
  add_list(&(kernel_filter){support_runs, SIZES_PLANNED}, CLATTN_PIPELINE_STAGED);
  add_list(&(kernel_filter){runs_without_tiles, SIZES_PLANNED}, CLATTN_PIPELINE_FUSED);
  add_list(&(kernel_filter){support_runs_with_tiles, SIZES_SMALL}, CLATTN_PIPELINE_FUSED);
#endif
  return 0;
}

static clattn_plan_options options_of(const way *w) {
  clattn_plan_options options = support_options();
  options.kernels = w->kernels[0] != '\0' ? w->kernels : NULL;
  options.pipeline = w->pipeline;
  options.block_bytes = w->block_bytes;
  options.trace = w->trace;
  return options;
}

/* ---- variants ---------------------------------------------------------------------------------------------------- */

typedef struct variant {
  const char *name;
  clattn_problem problem;
  clattn_inputs lengths;           /* only the lengths are used */
  void (*adjust)(support_case *c); /* changes that the inputs need, or NULL */
} variant;

static clattn_problem base(void) {
  clattn_problem p = support_problem(37, 24, 9);
  p.batch = 2;
  p.heads = 4;
  p.value_dim = 11;
  return p;
}

/* Queries from x, 41 keys from xkv. */
static clattn_problem cross(void) {
  clattn_problem p = base();
  p.source = CLATTN_SOURCE_XKV;
  p.key_len = 41;
  return p;
}

static clattn_problem given(void) {
  clattn_problem p = cross();
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  return p;
}

static void allocate(const variant *v, support_case *c) {
  support_allocate(c, &v->problem, 61);
  c->inputs.key_lengths = v->lengths.key_lengths;
  c->inputs.query_offsets = v->lengths.query_offsets;
  c->inputs.key_offsets = v->lengths.key_offsets;
  if (v->adjust != NULL) v->adjust(c);
}

static void run_in(const variant *v, const way *w) {
  const clattn_plan_options options = options_of(w);
  char what[1024];
  support_case c;
  allocate(v, &c);
  const clattn_check_report report = support_run(support_opened, &c, &options);
  snprintf(what, sizeof what, "%s, %s", v->name, w->name);
  assert_passed(&report, what);
  support_free(&c);
}

static void run_in_all_ways(const variant *v) {
  for (size_t i = 0; i < way_count; ++i) run_in(v, &ways[i]);
}

/* `change` may use the problem, p, and the rest of the variant, v. */
#define VARIANT(what, start, change)                                                                                   \
  do {                                                                                                                 \
    variant v = {.name = what, .problem = start()};                                                                    \
    clattn_problem *const p = &v.problem;                                                                              \
    change;                                                                                                            \
    (void)p;                                                                                                           \
    run_in_all_ways(&v);                                                                                               \
  } while (0)

static void grouped_heads(void **state) {
  (void)state;
  VARIANT("2 KV heads for 4 heads", base, p->kv_heads = 2);
  VARIANT("1 KV head for 4 heads", base, p->kv_heads = 1);
  VARIANT("2 KV heads for 4 heads, given", given, p->kv_heads = 2);
}

static void cross_attention(void **state) {
  (void)state;
  VARIANT("more keys than queries", cross, p->kv_model_dim = 19);
  VARIANT("fewer keys than queries", cross, p->key_len = 21; p->kv_model_dim = 30);
  VARIANT("xkv as wide as x", cross, p->layout = CLATTN_LAYOUT_XWT);
  VARIANT("one query", cross, p->query_len = 1);
  VARIANT("one key", cross, p->key_len = 1);
}

static void causal_alignment(void **state) {
  (void)state;
  VARIANT("top left", cross, p->causal = true);
  VARIANT("bottom right", cross, p->causal = true; p->alignment = CLATTN_ALIGN_BOTTOM_RIGHT);
  VARIANT("bottom right, fewer keys", cross, p->causal = true; p->alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
          p->key_len = 21);
  static const int64_t offsets[] = {5, -9, -40, 60};
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; ++i)
    VARIANT("offset", cross, p->causal = true; p->alignment = CLATTN_ALIGN_OFFSET; p->offset = offsets[i]);
}

static void windows(void **state) {
  (void)state;
  static const int64_t sides[][2] = {{6, CLATTN_UNBOUNDED}, {CLATTN_UNBOUNDED, 4}, {5, 3}, {0, 0}, {17, 0}, {100, 100}};
  for (size_t i = 0; i < sizeof sides / sizeof sides[0]; ++i)
    for (int causal = 0; causal < 2; ++causal)
      VARIANT(causal ? "window, causal" : "window", cross, p->window_left = sides[i][0]; p->window_right = sides[i][1];
              p->causal = causal);
  VARIANT("window at an offset", cross, p->window_left = 4; p->window_right = 2; p->alignment = CLATTN_ALIGN_OFFSET;
          p->offset = -7);
}

static void softcap(void **state) {
  (void)state;
  VARIANT("softcap 2", base, p->softcap = 2.0f);
  VARIANT("softcap 50", base, p->softcap = 50.0f);
  VARIANT("softcap, scale 20, causal", base, p->softcap = 30.0f; p->scale_mode = CLATTN_SCALE_GIVEN; p->scale = 20.0f;
          p->causal = true);
  VARIANT("scale below 0", base, p->scale_mode = CLATTN_SCALE_GIVEN; p->scale = -0.7f);
}

static void alibi(void **state) {
  (void)state;
  VARIANT("alibi", base, p->alibi = true);
  VARIANT("alibi, causal", base, p->alibi = true; p->causal = true);
  VARIANT("alibi, bottom right, softcap", cross, p->alibi = true; p->alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
          p->softcap = 3.0f);
}

/* One sink that takes nearly all of the weight, and one that takes none. */
static void extreme_sinks(support_case *c) {
  support_tensor(c, CLATTN_SINKS)[0] = 40.0f;
  support_tensor(c, CLATTN_SINKS)[1] = -INFINITY;
}

static void sinks(void **state) {
  (void)state;
  VARIANT("sinks", base, p->sinks = true);
  VARIANT("sinks, causal window", base, p->sinks = true; p->causal = true; p->window_left = 3);
  VARIANT("extreme sinks", base, p->sinks = true; v.adjust = extreme_sinks);
}

static const size_t mask_shapes[][4] = {{2, 4, 37, 41}, {1, 4, 37, 41}, {2, 1, 37, 41}, {2, 4, 1, 41}, {2, 4, 37, 1},
                                        {1, 1, 1, 41},  {1, 1, 37, 41}, {1, 1, 1, 1},   {2, 1, 37, 30}};

static void float_mask(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof mask_shapes / sizeof mask_shapes[0]; ++i)
    VARIANT("float mask", cross, p->mask = CLATTN_MASK_FLOAT;
            memcpy(p->mask_shape, mask_shapes[i], sizeof p->mask_shape); p->causal = i % 3 == 2);
}

/* Masks all keys in the first row of the mask. */
static void mask_a_row(support_case *c) {
  memset(support_tensor(c, CLATTN_MASK), 0, c->problem.mask_shape[3]);
}

static void bool_mask(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof mask_shapes / sizeof mask_shapes[0]; ++i)
    VARIANT("bool mask", cross, p->mask = CLATTN_MASK_BOOL; memcpy(p->mask_shape, mask_shapes[i], sizeof p->mask_shape);
            p->softcap = i % 2 == 0 ? 0.0f : 4.0f);
  VARIANT("bool mask with a masked row", cross, p->mask = CLATTN_MASK_BOOL;
          memcpy(p->mask_shape, mask_shapes[0], sizeof p->mask_shape); v.adjust = mask_a_row);
  VARIANT("bool mask with a masked row, sinks", cross, p->mask = CLATTN_MASK_BOOL; p->sinks = true;
          memcpy(p->mask_shape, mask_shapes[0], sizeof p->mask_shape); v.adjust = mask_a_row);
}

static const int32_t some_lengths[] = {23, 41}, no_keys[] = {0, 1};

static void key_lengths(void **state) {
  (void)state;
  VARIANT("key lengths", cross, p->lengths = CLATTN_LENGTHS_KEYS; v.lengths.key_lengths = some_lengths);
  VARIANT("key lengths 0 and 1", cross, p->lengths = CLATTN_LENGTHS_KEYS; v.lengths.key_lengths = no_keys);
  VARIANT("key lengths, given in f16", given, p->lengths = CLATTN_LENGTHS_KEYS; v.lengths.key_lengths = some_lengths;
          p->type = CLATTN_F16);
  VARIANT("key lengths, bottom right", cross, p->lengths = CLATTN_LENGTHS_KEYS; v.lengths.key_lengths = some_lengths;
          p->causal = true; p->alignment = CLATTN_ALIGN_BOTTOM_RIGHT);
}

static const int32_t packed_queries[] = {0, 17, 17, 37}, packed_keys[] = {0, 5, 18, 41};

static clattn_problem packed_self(void) {
  clattn_problem p = base();
  p.batch = 3;
  p.lengths = CLATTN_LENGTHS_PACKED;
  p.query_len = p.key_len = 20;
  p.packed_queries = p.packed_keys = 37;
  return p;
}

static clattn_problem packed_cross(void) {
  clattn_problem p = packed_self();
  p.source = CLATTN_SOURCE_XKV;
  p.key_len = 23;
  p.packed_keys = 41;
  return p;
}

static clattn_problem packed_given(void) {
  clattn_problem p = packed_cross();
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  return p;
}

static void packed(void **state) {
  (void)state;
  const clattn_inputs self = {.size = sizeof(clattn_inputs), .query_offsets = packed_queries};
  const clattn_inputs both = {
      .size = sizeof(clattn_inputs), .query_offsets = packed_queries, .key_offsets = packed_keys};
  VARIANT("packed", packed_self, v.lengths = self);
  VARIANT("packed, causal", packed_self, v.lengths = self; p->causal = true; p->kv_heads = 2);
  VARIANT("packed cross attention", packed_cross, v.lengths = both);
  VARIANT("packed, bottom right", packed_cross, v.lengths = both; p->causal = true;
          p->alignment = CLATTN_ALIGN_BOTTOM_RIGHT);
  VARIANT("packed and given", packed_given, v.lengths = both; p->kv_heads = 1);
  VARIANT("packed and given in bf16", packed_given, v.lengths = both; p->type = CLATTN_BF16);
}

/* A sample may contain only rows after the end of a sequence; that is not an error. */
static void sample_without_queries(void **state) {
  (void)state;
  static const int32_t offsets[] = {0, 0, 20, 20};
  variant v = {.name = "packed between empty sequences", .problem = packed_self(), .lengths.query_offsets = offsets};
  v.problem.packed_queries = v.problem.packed_keys = 20;
  clattn_plan *plan = NULL;
  clattn_rows *rows = NULL;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  support_case c;
  allocate(&v, &c);
  assert_ok(clattn_plan_create(support_opened, &v.problem, &support_staged, &plan, &error), &error);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  assert_ok(clattn_rows_choose(&v.problem, 1.0, 1, &rows, &error), &error);
  assert_true(rows->row[rows->count / 2 - 1] < 20 && rows->row[rows->count / 2] >= 2 * 4 * 20);
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, rows, &report, &error), &error);
  assert_passed(&report, v.name);
  const clattn_rows none = {rows->row, 0};
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, &none, &report, &error), &error);
  assert_false(report.passed); /* not even one row */
  clattn_rows_destroy(rows);
  clattn_plan_destroy(plan);
  support_free(&c);
}

static void biases(void **state) {
  (void)state;
  static const unsigned each[] = {CLATTN_BIAS_Q, CLATTN_BIAS_K, CLATTN_BIAS_V, CLATTN_BIAS_O, 15};
  for (size_t i = 0; i < sizeof each / sizeof each[0]; ++i)
    VARIANT("biases", base, p->biases = each[i]; p->output_dim = (each[i] & CLATTN_BIAS_O) != 0 ? 29 : 0);
}

static void fused_weights(void **state) {
  (void)state;
  for (int layout = CLATTN_LAYOUT_XW; layout <= CLATTN_LAYOUT_XWT; ++layout)
    for (unsigned bias = 0; bias < 2; ++bias)
      VARIANT(layout == CLATTN_LAYOUT_XW ? "fused weights, xw" : "fused weights, xwt", base, p->fused_qkv = true;
              p->layout = (clattn_weight_layout)layout; p->biases = bias * 7; p->kv_heads = bias != 0 ? 2 : 0);
}

/* The columns of wqkv for each KV head; a value has another size than a key. */
static void fused_groups(void **state) {
  (void)state;
  VARIANT("fused weights in groups, xw", base, p->fused_qkv = true; p->fused_order = CLATTN_FUSED_GROUPS;
          p->layout = CLATTN_LAYOUT_XW; p->type = CLATTN_F16);
  VARIANT("fused weights in groups, xwt", base, p->fused_qkv = true; p->fused_order = CLATTN_FUSED_GROUPS;
          p->layout = CLATTN_LAYOUT_XWT; p->biases = 7; p->kv_heads = 2);
}

static void output_projection(void **state) {
  (void)state;
  for (int layout = CLATTN_LAYOUT_XW; layout <= CLATTN_LAYOUT_XWT; ++layout)
    for (unsigned bias = 0; bias < 2; ++bias)
      VARIANT(bias ? "output projection with bias" : "output projection", base, p->output_dim = 29;
              p->layout = (clattn_weight_layout)layout; p->biases = bias * CLATTN_BIAS_O);
  VARIANT("output projection of given q, k, v", given, p->output_dim = 13; p->biases = CLATTN_BIAS_O);
}

/* Gaps between heads, rows and batches, all of different sizes. */
static clattn_problem strided(void) {
  clattn_problem p = given();
  p.kv_heads = 2;
  p.order = CLATTN_ORDER_STRIDES;
  p.q_strides = (clattn_strides){.head = 9 + 2, .row = 4 * 11 + 3, .batch = 37 * 47 + 7};
  p.k_strides = (clattn_strides){.row = 9 + 5, .head = 41 * 14 + 1, .batch = 2 * 575 + 2};
  p.v_strides = (clattn_strides){.head = 11 + 1, .row = 2 * 12 + 4, .batch = 41 * 28 + 9};
  return p;
}

static void given_qkv(void **state) {
  (void)state;
  for (int order = CLATTN_ORDER_TOKENS; order <= CLATTN_ORDER_HEADS; ++order)
    VARIANT(order == CLATTN_ORDER_TOKENS ? "given (tokens, heads)" : "given (heads, tokens)", given,
            p->order = (clattn_order)order);
  VARIANT("given with strides", strided, (void)p);
  VARIANT("given with strides in f16", strided, p->type = CLATTN_F16);
  VARIANT("given with strides in bf16, rotary", strided, p->type = CLATTN_BF16; p->rotary = CLATTN_ROTARY_HALVES;
          p->rotary_dim = 8);
}

/* A batch that shares its keys, and heads that share their queries: strides of 0 repeat vectors. */
static void repeated_by_strides(void **state) {
  (void)state;
  VARIANT("keys of one sequence for the batch", strided, p->k_strides.batch = p->v_strides.batch = 0);
  VARIANT("queries of one head for all", strided, p->q_strides.head = 0; p->type = CLATTN_F16);
}

/* ---- the order of the context ------------------------------------------------------------------------------------ */

/* Elements of `bytes` each: (batch, tokens, heads, value_dim) equals (batch, heads, tokens,
 * value_dim). */
static void assert_transposed(const clattn_problem *p, const void *tokens, const void *heads, size_t bytes,
                              const char *what) {
  const size_t vector = p->value_dim * bytes;
  for (size_t b = 0; b < p->batch; ++b)
    for (size_t h = 0; h < p->heads; ++h)
      for (size_t i = 0; i < p->query_len; ++i) {
        const size_t from = ((b * p->query_len + i) * p->heads + h) * vector;
        const size_t to = ((b * p->heads + h) * p->query_len + i) * vector;
        if (memcmp((const char *)tokens + from, (const char *)heads + to, vector) != 0)
          fail_msg("%s: context of query %zu of head %zu of sequence %zu", what, i, h, b);
      }
}

/* The same bits in the other order; `tokens` and `heads` are two runs of one problem. */
static void compare_orders(support_case *tokens, support_case *heads, const char *what) {
  const clattn_problem *p = &heads->problem;
  size_t shape[4];
  assert_int_equal(clattn_problem_shape(p, CLATTN_CONTEXT, shape), 4);
  const size_t expected[4] = {p->batch, p->heads, p->query_len, p->value_dim};
  assert_memory_equal(shape, expected, sizeof shape);
  assert_transposed(p, tokens->outputs.context, heads->outputs.context, sizeof(float), what);
  if (p->type == CLATTN_F32) return;
  assert_int_equal(clattn_problem_shape(p, CLATTN_OUTPUT, shape), 4);
  assert_transposed(p, tokens->outputs.output, heads->outputs.output, 2, what);
}

static void run_orders(const variant *by_tokens) {
  variant by_heads = *by_tokens;
  clattn_error error;
  support_case c[2];
  by_heads.problem.context_order = CLATTN_ORDER_HEADS;
  for (size_t i = 0; i < way_count; ++i) {
    char what[1024];
    const clattn_plan_options options = options_of(&ways[i]);
    for (int order = 0; order < 2; ++order) {
      const variant *v = order == 0 ? by_tokens : &by_heads;
      snprintf(what, sizeof what, "%s by %s, %s", v->name, order == 0 ? "tokens" : "heads", ways[i].name);
      allocate(v, &c[order]);
      const clattn_check_report report = support_run(support_opened, &c[order], &options);
      assert_passed(&report, what);
    }
    compare_orders(&c[0], &c[1], what);
    for (int order = 0; order < 2; ++order) {
      support_poison(&c[order]);
      assert_ok(clattn_reference_run(&c[order].problem, &c[order].inputs, &c[order].outputs, &error), &error);
    }
    compare_orders(&c[0], &c[1], "the reference");
    support_free(&c[0]);
    support_free(&c[1]);
  }
}

static void context_order(void **state) {
  (void)state;
  variant grouped = {.name = "context", .problem = cross()}, stored = {.name = "context in f16", .problem = given()};
  variant short_keys = {.name = "context without keys", .problem = cross(), .lengths.key_lengths = no_keys};
  grouped.problem.kv_heads = 2;
  stored.problem.type = CLATTN_F16;
  short_keys.problem.lengths = CLATTN_LENGTHS_KEYS;
  run_orders(&grouped);
  run_orders(&stored);
  run_orders(&short_keys);
}

static void types(void **state) {
  (void)state;
  static const struct {
    const char *name;
    clattn_type type;
  } stored[] = {{"f16", CLATTN_F16}, {"bf16", CLATTN_BF16}};
  for (size_t i = 0; i < 2; ++i) {
    VARIANT(stored[i].name, base, p->type = stored[i].type);
    VARIANT(stored[i].name, base, p->type = stored[i].type; p->output_dim = 13; p->biases = 15);
    VARIANT(stored[i].name, cross, p->type = stored[i].type; p->kv_model_dim = 7);
    VARIANT(stored[i].name, given, p->type = stored[i].type; p->order = CLATTN_ORDER_HEADS);
    /* whole vectors, more than one of them, and more than one panel of values */
    VARIANT(stored[i].name, given, p->type = stored[i].type; p->head_dim = 32; p->value_dim = 69);
  }
}

static void positions(void **state) {
  (void)state;
  VARIANT("sinusoidal", base, p->positions = CLATTN_POSITIONS_SINUSOIDAL);
  VARIANT("sinusoidal, odd model_dim, f16", base, p->positions = CLATTN_POSITIONS_SINUSOIDAL; p->model_dim = 23;
          p->type = CLATTN_F16);
  VARIANT("sinusoidal, packed", packed_self, p->positions = CLATTN_POSITIONS_SINUSOIDAL;
          v.lengths.query_offsets = packed_queries);
}

static void rotary(void **state) {
  (void)state;
  const clattn_inputs both = {
      .size = sizeof(clattn_inputs), .query_offsets = packed_queries, .key_offsets = packed_keys};
  for (int kind = CLATTN_ROTARY_HALVES; kind <= CLATTN_ROTARY_INTERLEAVED; ++kind) {
    VARIANT("rotary", base, p->rotary = (clattn_rotary)kind; p->head_dim = 10);
    VARIANT("rotary of 6 elements", base, p->rotary = (clattn_rotary)kind; p->rotary_dim = 6; p->kv_heads = 2);
    VARIANT("rotary, base 500", cross, p->rotary = (clattn_rotary)kind; p->rotary_dim = 8; p->rotary_base = 500.0;
            p->alignment = CLATTN_ALIGN_BOTTOM_RIGHT);
    VARIANT("rotary at an offset", cross, p->rotary = (clattn_rotary)kind; p->rotary_dim = 8;
            p->alignment = CLATTN_ALIGN_OFFSET; p->offset = 1000);
    VARIANT("rotary, the last query at the last position there is", cross, p->rotary = (clattn_rotary)kind;
            p->rotary_dim = 8; p->alignment = CLATTN_ALIGN_OFFSET; p->offset = INT32_MAX - 36; p->causal = true);
    VARIANT("rotary, packed", packed_cross, p->rotary = (clattn_rotary)kind; p->rotary_dim = 4; v.lengths = both);
    VARIANT("rotary of given q and k", given, p->rotary = (clattn_rotary)kind; p->rotary_dim = 8;
            p->order = CLATTN_ORDER_HEADS);
  }
}

/* ---- many at once ------------------------------------------------------------------------------------------------ */

static clattn_problem decoder(size_t tokens) {
  clattn_problem p = support_problem(tokens, 24, 10);
  p.batch = 2;
  p.heads = 4;
  p.kv_heads = 2;
  p.causal = true;
  p.window_left = 19;
  p.rotary = CLATTN_ROTARY_HALVES;
  p.softcap = 20.0f;
  p.sinks = true;
  p.fused_qkv = true;
  p.biases = 15;
  p.output_dim = 24;
  p.layout = CLATTN_LAYOUT_XWT;
  p.type = CLATTN_BF16;
  return p;
}

static clattn_problem encoder(size_t tokens) {
  clattn_problem p = support_problem(tokens, 30, 9);
  p.batch = 2;
  p.heads = 3;
  p.value_dim = 14;
  p.mask = CLATTN_MASK_FLOAT;
  p.mask_shape[0] = p.mask_shape[2] = 1;
  p.mask_shape[1] = 3;
  p.mask_shape[3] = tokens;
  p.alibi = true;
  p.positions = CLATTN_POSITIONS_SINUSOIDAL;
  p.biases = CLATTN_BIAS_Q | CLATTN_BIAS_V | CLATTN_BIAS_O;
  p.output_dim = 17;
  p.lengths = CLATTN_LENGTHS_KEYS;
  return p;
}

static clattn_problem packed_decoder(size_t tokens) {
  clattn_problem p = support_problem(20, 24, 9);
  p.batch = 3;
  p.heads = 4;
  p.kv_heads = 1;
  p.value_dim = 5;
  p.lengths = CLATTN_LENGTHS_PACKED;
  p.packed_queries = p.packed_keys = tokens;
  p.query_len = p.key_len = tokens - 17;
  p.causal = true;
  p.alibi = true;
  p.sinks = true;
  p.mask = CLATTN_MASK_BOOL;
  for (int i = 0; i < 4; ++i) p.mask_shape[i] = (size_t[]){3, 1, p.query_len, p.key_len}[i];
  p.rotary = CLATTN_ROTARY_INTERLEAVED;
  p.rotary_dim = 4;
  p.type = CLATTN_F16;
  return p;
}

static const struct {
  const char *name;
  clattn_problem (*problem)(size_t tokens);
} combinations[] = {{"decoder", decoder}, {"encoder", encoder}, {"packed decoder", packed_decoder}};

enum { COMBINATIONS = sizeof combinations / sizeof combinations[0] };

/* `lengths` has room for 4. */
static variant combination(size_t index, size_t tokens, int32_t *lengths) {
  variant v = {.name = combinations[index].name, .problem = combinations[index].problem(tokens)};
  if (v.problem.lengths == CLATTN_LENGTHS_KEYS) {
    lengths[0] = (int32_t)tokens - 11;
    lengths[1] = (int32_t)tokens;
    v.lengths.key_lengths = lengths;
  } else if (v.problem.lengths == CLATTN_LENGTHS_PACKED) {
    lengths[0] = 0;
    lengths[1] = lengths[2] = 17;
    lengths[3] = (int32_t)tokens;
    v.lengths.query_offsets = lengths;
  }
  return v;
}

static void run_combinations(size_t tokens) {
  for (size_t i = 0; i < COMBINATIONS; ++i) {
    int32_t lengths[4];
    const variant v = combination(i, tokens, lengths);
    run_in_all_ways(&v);
  }
}

static void together(void **state) {
  (void)state;
  run_combinations(37);
}

static void together_larger(void **state) {
  (void)state;
  run_combinations(133);
}

/* ---- other properties -------------------------------------------------------------------------------------------- */

static void float_mask_column(support_case *c) {
  const size_t *shape = c->problem.mask_shape;
  for (size_t row = 0; row < shape[2]; ++row) support_tensor(c, CLATTN_MASK)[row * shape[3] + 20] = -INFINITY;
}

static void bool_mask_column(support_case *c) {
  const size_t *shape = c->problem.mask_shape;
  unsigned char *allowed = (unsigned char *)support_tensor(c, CLATTN_MASK);
  for (size_t row = 0; row < shape[2]; ++row) allowed[row * shape[3] + 20] = 0;
}

/* Sets key 20 of every sequence and head to `value` in v, and in k as well. */
static void poison_key(support_case *c, float value) {
  const clattn_problem *p = &c->problem;
  for (size_t b = 0; b < p->batch; ++b) {
    const size_t token = b * p->key_len + 20, k = p->heads * p->head_dim, v = p->heads * p->value_dim;
    for (size_t i = 0; i < v; ++i) support_tensor(c, CLATTN_V)[token * v + i] = value;
    for (size_t i = 0; i < k; ++i) support_tensor(c, CLATTN_K)[token * k + i] = value;
  }
}

/* The context of queries from `first_seeing` on must not be finite; that of all others must be. */
static void assert_nan_shows_from(const support_case *c, size_t first_seeing, const char *what) {
  const clattn_problem *p = &c->problem;
  const size_t columns = p->heads * p->value_dim;
  for (size_t token = 0; token < p->batch * p->query_len; ++token)
    for (size_t i = 0; i < columns; ++i) {
      const bool seen = token % p->query_len >= first_seeing;
      if ((isfinite(c->outputs.context[token * columns + i]) == 0) != seen)
        fail_msg("%s: context of token %zu, column %zu is %g", what, token, i,
                 (double)c->outputs.context[token * columns + i]);
    }
}

static void run_poisoned(const variant *v, const way *w, float value, size_t first_seeing) {
  const clattn_plan_options options = options_of(w);
  char what[1024];
  support_case c;
  allocate(v, &c);
  poison_key(&c, value);
  const clattn_check_report report = support_run(support_opened, &c, &options);
  snprintf(what, sizeof what, "%g masked by %s, %s", (double)value, v->name, w->name);
  assert_nan_shows_from(&c, first_seeing, what);
  assert_passed(&report, what);
  support_free(&c);
}

static void set_mask(clattn_problem *p, clattn_mask mask) {
  p->mask = mask;
  p->mask_shape[0] = p->mask_shape[1] = 1;
  p->mask_shape[2] = p->query_len;
  p->mask_shape[3] = p->key_len;
}

static void nan_at_masked_keys(void **state) {
  (void)state;
  static const int32_t lengths[] = {20, 7};
  variant v[] = {{"a bool mask", given(), {0}, bool_mask_column},
                 {"a float mask", given(), {0}, float_mask_column},
                 {"a causal border", given(), {0}, NULL},
                 {"a window", given(), {0}, NULL},
                 {"the key lengths", given(), {.key_lengths = lengths}, NULL}};
  const size_t first_seeing[] = {SIZE_MAX, SIZE_MAX, 20, 17, SIZE_MAX};
  set_mask(&v[0].problem, CLATTN_MASK_BOOL);
  set_mask(&v[1].problem, CLATTN_MASK_FLOAT);
  v[2].problem.causal = true;
  v[3].problem.window_right = 3;
  v[4].problem.lengths = CLATTN_LENGTHS_KEYS;
  for (size_t i = 0; i < sizeof v / sizeof v[0]; ++i)
    for (size_t w = 0; w < way_count; ++w) {
      run_poisoned(&v[i], &ways[w], NAN, first_seeing[i]);
      run_poisoned(&v[i], &ways[w], INFINITY, first_seeing[i]);
    }
}

/* All scores are 0, except for key 20: -300. Its weight underflows, but the NaN in its value must
 * remain. */
static void nan_of_a_negligible_key_shows(void **state) {
  (void)state;
  const variant v = {.name = "a score of -300", .problem = given()};
  for (size_t w = 0; w < way_count; ++w) {
    const clattn_plan_options options = options_of(&ways[w]);
    support_case c;
    allocate(&v, &c);
    poison_key(&c, NAN);
    for (size_t i = 0; i < c.bytes[CLATTN_Q] / sizeof(float); ++i) support_tensor(&c, CLATTN_Q)[i] = 1.0f;
    for (size_t i = 0; i < c.bytes[CLATTN_K] / sizeof(float); ++i)
      support_tensor(&c, CLATTN_K)[i] = i / (4 * 9) % 41 == 20 ? -100.0f : 0.0f;
    const clattn_check_report report = support_run(support_opened, &c, &options);
    assert_nan_shows_from(&c, 0, ways[w].name);
    assert_passed(&report, ways[w].name);
    support_free(&c);
  }
}

static void fully_masked_rows_are_zero(void **state) {
  (void)state;
  variant v = {.name = "a masked row", .problem = given(), .adjust = mask_a_row};
  set_mask(&v.problem, CLATTN_MASK_BOOL);
  for (size_t w = 0; w < way_count; ++w) {
    const clattn_plan_options options = options_of(&ways[w]);
    support_case c;
    allocate(&v, &c);
    const clattn_check_report report = support_run(support_opened, &c, &options);
    assert_passed(&report, ways[w].name);
    for (size_t pair = 0; pair < 2 * 4; ++pair) {
      const size_t row = pair * 37, token = pair / 4 * 37, head = pair % 4;
      assert_true(c.outputs.lse[row] == -INFINITY);
      for (size_t i = 0; i < 41 && c.outputs.weights != NULL; ++i) assert_true(c.outputs.weights[row * 41 + i] == 0.0f);
      for (size_t i = 0; i < 11; ++i) assert_true(c.outputs.context[(token * 4 + head) * 11 + i] == 0.0f);
    }
    support_free(&c);
  }
}

/* One of q, k and v with the strides of strided(). */
typedef struct laid {
  clattn_tensor tensor;
  size_t tokens, heads, dim;
  clattn_strides strides;
} laid;

/* The i-th element in the order (batch, tokens, heads, dim), found by its strides. */
static float *strided_element(support_case *c, const laid *l, size_t i) {
  const size_t column = i % l->dim, head = i / l->dim % l->heads, row = i / l->dim / l->heads % l->tokens;
  const size_t batch = i / l->dim / l->heads / l->tokens;
  return support_tensor(c, l->tensor) + batch * l->strides.batch + head * l->strides.head + row * l->strides.row +
         column;
}

/* The gaps hold NaN, which must not appear in q, k and v. */
static void strides(void **state) {
  (void)state;
  const variant v = {.name = "strides", .problem = strided()};
  const clattn_problem *p = &v.problem;
  const laid all[] = {
      {CLATTN_Q, 37, 4, 9, p->q_strides}, {CLATTN_K, 41, 2, 9, p->k_strides}, {CLATTN_V, 41, 2, 11, p->v_strides}};
  for (size_t w = 0; w < way_count; ++w) {
    const clattn_plan_options options = options_of(&ways[w]);
    support_case c;
    allocate(&v, &c);
    for (size_t t = 0; t < 3; ++t) memset(support_tensor(&c, all[t].tensor), 0xFF, c.bytes[all[t].tensor]);
    for (size_t t = 0; t < 3; ++t)
      for (size_t i = 0; i < 2 * all[t].tokens * all[t].heads * all[t].dim; ++i)
        *strided_element(&c, &all[t], i) = (float)(i * 37 % 101) / 50.0f - 1.0f;
    const clattn_check_report report = support_run(support_opened, &c, &options);
    assert_passed(&report, ways[w].name);
    for (size_t t = 0; t < 3; ++t)
      for (size_t i = 0; i < 2 * all[t].tokens * all[t].heads * all[t].dim; ++i)
        assert_true(c.given[t][i] == *strided_element(&c, &all[t], i));
    support_free(&c);
  }
}

/* ---- the reference ----------------------------------------------------------------------------------------------- */

static void assert_close(const float *a, const float *b, size_t count, const char *what) {
  for (size_t i = 0; i < count; ++i)
    if (a[i] != b[i] && !(fabsf(a[i] - b[i]) <= 1e-4f * (1.0f + fabsf(b[i]))))
      fail_msg("%s[%zu]: %.9g on the device, %.9g in the reference", what, i, (double)a[i], (double)b[i]);
}

static void compare_with_reference(const variant *v) {
  static const clattn_tensor compared[] = {CLATTN_X_POSITIONED, CLATTN_Q,       CLATTN_K,          CLATTN_V,
                                           CLATTN_PRODUCTS,     CLATTN_SCALED,  CLATTN_SOFTCAPPED, CLATTN_EXPS,
                                           CLATTN_WEIGHTS,      CLATTN_ROW_MAX, CLATTN_ROW_SUM,    CLATTN_LSE,
                                           CLATTN_CONTEXT,      CLATTN_OUTPUT};
  clattn_plan_options options = support_options();
  options.trace = true;
  support_case c, scalar;
  clattn_error error;
  allocate(v, &c);
  allocate(v, &scalar);
  support_run(support_opened, &c, &options);
  for (int t = CLATTN_Q; t < CLATTN_TENSOR_COUNT; ++t)
    if (support_is_traced((clattn_tensor)t) && scalar.bytes[t] > 0)
      clattn_outputs_set(&scalar.outputs, (clattn_tensor)t, support_tensor(&scalar, (clattn_tensor)t));
  assert_ok(clattn_reference_run(&v->problem, &scalar.inputs, &scalar.outputs, &error), &error);
  support_check_guards(&scalar);
  for (size_t i = 0; i < sizeof compared / sizeof compared[0]; ++i) {
    const bool wide = compared[i] != CLATTN_OUTPUT || v->problem.type == CLATTN_F32;
    const size_t elements = wide ? clattn_tensor_elements(&v->problem, compared[i]) : 0;
    char what[128];
    snprintf(what, sizeof what, "%s: %s", v->name, clattn_tensor_name(compared[i]));
    if (elements > 0)
      assert_close(clattn_outputs_get(&c.outputs, compared[i]), clattn_outputs_get(&scalar.outputs, compared[i]),
                   elements, what);
  }
  support_free(&c);
  support_free(&scalar);
}

static void reference(void **state) {
  (void)state;
  variant lengths = {.name = "key lengths", .problem = cross(), .lengths = {.key_lengths = some_lengths}};
  lengths.problem.lengths = CLATTN_LENGTHS_KEYS;
  compare_with_reference(&lengths);
  const variant strides_given = {.name = "strides", .problem = strided()};
  compare_with_reference(&strides_given);
  for (size_t i = 0; i < COMBINATIONS; ++i) {
    int32_t of_combination[4];
    const variant v = combination(i, 37, of_combination);
    compare_with_reference(&v);
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grouped_heads),
      cmocka_unit_test(cross_attention),
      cmocka_unit_test(causal_alignment),
      cmocka_unit_test(windows),
      cmocka_unit_test(softcap),
      cmocka_unit_test(alibi),
      cmocka_unit_test(sinks),
      cmocka_unit_test(float_mask),
      cmocka_unit_test(bool_mask),
      cmocka_unit_test(key_lengths),
      cmocka_unit_test(packed),
      cmocka_unit_test(sample_without_queries),
      cmocka_unit_test(biases),
      cmocka_unit_test(fused_weights),
      cmocka_unit_test(fused_groups),
      cmocka_unit_test(output_projection),
      cmocka_unit_test(given_qkv),
      cmocka_unit_test(repeated_by_strides),
      cmocka_unit_test(context_order),
      cmocka_unit_test(types),
      cmocka_unit_test(positions),
      cmocka_unit_test(rotary),
      cmocka_unit_test(together),
      cmocka_unit_test(together_larger),
      cmocka_unit_test(nan_at_masked_keys),
      cmocka_unit_test(nan_of_a_negligible_key_shows),
      cmocka_unit_test(fully_masked_rows_are_zero),
      cmocka_unit_test(strides),
      cmocka_unit_test(reference),
  };
  return support_run_group("features", tests, sizeof tests / sizeof tests[0], open_device, support_close, argc, argv);
}
