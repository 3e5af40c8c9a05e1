/* Stored arithmetic (CLATTN_MATH_STORED): the fused kernels that multiply halves, in their planned and in small tile
 * sizes, and those that multiply in a matrix unit, with the layout of every unit, halves and bfloat16s: shapes,
 * masks, heads, lengths, caches, projections that are stored, and numbers at the ends of half's range; and when a plan
 * keeps to floats.
 *
 * `half` runs on the default device, and skips what needs half arithmetic where that has none. `half-recorded` runs on
 * the recorder's device, which has it on every processor, and which reports work-items that race. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kernels/common/matrix_units.h"
#include "../kernels/common/parts.h"
#include "catalog/forms.h"
#include "plan/plan.h"
#include "support.h"

/* A kernel, and what it multiplies. */
typedef struct subject {
  char kernel[KERNEL_LIST_TEXT];
  clattn_type type;
  size_t half_addition;
} subject;

enum { SUBJECTS_MOST = 64 };

static bool multiplies_halves(const clattn_kernel *row) {
  return support_runs(row) && (row->forms & CLATTN_FORM_HALF_PRODUCTS) != 0;
}

static size_t half_kernels(subject all[SUBJECTS_MOST]) {
  static const kernel_filter filters[] = {{multiplies_halves, SIZES_SMALL}, {multiplies_halves, SIZES_PLANNED}};
  size_t count = 0;
  if (clattn_needs_met(CLATTN_NEEDS_HALF, clattn_device_get_info(support_opened), NULL) != CLATTN_OK) return 0;
  for (size_t f = 0; f < sizeof filters / sizeof filters[0]; ++f)
    for (size_t n = 0;
         count < SUBJECTS_MOST && kernel_list_stage(CLATTN_STAGE_FUSED, n, &filters[f], all[count].kernel); ++n) {
      all[count].type = CLATTN_F16;
      all[count].half_addition = HALF_CHAIN;
      count += support_is_wanted(all[count].kernel);
    }
  return count;
}

/* A kernel in turns with halves and with bfloat16s, and with other sizes than its neighbours: of 1 to 4 sub-groups,
 * whose queries pass through local memory together or not. */
static bool is_matrix_kernel(const char *name, int unit, int turn, const char *more, subject *s) {
  static const int sizes[][3] = {{2, 1, 16}, {1, 2, 32}, {4, 1, 32}, {2, 2, 64}}; /* sub-groups, row tiles, keys */
  const int *size = sizes[(unit + turn) % 4];
  snprintf(s->kernel, sizeof s->kernel, "fused=%s:MATRIX_UNIT=%d:SUB_GROUPS=%d:ROW_TILES=%d:BLOCK_KEYS=%d%s", name,
           unit, size[0], size[1], size[2], more);
  s->type = (unit + turn) % 2 == 0 ? CLATTN_F16 : CLATTN_BF16;
  s->half_addition = 0;
  return support_is_wanted(s->kernel);
}

/* A compiler takes seconds for each kernel. So a problem gets some of the units, in turns with each kernel and type,
 * and every second one a kernel with parts of the keys; the next problem goes on with the next unit. */
static size_t matrix_kernels(subject *all) {
  enum { UNITS = MATRIX_UNITS - 1, AT_A_TIME = 3 };
  static int turn = 0;
  size_t count = 0;
  ++turn;
  for (int i = 0; i < AT_A_TIME; ++i) {
    const int place = AT_A_TIME * turn + i;
    count += is_matrix_kernel(place / 2 % 2 == 0 ? "matrix" : "async", 1 + place % UNITS, place / 3, "", &all[count]);
  }
  if (turn % 2 == 0)
    count += is_matrix_kernel("matsplit", 1 + turn / 2 % UNITS, turn / 4, ":PART_KEYS=16", &all[count]);
  return count;
}

/* All of them. */
static size_t subjects(subject all[SUBJECTS_MOST]) {
  const size_t count = half_kernels(all);
  return count + matrix_kernels(all + count);
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

/* Runs and checks; the kernel must multiply what is stored. `adjust` changes the inputs. */
static void assert_right(const clattn_problem *given, const subject *of, void (*adjust)(support_case *c)) {
  clattn_problem p = *given;
  p.type = of->type;
  clattn_plan *plan = create(&p, of->kernel);
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  support_case c;
  assert_int_equal(half_addition(plan), of->half_addition);
  support_allocate(&c, &p, 5);
  if (adjust != NULL) adjust(&c);
  support_want(&c, plan);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  support_check_guards(&c);
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, of->kernel);
  support_assert_quiet(of->kernel);
  support_free(&c);
  clattn_plan_destroy(plan);
}

static void each_kernel(const clattn_problem *p, void (*adjust)(support_case *c)) {
  subject all[SUBJECTS_MOST];
  const size_t count = subjects(all);
  if (count == 0) skip();
  for (size_t i = 0; i < count; ++i) assert_right(p, &all[i], adjust);
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

/* Keys and values of a cache, which kernels read in place or are given as floats. */
static void caches(void **state) {
  (void)state;
  subject all[SUBJECTS_MOST];
  const size_t count = subjects(all);
  for (size_t i = 0; i < count; ++i)
    for (size_t page = 0; page < 2; ++page) {
      clattn_problem p = half_problem(3, 3, 24, 20);
      p.type = all[i].type;
      p.heads = 2;
      p.kv_heads = 1;
      p.causal = true;
      p.cache = (clattn_cache_layout){
          .capacity = 40, .type = p.type == CLATTN_F16 ? CLATTN_CACHE_F16 : CLATTN_CACHE_BF16, .page_len = page * 8};
      clattn_plan *plan = create(&p, all[i].kernel);
      clattn_cache *cache = NULL;
      clattn_error error;
      assert_int_equal(half_addition(plan), all[i].half_addition);
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
        assert_passed(&report, all[i].kernel);
        support_free(&c);
      }
      support_assert_quiet(all[i].kernel);
      clattn_cache_destroy(cache);
      clattn_plan_destroy(plan);
    }
}

/* ---- projected --------------------------------------------------------------------------------------------------- */

/* Self-attention: grouped queries, one bias. */
static void projected(clattn_problem *p) {
  p->query_len = p->key_len = 37;
  p->biases = CLATTN_BIAS_K;
  p->causal = true;
}

/* Cross attention in the other layout, every bias, and an output projection. */
static void projected_from_two(clattn_problem *p) {
  p->source = CLATTN_SOURCE_XKV;
  p->context_order = CLATTN_ORDER_TOKENS;
  p->kv_model_dim = 21;
  p->layout = CLATTN_LAYOUT_XWT;
  p->biases = CLATTN_BIAS_Q | CLATTN_BIAS_K | CLATTN_BIAS_V | CLATTN_BIAS_O;
  p->output_dim = 13;
}

/* One matrix for all, x with positions, and padded keys, of which one sequence has none. */
static void projected_by_one_matrix(clattn_problem *p) {
  p->batch = 3;
  p->query_len = p->key_len = 37;
  p->fused_qkv = true;
  p->biases = CLATTN_BIAS_Q | CLATTN_BIAS_K | CLATTN_BIAS_V;
  p->positions = CLATTN_POSITIONS_SINUSOIDAL;
  p->lengths = CLATTN_LENGTHS_KEYS;
}

/* The kernel of project that stores halves by default; one that only stores floats, which are converted; and one in a
 * matrix unit. */
static const struct {
  void (*set)(clattn_problem *p);
  void (*adjust)(support_case *c);
  const char *project;
} projections[] = {
    {projected, NULL, ""},
    {projected_from_two, NULL, ""},
    {projected_by_one_matrix, shorten, ",project=naive"},
    {projected_from_two, NULL, ",project=matrix:GROUPS_DOWN=1:GROUPS_ACROSS=1:GROUP_ROWS=16:GROUP_COLS=16"}};

/* All have the program of the fused kernel in common with each other, and with tests of given q, k and v. */
static clattn_problem projected_problem(clattn_type type, void (*set)(clattn_problem *p)) {
  clattn_problem p = half_problem(19, 37, 24, 20);
  p.source = CLATTN_SOURCE_X;
  p.order = CLATTN_ORDER_TOKENS;
  p.model_dim = 30;
  p.type = type;
  p.heads = 4;
  p.kv_heads = 2;
  set(&p);
  return p;
}

/* Whether each number is one of the type. */
static void assert_stored(support_case *c, clattn_tensor tensor) {
  const float *floats = support_tensor(c, tensor);
  for (size_t i = 0; i < c->bytes[tensor] / sizeof *floats; ++i) {
    uint16_t stored;
    float widened;
    clattn_narrow(c->problem.type, &floats[i], 1, &stored);
    clattn_widen(c->problem.type, &stored, 1, &widened);
    if (!(widened == floats[i])) fail_msg("%s has %.9g", clattn_tensor_name(tensor), (double)floats[i]);
  }
}

/* Runs once more for the output alone, which the fused kernel then stores itself. */
static void assert_same_output(clattn_plan *plan, support_case *c) {
  const size_t bytes = c->bytes[CLATTN_OUTPUT];
  unsigned char *output = malloc(bytes);
  const clattn_outputs outputs = {.size = sizeof outputs, .output = output};
  clattn_error error;
  assert_non_null(output);
  memset(output, 0xFF, bytes);
  assert_ok(clattn_plan_run(plan, &c->inputs, &outputs, NULL, &error), &error);
  assert_memory_equal(output, support_tensor(c, CLATTN_OUTPUT), bytes);
  free(output);
}

static void assert_projected(const subject *of, size_t i) {
  const clattn_problem p = projected_problem(of->type, projections[i].set);
  char kernels[2 * KERNEL_LIST_TEXT];
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  support_case c;
  snprintf(kernels, sizeof kernels, "%s%s", of->kernel, projections[i].project);
  clattn_plan *plan = create(&p, kernels);
  assert_int_equal(half_addition(plan), of->half_addition);
  support_allocate(&c, &p, 7);
  if (projections[i].adjust != NULL) projections[i].adjust(&c);
  support_want(&c, plan);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  support_check_guards(&c);
  for (clattn_tensor tensor = CLATTN_Q; tensor <= CLATTN_V; ++tensor) assert_stored(&c, tensor);
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, kernels);
  assert_same_output(plan, &c);
  support_assert_quiet(kernels);
  support_free(&c);
  clattn_plan_destroy(plan);
}

/* Projections leave q, k and v in the type in which the kernel multiplies them. */
static void projections_are_stored(void **state) {
  (void)state;
  static const struct {
    const char *name;
    clattn_type type;
    int unit;
    const char *more;
  } units[] = {
      {"matrix", CLATTN_F16, 1, ""}, {"async", CLATTN_BF16, 4, ""}, {"matsplit", CLATTN_F16, 5, ":PART_KEYS=16"}};
  enum { PROJECTIONS = sizeof projections / sizeof projections[0], UNITS = sizeof units / sizeof units[0] };
  subject all[SUBJECTS_MOST];
  const size_t halves = half_kernels(all);
  for (size_t k = 0; k < halves; k += support_is_long() ? 1 : 2) assert_projected(&all[k], k / 2 % PROJECTIONS);
  for (size_t u = 0; u < (halves > 0 && !support_is_long() ? 1 : UNITS); ++u) {
    subject s = {.type = units[u].type};
    snprintf(s.kernel, sizeof s.kernel, "fused=%s:MATRIX_UNIT=%d:SUB_GROUPS=1:BLOCK_KEYS=16%s", units[u].name,
             units[u].unit, units[u].more);
    for (size_t i = 0; i < PROJECTIONS && support_is_wanted(s.kernel); ++i)
      if (i % UNITS != u || support_is_long() || i == 0) assert_projected(&s, i);
  }
}

/* Memory is what a plan in floats has, less half of q, k and v. */
static void projections_take_half(void **state) {
  (void)state;
  const clattn_problem p = projected_problem(CLATTN_F16, projected_from_two);
  const size_t elements =
      clattn_output_bytes(&p, CLATTN_Q) + clattn_output_bytes(&p, CLATTN_K) + clattn_output_bytes(&p, CLATTN_V);
  clattn_plan_options options = support_options();
  options.pipeline = CLATTN_PIPELINE_FUSED;
  options.kernels = "fused=online";
  const uint64_t floats = support_plan_info(&p, &options).total_bytes;
  options.kernels = "fused=matrix";
  const clattn_plan_info stored = support_plan_info(&p, &options);
  assert_int_equal(stored.total_bytes, floats - elements / 2);
  options.kernels = "fused=matrix,project=naive"; /* which leaves floats, too */
  const clattn_plan_info both = support_plan_info(&p, &options);
  assert_int_equal(both.total_bytes, floats + elements / 2);
  const double converted = both.stages[CLATTN_STAGE_CONVERT].bytes - stored.stages[CLATTN_STAGE_CONVERT].bytes;
  assert_int_equal((size_t)converted, elements + elements / 2);
  const double written = both.stages[CLATTN_STAGE_PROJECT].bytes - stored.stages[CLATTN_STAGE_PROJECT].bytes;
  assert_int_equal((size_t)written, elements / 2);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static void multiply(support_case *c, clattn_tensor tensor, float factor) {
  uint16_t *stored = (uint16_t *)(void *)support_tensor(c, tensor);
  const size_t count = c->bytes[tensor] / sizeof *stored;
  float *floats = malloc(count * sizeof *floats);
  assert_non_null(floats);
  clattn_widen(c->problem.type, stored, count, floats);
  for (size_t i = 0; i < count; ++i) floats[i] = fmaxf(-60000.0f, fminf(60000.0f, floats[i] * factor));
  clattn_narrow(c->problem.type, floats, count, stored);
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

static void set(support_case *c, clattn_tensor tensor, size_t row, size_t column, float value) {
  const size_t dim = tensor == CLATTN_V ? c->problem.value_dim : c->problem.head_dim;
  clattn_narrow(c->problem.type, &value, 1, (uint16_t *)(void *)support_tensor(c, tensor) + row * dim + column);
}

static void large_in_one_tile(support_case *c) {
  set(c, CLATTN_K, 20, 3, 57344.0f);
  set(c, CLATTN_V, 33, 2, -57344.0f);
}

/* Few rows see these keys. */
static void not_finite(support_case *c) {
  set(c, CLATTN_K, 30, 1, NAN);
  set(c, CLATTN_V, 31, 0, NAN);
  set(c, CLATTN_V, 32, 1, INFINITY);
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

/* Some sums of the projection exceed 65504, and become infinite when they are stored as halves. */
static void large_projected_values(support_case *c) {
  multiply(c, CLATTN_X, 1000.0f);
  multiply(c, CLATTN_WQ, 0.001f);
  multiply(c, CLATTN_WK, 0.001f);
  multiply(c, CLATTN_WV, 40.0f);
}

static void large_projected_keys(support_case *c) {
  multiply(c, CLATTN_X, 1000.0f);
  multiply(c, CLATTN_WQ, 0.001f);
  multiply(c, CLATTN_WK, 40.0f);
  multiply(c, CLATTN_WV, 0.001f);
}

static size_t infinities_of(support_case *c, clattn_tensor tensor) {
  size_t count = 0;
  for (size_t i = 0; i < c->bytes[tensor] / sizeof(float); ++i) count += isinf(support_tensor(c, tensor)[i]);
  return count;
}

static void projections_beyond_the_range(void **state) {
  (void)state;
  const subject s = {"fused=matrix:MATRIX_UNIT=1:SUB_GROUPS=1:BLOCK_KEYS=16", CLATTN_F16, 0};
  clattn_problem p = projected_problem(CLATTN_F16, projected);
  p.biases = 0;
  for (int keys = 0; keys < 2; ++keys) {
    clattn_plan *plan = create(&p, s.kernel);
    clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
    clattn_error error;
    support_case c;
    support_allocate(&c, &p, 5);
    (keys ? large_projected_keys : large_projected_values)(&c);
    support_want(&c, plan);
    assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
    const clattn_tensor large = keys ? CLATTN_K : CLATTN_V;
    assert_in_range(infinities_of(&c, large), 1, c.bytes[large] / sizeof(float) / 2);
    assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
    assert_passed(&report, s.kernel);
    support_assert_quiet(s.kernel);
    support_free(&c);
    clattn_plan_destroy(plan);
  }
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
  subject all[SUBJECTS_MOST];
  const size_t count = half_kernels(all);
  if (count == 0) skip();
  enum { ELEMENTS = 19 * 24 };
  for (size_t i = 0; i < count; ++i) {
    clattn_problem p = half_problem(19, 37, 24, 24);
    uint16_t in_half[ELEMENTS], in_float[ELEMENTS];
    output_of(&p, all[i].kernel, HALF_CHAIN, in_half, sizeof in_half);
    p.math = CLATTN_MATH_FLOAT;
    output_of(&p, all[i].kernel, 0, in_float, sizeof in_float);
    assert_memory_not_equal(in_half, in_float, sizeof in_half);
    for (int other = 0; other < 3; ++other) {
      clattn_problem q = half_problem(19, 37, 24, 24);
      if (other == 0) q.type = CLATTN_BF16;
      if (other == 1) q.rotary = CLATTN_ROTARY_HALVES;
      if (other == 2) {
        q = support_problem(19, 8, 24);
        q.type = CLATTN_F16;
        q.math = CLATTN_MATH_STORED;
        q.rotary = CLATTN_ROTARY_HALVES;
      }
      output_of(&q, all[i].kernel, 0, in_half, sizeof in_half);
      q.math = CLATTN_MATH_FLOAT;
      output_of(&q, all[i].kernel, 0, in_float, sizeof in_float);
      assert_memory_equal(in_half, in_float, sizeof in_half);
    }
  }
}

/* A kernel that cannot multiply halves runs all the same. */
static void other_kernels_keep_to_floats(void **state) {
  (void)state;
  const clattn_problem p = half_problem(19, 37, 24, 24);
  uint16_t output[19 * 24], in_float[19 * 24];
  output_of(&p, "fused=online", 0, output, sizeof output);
  clattn_problem q = support_problem(19, 8, 24); /* projections then leave floats */
  q.type = CLATTN_F16;
  q.math = CLATTN_MATH_STORED;
  output_of(&q, "fused=online", 0, output, sizeof output);
  q.math = CLATTN_MATH_FLOAT;
  output_of(&q, "fused=online", 0, in_float, sizeof in_float);
  assert_memory_equal(output, in_float, sizeof output);
}

/* A plan takes a kernel that multiplies halves by itself where there is one, and tests it with what the projections
 * store; else everything is float. */
static void plans_store_projections_by_themselves(void **state) {
  (void)state;
  subject all[SUBJECTS_MOST];
  const clattn_device_info *device = clattn_device_get_info(support_opened);
  const bool halves = half_kernels(all) > 0 && device->native_float_width == 1;
  clattn_problem p = projected_problem(CLATTN_F16, projected);
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  clattn_plan *plan = NULL;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  support_case c;
  options.pipeline = CLATTN_PIPELINE_FUSED;
  if (!support_launches_in_pieces) options.self_test = CLATTN_SELF_TEST_NONE;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  assert_int_equal(half_addition(plan), halves ? HALF_CHAIN : 0);
  support_allocate(&c, &p, 7);
  support_want(&c, plan);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, "by itself");
  if (halves) assert_stored(&c, CLATTN_Q);
  support_free(&c);
  clattn_plan_destroy(plan);
}

/* ---- in a matrix unit -------------------------------------------------------------------------------------------- */

/* bfloat16s have the range of floats: sums of such values would leave it without headroom. */
static void enormous_values(support_case *c) {
  multiply(c, CLATTN_Q, 0.0f); /* equal scores */
  for (size_t key = 0; key < c->problem.key_len; ++key)
    for (size_t i = 0; i < c->problem.value_dim; ++i) set(c, CLATTN_V, key, i, i % 2 == 0 ? 3e38f : -3e38f);
}

static void enormous_bfloat16s(void **state) {
  (void)state;
  subject all[SUBJECTS_MOST];
  const size_t count = matrix_kernels(all);
  const clattn_problem p = half_problem(19, 37, 24, 20);
  for (size_t i = 0; i < count; ++i) {
    all[i].type = CLATTN_BF16;
    assert_right(&p, &all[i], enormous_values);
  }
}

static void refused(const clattn_problem *p) {
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_error error;
  options.pipeline = CLATTN_PIPELINE_FUSED;
  options.kernels = "fused=matrix";
  assert_int_equal(clattn_plan_create(support_opened, p, &options, &plan, &error), CLATTN_UNSUPPORTED);
  assert_says(&error, "all f16 or all bf16");
}

static void other_problems_are_refused(void **state) {
  (void)state;
  clattn_problem p = half_problem(19, 37, 24, 24);
  p.math = CLATTN_MATH_FLOAT;
  refused(&p);
  p.type = CLATTN_F32;
  refused(&p);
  p = half_problem(19, 37, 24, 24);
  p.rotary = CLATTN_ROTARY_HALVES;
  refused(&p);
  p.source = CLATTN_SOURCE_X;
  p.order = CLATTN_ORDER_TOKENS;
  p.query_len = p.key_len;
  p.model_dim = 8;
  refused(&p);
  p.rotary = CLATTN_ROTARY_NONE;
  p.cache = (clattn_cache_layout){.capacity = 40, .type = CLATTN_CACHE_F16};
  refused(&p);
  p = half_problem(19, 19, 24, 24);
  p.cache = (clattn_cache_layout){.capacity = 40, .type = CLATTN_CACHE_BF16};
  refused(&p);
  p.type = CLATTN_BF16;
  p.cache.type = CLATTN_CACHE_F32;
  refused(&p);
}

/* The bound knows that weights are rounded, and to what. */
static void weights_are_rounded(void **state) {
  (void)state;
  for (int type = CLATTN_F16; type <= CLATTN_BF16; ++type) {
    clattn_problem p = half_problem(19, 37, 24, 24);
    clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
    p.type = (clattn_type)type;
    clattn_plan *plan = create(&p, "fused=matrix"), *other = create(&p, "fused=online");
    assert_true(clattn_plan_get_info(plan, &info));
    assert_int_equal(info.stages[CLATTN_STAGE_FUSED].rounded_weights, type);
    assert_true(clattn_plan_get_info(other, &info));
    assert_int_equal(info.stages[CLATTN_STAGE_FUSED].rounded_weights, CLATTN_F32);
    clattn_plan_destroy(plan);
    clattn_plan_destroy(other);
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shapes),
      cmocka_unit_test(masks_and_heads),
      cmocka_unit_test(lengths),
      cmocka_unit_test(caches),
      cmocka_unit_test(ends_of_the_range),
      cmocka_unit_test(projections_are_stored),
      cmocka_unit_test(projections_take_half),
      cmocka_unit_test(projections_beyond_the_range),
      cmocka_unit_test(plans_store_projections_by_themselves),
      cmocka_unit_test(only_where_it_is_asked_for),
      cmocka_unit_test(other_kernels_keep_to_floats),
      cmocka_unit_test(enormous_bfloat16s),
      cmocka_unit_test(other_problems_are_refused),
      cmocka_unit_test(weights_are_rounded),
  };
  return support_run_group("half", tests, sizeof tests / sizeof tests[0], support_open, support_close, argc, argv);
}
