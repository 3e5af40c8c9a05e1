/* When a report warns that its times are unreliable; with made-up numbers. */
#include <math.h>
#include <string.h>

#include "cli/report/steady.h"
#include "support.h"

static repeats repeats_of(const double *seconds, size_t count) {
  repeats r = {.count = 0};
  for (size_t i = 0; i < count; ++i) repeats_add(&r, seconds[i]);
  return r;
}

static void assert_near(double got, double expected) {
  if (!(fabs(got - expected) <= 1e-9)) fail_msg("got %.12g, expected %.12g", got, expected);
}

static void spread_is_between_the_quarters(void **state) {
  (void)state;
  const repeats none = {.count = 0};
  assert_near(repeats_spread(&none), 0.0);
  assert_near(repeats_median(&none), 0.0);
  const double three[] = {3.0, 2.0, 4.0};
  repeats r = repeats_of(three, 3);
  assert_near(repeats_median(&r), 3.0);
  assert_near(repeats_spread(&r), 2.0 / 3.0);
  const double one_outlier[] = {1.0, 1.1, 1.0, 1.1, 9.0, 1.0, 1.1, 1.0};
  r = repeats_of(one_outlier, 8);
  assert_near(repeats_median(&r), 1.0);
  assert_near(repeats_spread(&r), 0.1);
}

static void more_runs_than_are_kept(void **state) {
  (void)state;
  repeats r = {.count = 0};
  for (int i = 0; i < 3 * STEADY_REPEATS; ++i) repeats_add(&r, i < 2 * STEADY_REPEATS ? 1.0 : 2.0);
  assert_near(repeats_median(&r), 2.0);
  assert_near(repeats_spread(&r), 0.0);
}

static void assert_text(const steadiness *s, const char *wanted) {
  char text[STEADY_TEXT];
  assert_int_equal(steady_text(s, text), wanted != NULL);
  assert_string_equal(text, wanted == NULL ? "" : wanted);
}

static void a_quiet_machine_is_not_complained_of(void **state) {
  (void)state;
  steadiness s = {0};
  assert_text(&s, NULL);
  steady_add_times(&s, "a", 0.3, 0.01, 20);
  steady_add_peak(&s, "reading", 100.0, 80.0);
  steady_add_peak(&s, "copying", 0.0, 80.0); /* not probed before */
  steady_add_share(&s, "a", 1.05);
  assert_text(&s, NULL);
}

static void each_sign_is_named(void **state) {
  (void)state;
  steadiness s = {0};
  steady_add_times(&s, "scores 3 column", 0.31, 0.01, 20);
  steady_add_times(&s, "scores 4 register", 0.305, 0.01, 20);
  assert_text(&s, "times vary by up to 31 % (scores 3 column); the machine was not idle: measure again");
  s = (steadiness){0};
  steady_add_peak(&s, "reading", 100.0, 90.0);
  steady_add_peak(&s, "multiply-add", 70.0, 100.0);
  assert_text(&s,
              "of two probes of multiply-add one reached 70 % of the other; the machine was not idle: measure again");
  s = (steadiness){0};
  steady_add_share(&s, "scores 6 panel", 1.4);
  steady_add_share(&s, "scores 5 wide", 1.2);
  assert_text(&s, "scores 6 panel is at 140 % of the measured peak; the machine was not idle: measure again");
}

static void what_cannot_be_judged_is_not(void **state) {
  (void)state;
  steadiness s = {0};
  steady_add_times(&s, "two runs", 5.0, 0.01, 2);
  steady_add_times(&s, "a short one", 5.0, 0.9e-3, 20);
  assert_text(&s, NULL);
}

static void all_signs_fit(void **state) {
  (void)state;
  char name[300], text[STEADY_TEXT];
  steadiness s = {0};
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  steady_add_times(&s, name, 1e9, 1.0, 9);
  steady_add_peak(&s, name, 1.0, 1e-9);
  steady_add_share(&s, name, 1e9);
  assert_true(steady_text(&s, text));
  assert_non_null(strstr(text, "; the machine was not idle: measure again"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spread_is_between_the_quarters),       cmocka_unit_test(more_runs_than_are_kept),
      cmocka_unit_test(a_quiet_machine_is_not_complained_of), cmocka_unit_test(each_sign_is_named),
      cmocka_unit_test(what_cannot_be_judged_is_not),         cmocka_unit_test(all_signs_fit),
  };
  return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
