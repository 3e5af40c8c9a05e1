/* The probe of the device's peaks: results are finite numbers, invalid options are refused, and a
 * probe that does less work than it claims is detected. The size of the results is not tested. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/probe.h"
#include "support.h"

#include "../kernels/common/matrix_units.h"

static void assert_rate(clattn_rate rate) {
  assert_true(isfinite(rate.best) && isfinite(rate.worst));
  assert_true(rate.worst > 0.0 && rate.worst <= rate.best);
}

static void peaks(void **state) {
  (void)state;
  clattn_probe_options options = CLATTN_PROBE_OPTIONS_INIT;
  options.repeats = 1;
  clattn_peaks peaks = CLATTN_PEAKS_INIT;
  clattn_error error;
  const uint64_t sets[] = {65536, 1000001, 64 << 20}; /* including one that no chunk size divides */
  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; ++i) {
    options.working_set = sets[i];
    assert_ok(clattn_device_probe(support_opened, &options, &peaks, &error), &error);
    assert_rate(peaks.multiply_add);
    assert_rate(peaks.read);
    assert_rate(peaks.copy);
    assert_rate(peaks.strided);
    assert_rate(peaks.local);
  }
}

static void only_multiply_add(void **state) {
  (void)state;
  clattn_peaks peaks = CLATTN_PEAKS_INIT;
  clattn_error error;
  assert_ok(clattn_device_probe(support_opened, NULL, &peaks, &error), &error);
  assert_rate(peaks.multiply_add);
  assert_true(peaks.read.best == 0.0 && peaks.read.worst == 0.0);
  assert_true(peaks.matrix_f16.best == 0.0 && peaks.matrix_bf16.best == 0.0);
  assert_true(peaks.copy.best == 0.0 && peaks.strided.best == 0.0 && peaks.local.best == 0.0);
}

/* No device of a CPU has a matrix unit; in plain OpenCL C each is probed all the same. */
static void matrix_units(void **state) {
  (void)state;
  clattn_probe_options options = CLATTN_PROBE_OPTIONS_INIT;
  options.working_set = 0;
  options.repeats = 1;
  static const clattn_matrix_form forms[] = {{MATRIX_MMA_16, CLATTN_F16, true}, /* one of each vendor's */
                                             {MATRIX_DPAS_16, CLATTN_BF16, true},
                                             {MATRIX_WMMA_11, CLATTN_F16, true},
                                             {MATRIX_MFMA, CLATTN_BF16, true}};
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; ++i) {
    clattn_probe probe;
    clattn_rate rate;
    clattn_error error;
    assert_ok(clattn_probe_open_matrix(support_opened, &forms[i], &options, &probe, &rate, &error), &error);
    assert_rate(rate);
    clattn_probe_close(&probe);
  }
}

/* Leaves out work, as an optimising compiler might. */
#define FOLDER "broken_probes"
static const struct {
  clattn_probe_kind kind;
  const char *file, *find, *replace;
} broken[] = {
    {CLATTN_PROBE_MULTIPLY_ADD, "probe/multiply_add.cl", "round < rounds", "round < rounds / 2"},
    {CLATTN_PROBE_TILE, "probe/tile.cl", "round < terms", "round < terms / 2"},
    {CLATTN_PROBE_TILE, "probe/tile.cl", "r < ROWS; ++r)", "r < ROWS - 1; ++r)"},
    {CLATTN_PROBE_MATRIX_F16, "probe/matrix_rate.cl", "round < rounds", "round < rounds / 2"},
    {CLATTN_PROBE_MATRIX_F16, "probe/matrix_rate.cl", "c < CHAINS; ++c) multiply", "c < CHAINS - 1; ++c) multiply"},
    {CLATTN_PROBE_READ, "probe/read.cl", "pass < passes", "pass < passes / 2"},
    {CLATTN_PROBE_COPY, "probe/copy.cl", "pass < passes", "pass < passes / 2"},
    {CLATTN_PROBE_COPY, "probe/copy.cl", "= mine", "= 0.0f * mine"},
    {CLATTN_PROBE_STRIDED, "probe/strided.cl", "step < LINE", "step < LINE - 1"},
    {CLATTN_PROBE_PAIR, "probe/pair.cl", "add_strip(values", "if (pass > 0) add_strip(values"},
    {CLATTN_PROBE_LOCAL, "probe/local.cl", "c < CHAINS; ++c) sum[c] += ", "c < CHAINS - 1; ++c) sum[c] += "},
};

static void idle_probes_are_found_out(void **state) {
  (void)state;
  clattn_probe_options options = CLATTN_PROBE_OPTIONS_INIT;
  options.working_set = 65536;
  options.repeats = 1;
  options.kernel_dir = FOLDER;
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; ++i) {
    clattn_probe probe;
    clattn_rate rate;
    clattn_error error;
    support_copy_kernels(FOLDER);
    support_break_kernel(FOLDER, broken[i].file, broken[i].find, broken[i].replace);
    const clattn_matrix_form unit = {.unit = MATRIX_MMA_16, .type = CLATTN_F16, .software = true};
    const clattn_status status =
        clattn_probe_needs_unit(broken[i].kind)
            ? clattn_probe_open_matrix(support_opened, &unit, &options, &probe, &rate, &error)
            : clattn_probe_open(support_opened, broken[i].kind, &options, &probe, &rate, &error);
    assert_int_equal(status, CLATTN_BUILD_FAILED);
    clattn_probe_close(&probe);
    assert_says(&error, broken[i].file);
    assert_says(&error, "means nothing");
  }
  assert_int_equal(system("rm -rf " FOLDER), 0);
}

static void refused(void **state) {
  (void)state;
  clattn_peaks peaks = CLATTN_PEAKS_INIT;
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
      cmocka_unit_test(peaks),        cmocka_unit_test(only_multiply_add),
      cmocka_unit_test(matrix_units), cmocka_unit_test(idle_probes_are_found_out),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests(tests, support_open, support_close);
}
