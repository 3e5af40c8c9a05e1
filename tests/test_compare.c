/* The gates of the check: what must pass, and what must fail. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "check/compare.h"
#include "support.h"

static clattn_comparison compare_one(float got, double expected, double bound) {
  clattn_comparison c = {.check = {.tensor = CLATTN_Q}};
  const size_t index[3] = {1, 2, 3};
  const clattn_element element = {got, expected, (float)expected, bound, fabs(expected)};
  clattn_compare(&c, index, 3, &element);
  clattn_comparison_finish(&c);
  return c;
}

static void within_and_beyond(void **state) {
  (void)state;
  assert_int_equal(compare_one(1.0f, 1.0, 1e-6).check.failed, 0);
  assert_true(compare_one(1.0f, 1.0, 1e-6).check.passed);
  const clattn_comparison c = compare_one(1.001f, 1.0, 1e-6);
  assert_int_equal(c.check.failed, 1);
  assert_false(c.check.passed);
  assert_int_equal(c.check.worst_index[2], 3);
  assert_true(c.check.ratio > 900.0 && c.check.ratio < 1100.0);
}

static void nan_never_passes(void **state) {
  (void)state;
  assert_false(compare_one(NAN, 1.0, 1e-6).check.passed);
  assert_false(compare_one(NAN, 1.0, INFINITY).check.passed);
  assert_false(compare_one(1.0f, NAN, 1e-6).check.passed);
  assert_true(compare_one(NAN, NAN, 1e-6).check.passed);
  assert_false(compare_one(1.0f, 1.0, NAN).check.passed);
}

static void infinities_in_their_place(void **state) {
  (void)state;
  assert_true(compare_one(-INFINITY, -(double)INFINITY, 1e-6).check.passed);
  assert_false(compare_one(INFINITY, -(double)INFINITY, 1e-6).check.passed);
  assert_false(compare_one(-FLT_MAX, -(double)INFINITY, 1e-6).check.passed);
  assert_false(compare_one(INFINITY, 1.0, 1e-6).check.passed);
  assert_true(compare_one(INFINITY, 2.0 * (double)FLT_MAX, 1.0).check.passed); /* does not fit in a float */
  assert_false(compare_one(-INFINITY, 2.0 * (double)FLT_MAX, 1.0).check.passed);
}

/* 0 * Inf and tiny * Inf: a device may give either NaN or infinity. */
static void either_nan_or_infinity(void **state) {
  (void)state;
  assert_true(compare_one(NAN, INFINITY, CLATTN_NOT_FINITE).check.passed);
  assert_true(compare_one(INFINITY, NAN, CLATTN_NOT_FINITE).check.passed);
  assert_false(compare_one(FLT_MAX, INFINITY, CLATTN_NOT_FINITE).check.passed);
  assert_false(compare_one(0.0f, NAN, CLATTN_NOT_FINITE).check.passed);
}

/* For a masked key, or one whose weight underflows even in double. */
static void a_bound_of_nothing(void **state) {
  (void)state;
  assert_true(compare_one(0.0f, 0.0, 0.0).check.passed);
  assert_true(compare_one(-0.0f, 0.0, 0.0).check.passed);
  assert_false(compare_one(1e-45f, 0.0, 0.0).check.passed);
  assert_false(compare_one(NAN, 0.0, 0.0).check.passed);
}

static void nothing_compared_is_no_pass(void **state) {
  (void)state;
  clattn_comparison c = {.check = {.tensor = CLATTN_Q}};
  clattn_comparison_finish(&c);
  assert_false(c.check.passed);
}

/* Within gate 1's bound, but far worse than the reference in float: gate 2 must catch it. */
static void gate_two(void **state) {
  (void)state;
  clattn_comparison c = {.check = {.tensor = CLATTN_Q}};
  const size_t index[3] = {0, 0, 0};
  for (int i = 0; i < 100; ++i) {
    const double expected = 1.0 + 0.01 * i;
    const clattn_element element = {(float)(expected + 1e-4), expected, (float)expected, 1.0, expected};
    clattn_compare(&c, index, 3, &element);
  }
  clattn_comparison_finish(&c);
  assert_int_equal(c.check.failed, 0);
  assert_false(c.check.passed);
  assert_true(c.check.largest_error > c.check.allowed_error);
}

static void bounds_grow_with_what_they_should(void **state) {
  (void)state;
  assert_true(clattn_bound_product(2.0, 64, 64) > clattn_bound_product(1.0, 64, 64));
  assert_true(clattn_bound_product(1.0, 256, 64) > clattn_bound_product(1.0, 64, 64));
  assert_true(clattn_bound_product(1.0, 64, 640) > clattn_bound_product(1.0, 64, 64));
  assert_true(clattn_bound_product(0.0, 64, 64) > 0.0); /* a device may flush it to 0 */
  assert_true(clattn_bound_weight(0.5, 100.0, 64, 64) > clattn_bound_weight(0.5, 1.0, 64, 64));
  /* A weight can lose little more than its own value, and no more than devices flush to 0. */
  assert_true(clattn_bound_weight(0.0, 100.0, 64, 64) == 0.0);
  assert_true(clattn_bound_exp(0.0, 1000.0) == 0.0);
  assert_true(clattn_bound_weight(1e-44, 100.0, 64, 64) < 5e-44);
  assert_true(clattn_bound_weight(1e-37, 1.0, 64, 64) < 1.3e-38);
  /* 2^-24 (8 + 2 sqrt 64 + 63 / 3) = 45 u, and 2^-24 / 2 (16 + 16 + 21 + 4) = 28.5 u */
  assert_true(fabs(clattn_bound_product(1.0, 64, 63) * 16777216.0 - 45.0) < 1e-9);
  assert_true(fabs(clattn_bound_weight(0.5, 1.0, 64, 63) * 16777216.0 - 28.5) < 1e-9);
}

static void sample_has_the_ends(void **state) {
  (void)state;
  clattn_problem problem = support_problem(1000, 64, 16);
  problem.heads = 12;
  clattn_rows *rows = NULL;
  clattn_error error;
  assert_ok(clattn_rows_choose(&problem, 1e7, 5, &rows, &error), &error);
  assert_true(rows->count >= 8 && rows->count < 12000);
  assert_int_equal(rows->row[0], 0);
  assert_int_equal(rows->row[rows->count - 1], 11999);
  for (size_t i = 1; i < rows->count; ++i) assert_true(rows->row[i] > rows->row[i - 1]);
  clattn_rows_destroy(rows);
  assert_ok(clattn_rows_choose(&problem, 1e12, 5, &rows, &error), &error);
  assert_int_equal(rows->count, 12000);
  for (size_t i = 0; i < rows->count; ++i) assert_int_equal(rows->row[i], i);
  clattn_rows_destroy(rows);
  clattn_rows_destroy(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(within_and_beyond),
      cmocka_unit_test(nan_never_passes),
      cmocka_unit_test(infinities_in_their_place),
      cmocka_unit_test(either_nan_or_infinity),
      cmocka_unit_test(a_bound_of_nothing),
      cmocka_unit_test(nothing_compared_is_no_pass),
      cmocka_unit_test(gate_two),
      cmocka_unit_test(bounds_grow_with_what_they_should),
      cmocka_unit_test(sample_has_the_ends),
  };
  return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
