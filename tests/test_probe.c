/* Probing the device's peaks: that they are numbers, and what is refused. How large they are is nobody's promise. */
#include <math.h>
#include <string.h>

#include "support.h"

static void assert_rate(clattn_rate rate) {
  assert_true(isfinite(rate.best) && isfinite(rate.worst));
  assert_true(rate.worst > 0.0 && rate.worst <= rate.best);
}

static void peaks(void **state) {
  (void)state;
  clattn_probe_options options = CLATTN_PROBE_OPTIONS_INIT;
  options.repeats = 2;
  clattn_peaks peaks;
  clattn_error error;
  const uint64_t sets[] = {65536, 1000001, 64 << 20}; /* also one that no chunk divides */
  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; ++i) {
    options.working_set = sets[i];
    assert_ok(clattn_device_probe(support_opened, &options, &peaks, &error), &error);
    assert_rate(peaks.multiply_add);
    assert_rate(peaks.read);
  }
}

static void multiply_add_alone(void **state) {
  (void)state;
  clattn_peaks peaks;
  clattn_error error;
  assert_ok(clattn_device_probe(support_opened, NULL, &peaks, &error), &error);
  assert_rate(peaks.multiply_add);
  assert_true(peaks.read.best == 0.0 && peaks.read.worst == 0.0);
}

static void refused(void **state) {
  (void)state;
  clattn_peaks peaks;
  clattn_error error;
  assert_int_equal(clattn_device_probe(NULL, NULL, &peaks, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_device_probe(support_opened, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "is NULL");
#define REFUSED(change, part)                                                                                          \
  do {                                                                                                                 \
    clattn_probe_options options = CLATTN_PROBE_OPTIONS_INIT;                                                          \
    change;                                                                                                            \
    assert_int_equal(clattn_device_probe(support_opened, &options, &peaks, &error), CLATTN_INVALID_ARGUMENT);          \
    assert_says(&error, part);                                                                                         \
  } while (0)
  REFUSED(options.size = 8, "CLATTN_PROBE_OPTIONS_INIT");
  REFUSED(options.repeats = 0, "repeats is 0");
  REFUSED(options.working_set = 5, "working_set is 5");
  REFUSED(options.working_set = UINT64_MAX, "working_set is 18446744073709551615");
#undef REFUSED
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(peaks),
      cmocka_unit_test(multiply_add_alone),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests(tests, support_open, support_close);
}
