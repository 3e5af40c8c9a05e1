/* Projections in a matrix unit (kernels/project/8_matrix.cl): every unit, with each of the types that decide how many
 * numbers a float is split into; and numbers that no such split computes, with every kernel of project.
 *
 * `project` runs on the default device. `project-recorded` runs on the recorder's device, which reports work-items that
 * race. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "../kernels/common/matrix_units.h"
#include "catalog/matrix.h"
#include "support.h"

/* Of all sizes a part of a tile is left. */
static clattn_problem problem_of(clattn_type type) {
  clattn_problem p = support_problem(37, 45, 21);
  p.kv_heads = 1;
  p.heads = 2;
  p.output_dim = 19;
  p.biases = CLATTN_BIAS_Q | CLATTN_BIAS_V | CLATTN_BIAS_O;
  p.type = type;
  return p;
}

/* Fails unless q, k, v and the output are right, whatever becomes of the scores. */
static void assert_projected(const clattn_check_report *report, const char *kernels) {
  size_t judged = 0;
  for (size_t i = 0; i < report->count; ++i) {
    const clattn_tensor_check *check = &report->check[i];
    const clattn_tensor tensor = check->tensor;
    if (tensor != CLATTN_Q && tensor != CLATTN_K && tensor != CLATTN_V && tensor != CLATTN_OUTPUT) continue;
    ++judged;
    if (!check->passed) assert_passed(report, kernels);
  }
  assert_int_equal(judged, 4);
}

static clattn_plan *create(const clattn_problem *p, const char *kernels) {
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_error error;
  options.pipeline = CLATTN_PIPELINE_STAGED;
  options.kernels = kernels;
  if (!support_launches_in_pieces) options.self_test = CLATTN_SELF_TEST_NONE;
  assert_ok(clattn_plan_create(support_opened, p, &options, &plan, &error), &error);
  return plan;
}

/* Runs and checks. `adjust` changes the inputs; NULL: they stay. */
static void run(clattn_plan *plan, const clattn_problem *p, const char *kernels, void (*adjust)(support_case *c)) {
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  support_case c;
  support_allocate(&c, p, 11);
  if (adjust != NULL) adjust(&c);
  support_want(&c, plan);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  support_check_guards(&c);
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_projected(&report, kernels);
  support_assert_quiet(kernels);
  support_free(&c);
}

static void assert_right(const clattn_problem *p, const char *kernels, void (*adjust)(support_case *c)) {
  if (!support_is_wanted(kernels)) return;
  clattn_plan *plan = create(p, kernels);
  run(plan, p, kernels, adjust);
  clattn_plan_destroy(plan);
}

/* The unit with sizes by turns: of 1 or 2 sub-groups, side by side or one below the other. */
static void write_unit(int unit, char kernels[KERNEL_LIST_TEXT]) {
  static const char *const sizes[] = {"GROUPS_DOWN=1:GROUPS_ACROSS=2:GROUP_ROWS=32:GROUP_COLS=16:TILE_DEPTH=16",
                                      "GROUPS_DOWN=2:GROUPS_ACROSS=1:GROUP_ROWS=16:GROUP_COLS=32:TILE_DEPTH=32",
                                      "GROUPS_DOWN=1:GROUPS_ACROSS=1:GROUP_ROWS=16:GROUP_COLS=16:TILE_DEPTH=64"};
  const char *size = sizes[unit % 3];
  snprintf(kernels, KERNEL_LIST_TEXT, "project=matrix:MATRIX_UNIT=%d:%s,output=matrix:MATRIX_UNIT=%d:%s", unit, size,
           unit, size);
}

/* ---- units and types --------------------------------------------------------------------------------------------- */

static void units(void **state) {
  (void)state;
  for (int unit = 1; unit < MATRIX_UNITS; ++unit) {
    char kernels[KERNEL_LIST_TEXT];
    clattn_problem p = problem_of(CLATTN_F32);
    p.layout = unit % 2 ? CLATTN_LAYOUT_XWT : CLATTN_LAYOUT_XW; /* as they are numbered, both for each vendor */
    write_unit(unit, kernels);
    assert_right(&p, kernels, NULL);
  }
}

/* What is multiplied, and how many parts x and w of q, k and v have, and context and w of the output. */
static const struct {
  const char *name;
  clattn_type type;
  clattn_positions positions;
  clattn_type project, output;
  clattn_matrix_parts projected, put_out;
} forms[] = {
    {"f32", CLATTN_F32, CLATTN_POSITIONS_NONE, CLATTN_BF16, CLATTN_BF16, {3, 3}, {3, 3}},
    {"f16", CLATTN_F16, CLATTN_POSITIONS_NONE, CLATTN_F16, CLATTN_BF16, {1, 1}, {3, 2}},
    {"f16, positions", CLATTN_F16, CLATTN_POSITIONS_SINUSOIDAL, CLATTN_BF16, CLATTN_BF16, {3, 2}, {3, 2}},
    {"bf16", CLATTN_BF16, CLATTN_POSITIONS_NONE, CLATTN_BF16, CLATTN_BF16, {1, 1}, {3, 1}},
    {"bf16, positions", CLATTN_BF16, CLATTN_POSITIONS_SINUSOIDAL, CLATTN_BF16, CLATTN_BF16, {3, 1}, {3, 1}},
};

static void assert_parts(clattn_matrix_parts got, clattn_matrix_parts expected, const char *name) {
  if (got.x != expected.x || got.w != expected.w)
    fail_msg("%s: %d and %d parts instead of %d and %d", name, got.x, got.w, expected.x, expected.w);
}

static void types(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; ++i) {
    char kernels[KERNEL_LIST_TEXT];
    clattn_problem p = problem_of(forms[i].type);
    p.positions = forms[i].positions;
    assert_int_equal(clattn_matrix_type_of(&p, CLATTN_STAGE_PROJECT), forms[i].project);
    assert_int_equal(clattn_matrix_type_of(&p, CLATTN_STAGE_OUTPUT), forms[i].output);
    assert_parts(clattn_matrix_parts_of(&p, CLATTN_STAGE_PROJECT), forms[i].projected, forms[i].name);
    assert_parts(clattn_matrix_parts_of(&p, CLATTN_STAGE_OUTPUT), forms[i].put_out, forms[i].name);
    write_unit(MATRIX_MMA_16 + (int)i % 2, kernels);
    assert_right(&p, kernels, NULL);
  }
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static float *x_of(support_case *c, size_t row) {
  return support_tensor(c, CLATTN_X) + row * c->problem.model_dim;
}

static float *wq_of(support_case *c, size_t term) {
  return support_tensor(c, CLATTN_WQ) + term * c->problem.heads * c->problem.head_dim;
}

/* Each not finite number meets finite ones, 0 and other ones that are not. */
static void not_finite(support_case *c) {
  x_of(c, 1)[3] = NAN;
  x_of(c, 2)[40] = INFINITY;
  x_of(c, 3)[7] = -INFINITY;
  x_of(c, 3)[40] = INFINITY;
  x_of(c, 4)[5] = 0.0f;
  wq_of(c, 5)[6] = INFINITY;
  wq_of(c, 40)[7] = 0.0f;
  wq_of(c, 40)[8] = -INFINITY;
  wq_of(c, 44)[9] = NAN;
}

/* The nearest bfloat16 of the largest float is infinite, and so is a product of bfloat16s where that of the floats is
 * not. */
static void largest(support_case *c) {
  const float below_2 = 2.0f - FLT_EPSILON;
  for (size_t k = 0; k < c->problem.model_dim; ++k) x_of(c, 1)[k] = x_of(c, 2)[k] = 0.0f;
  x_of(c, 1)[2] = FLT_MAX;
  wq_of(c, 2)[1] = 0.5f;
  x_of(c, 2)[33] = below_2 * 0x1p63f;
  wq_of(c, 33)[1] = 0x1p63f;
  x_of(c, 3)[2] = -FLT_MAX;
}

/* Numbers whose smaller parts are below 2^-126, times such that their products count. */
static void smallest(support_case *c) {
  const float third = 1.0f / 3.0f;
  for (size_t k = 0; k < c->problem.model_dim; ++k) {
    x_of(c, 1)[k] = third * 0x1p-110f * (float)(k + 1);
    x_of(c, 2)[k] = third * 0x1p-60f;
    for (size_t column = 0; column < 4; ++column)
      wq_of(c, k)[column] = column % 2 == 0 ? third * 0x1p+100f : third * 0x1p-66f;
  }
}

/* All terms alike, and a sum that cancels: what is lost in each step would add up, or show. */
static void alike(support_case *c) {
  for (size_t k = 0; k < c->problem.model_dim; ++k) {
    x_of(c, 0)[k] = 1.0f / 3.0f;
    x_of(c, 1)[k] = k % 2 == 0 ? 1.0f / 3.0f : -1.0f / 3.0f;
    for (size_t column = 0; column < 8; ++column) wq_of(c, k)[column] = 0.7f;
  }
}

static void run_all(const clattn_problem *p, const char *kernels, void (*const adjusts[])(support_case *c),
                    size_t count) {
  if (!support_is_wanted(kernels)) return;
  clattn_plan *plan = create(p, kernels);
  for (size_t i = 0; i < count; ++i) run(plan, p, kernels, adjusts[i]);
  clattn_plan_destroy(plan);
}

static void ends_of_floats(void **state) {
  (void)state;
  static const kernel_filter all = {support_runs, SIZES_PLANNED};
  static void (*const adjusts[])(support_case * c) = {not_finite, largest, smallest, alike};
  const clattn_problem p = problem_of(CLATTN_F32);
  char kernels[KERNEL_LIST_TEXT];
  for (size_t n = 0; kernel_list_stage(CLATTN_STAGE_PROJECT, n, &all, kernels); ++n)
    run_all(&p, kernels, adjusts, sizeof adjusts / sizeof adjusts[0]);
  write_unit(MATRIX_MMA_16, kernels); /* lists leave kernels for matrix units out */
  run_all(&p, kernels, adjusts, sizeof adjusts / sizeof adjusts[0]);
}

/* In halves and bfloat16s that are multiplied as they are, infinities and subnormal numbers. */
static void set_stored(support_case *c, clattn_tensor tensor, size_t i, uint16_t bits) {
  ((uint16_t *)(void *)support_tensor(c, tensor))[i] = bits;
}

static void stored_ends(support_case *c) {
  const bool half = c->problem.type == CLATTN_F16;
  const size_t row = c->problem.model_dim, columns = c->problem.heads * c->problem.head_dim;
  const uint16_t infinity = half ? 0x7C00 : 0x7F80, large = half ? 0x7BFF : 0x7F7F;
  set_stored(c, CLATTN_X, row + 3, infinity);
  set_stored(c, CLATTN_WQ, 3 * columns + 1, 0);
  set_stored(c, CLATTN_WQ, 4 * columns + 2, infinity + 1); /* NaN */
  set_stored(c, CLATTN_X, 2 * row + 5, 0x0001);
  set_stored(c, CLATTN_WQ, 5 * columns + 3, large);
}

static void ends_of_stored_types(void **state) {
  (void)state;
  char kernels[KERNEL_LIST_TEXT];
  write_unit(MATRIX_MMA_16, kernels);
  for (int type = CLATTN_F16; type <= CLATTN_BF16; ++type) {
    const clattn_problem p = problem_of((clattn_type)type);
    assert_right(&p, kernels, stored_ends);
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(units),
      cmocka_unit_test(types),
      cmocka_unit_test(ends_of_floats),
      cmocka_unit_test(ends_of_stored_types),
  };
  return support_run_group("project", tests, sizeof tests / sizeof tests[0], support_open, support_close, argc, argv);
}
