/* Finds where two lines of time over length cross. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/compare/comparison.h"
#include "support.h"

static const double lengths[] = {16, 32, 64, 128, 256};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

static void assert_near(double got, double expected) {
  if (!(fabs(got - expected) <= 1e-9 * expected)) fail_msg("got %.12g, expected %.12g", got, expected);
}

/* Times that grow with the length, and constant times: they cross between two lengths, where the
 * formula says. */
static void crosses_where_the_lines_meet(void **state) {
  (void)state;
  double growing[LENGTHS], level[LENGTHS];
  for (int i = 0; i < LENGTHS; ++i) {
    growing[i] = lengths[i] * 1e-3;
    level[i] = 0.09;
  }
  crossing c = crossing_of(lengths, level, growing, LENGTHS);
  assert_int_equal(c.kind, CROSSING_FROM);
  assert_near(c.length, 90.0);
  assert_near(c.seconds, 0.09);
  assert_near(c.last, 256.0);
  assert_int_equal(c.changes, 1);
  c = crossing_of(lengths, growing, level, LENGTHS);
  assert_int_equal(c.kind, CROSSING_UNTIL);
  assert_near(c.length, 90.0);
}

/* Powers of the length are straight lines on two logarithmic axes: 2 n^2 and 200 n cross at 100. */
static void both_axes_are_logarithmic(void **state) {
  (void)state;
  double square[LENGTHS], linear[LENGTHS];
  for (int i = 0; i < LENGTHS; ++i) {
    square[i] = 2.0 * lengths[i] * lengths[i];
    linear[i] = 200.0 * lengths[i];
  }
  const crossing c = crossing_of(lengths, linear, square, LENGTHS);
  assert_int_equal(c.kind, CROSSING_FROM);
  assert_near(c.length, 100.0);
  assert_near(c.seconds, 20000.0);
}

static void always_and_never(void **state) {
  (void)state;
  static const double fast[] = {1, 2, 3, 4, 5}, slow[] = {2, 3, 4, 5, 6};
  assert_int_equal(crossing_of(lengths, fast, slow, LENGTHS).kind, CROSSING_ALWAYS);
  const crossing c = crossing_of(lengths, slow, fast, LENGTHS);
  assert_int_equal(c.kind, CROSSING_NEVER);
  assert_int_equal(c.changes, 0);
  assert_near(c.last, 256.0);
}

/* Equal times do not count as faster, so of two equal lines neither overtakes the other. */
static void ties(void **state) {
  (void)state;
  static const double same[] = {1, 2, 3, 4, 5}, touches[] = {2, 3, 3, 5, 6};
  assert_int_equal(crossing_of(lengths, same, same, LENGTHS).kind, CROSSING_NEVER);
  const crossing c = crossing_of(lengths, same, touches, LENGTHS);
  assert_int_equal(c.kind, CROSSING_FROM);
  assert_int_equal(c.changes, 2);
  assert_near(c.length, 64.0); /* where they touch */
}

/* A length without a time for one of them is ignored. */
static void gaps(void **state) {
  (void)state;
  static const double one[] = {4, 0, 4, 4, 0}, other[] = {2, 9, 8, 16, 32}, none[] = {0, 0, 0, 0, 1};
  crossing c = crossing_of(lengths, one, other, LENGTHS);
  assert_int_equal(c.kind, CROSSING_FROM);
  assert_near(c.length, 32.0); /* from half at 16 to double at 64 */
  assert_near(c.last, 128.0);
  assert_int_equal(crossing_of(lengths, one, none, LENGTHS).kind, CROSSING_UNKNOWN);
  assert_int_equal(crossing_of(lengths, one, other, 0).kind, CROSSING_UNKNOWN);
}

/* Reports the last crossing and the number of crossings. */
static void back_and_forth(void **state) {
  (void)state;
  static const double one[] = {1, 4, 1, 4, 4}, other[] = {2, 2, 2, 2, 2};
  const crossing c = crossing_of(lengths, one, other, LENGTHS);
  assert_int_equal(c.kind, CROSSING_UNTIL);
  assert_int_equal(c.changes, 3);
  assert_near(c.length, sqrt(64.0 * 128.0));
}

/* A chart marks every crossing, not only the last. */
static void every_change_is_found(void **state) {
  (void)state;
  static const double times[LENGTHS][3] = {{1, 2, 9}, {4, 2, 9}, {1, 2, 9}, {4, 2, 9}, {4, 2, 3}};
  size_t length[LENGTHS];
  result all[LENGTHS * 3];
  memset(all, 0, sizeof all);
  for (size_t n = 0; n < LENGTHS; ++n) {
    length[n] = (size_t)lengths[n];
    for (size_t i = 0; i < 3; ++i) {
      all[n * 3 + i].state = RESULT_TIMED;
      all[n * 3 + i].total = times[n][i];
    }
  }
  const comparison c = {.contestants = 3, .length = length, .lengths = LENGTHS, .result = all};
  size_t count = 0;
  crossing *found = comparison_crossings(&c, &count);
  assert_non_null(found);
  assert_int_equal(count, 4);
  assert_near(found[0].length, sqrt(16.0 * 32.0));
  assert_near(found[1].length, sqrt(32.0 * 64.0));
  assert_near(found[2].length, sqrt(64.0 * 128.0));
  assert_true(found[3].length > 128.0 && found[3].length < 256.0); /* 1 and 3 */
  free(found);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crosses_where_the_lines_meet),
      cmocka_unit_test(both_axes_are_logarithmic),
      cmocka_unit_test(always_and_never),
      cmocka_unit_test(ties),
      cmocka_unit_test(gaps),
      cmocka_unit_test(back_and_forth),
      cmocka_unit_test(every_change_is_found),
  };
  return cmocka_run_group_tests_name("crossing", tests, NULL, NULL);
}
