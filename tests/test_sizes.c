/* Structs that begin with their size, of every size that the library accepts, and of some that it does not: what a
 * shorter one lacks has its initial value, nothing past its end is read or written. */
#define CL_TARGET_OPENCL_VERSION 120

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem/sized.h"
#include "support.h"

/* A copy of the first `size` bytes that ends where its memory ends, so that sanitizers see every access past it. */
static void *cut(const void *whole, size_t size) {
  volatile size_t room = size; /* compilers warn of a struct in less memory than it has here */
  void *made = malloc(room);
  assert_non_null(made);
  memcpy(made, whole, size);
  memcpy(made, &size, sizeof size);
  return made;
}

/* Memory for a struct of `size` bytes that the library fills, and 64 that it must not touch. */
enum { PAST = 64, MARK = 0xA5 };

static void *place(size_t size) {
  unsigned char *made = malloc(size + PAST);
  assert_non_null(made);
  memset(made, MARK, size + PAST);
  memcpy(made, &size, sizeof size);
  return made;
}

static void assert_written(const void *made, size_t size, const void *expected, const char *what) {
  const unsigned char *byte = made;
  size_t kept;
  memcpy(&kept, made, sizeof kept);
  assert_int_equal(kept, size);
  for (size_t i = size; i < size + PAST; ++i)
    if (byte[i] != MARK) fail_msg("%s of %zu bytes: byte %zu was written", what, size, i);
  if (memcmp(byte + sizeof size, (const char *)expected + sizeof size, size - sizeof size) != 0)
    fail_msg("%s of %zu bytes differs from the first bytes of the whole", what, size);
}

#define SIZES(of, size) for (size_t size = (of).least; size <= (of).most; size += sizeof(void *))

/* ---- what the caller fills --------------------------------------------------------------------------------------- */

static void shorter_inputs_and_outputs(void **state) {
  (void)state;
  const clattn_problem p = support_problem(7, 5, 3);
  clattn_plan *plan = NULL;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  support_case c;
  support_allocate(&c, &p, 3);
  assert_ok(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), &error);
  SIZES(clattn_sized_inputs, size) {
    clattn_inputs *inputs = cut(&c.inputs, size);
    SIZES(clattn_sized_outputs, room) {
      clattn_outputs *outputs = cut(&c.outputs, room);
      assert_ok(clattn_plan_run(plan, inputs, outputs, NULL, &error), &error);
      assert_ok(clattn_check(plan, inputs, outputs, NULL, &report, &error), &error);
      assert_passed(&report, "shorter inputs and outputs");
      assert_ok(clattn_reference_run(&p, inputs, outputs, &error), &error);
      assert_ok(clattn_check_other(&p, inputs, outputs, NULL, &report, &error), &error);
      free(outputs);
    }
    free(inputs);
  }
  clattn_plan_destroy(plan);
  support_free(&c);
}

/* Tensors past the end are neither set nor found. */
static void tensors_of_shorter_structs(void **state) {
  (void)state;
  float some[1] = {1.0f};
  const clattn_outputs whole = CLATTN_OUTPUTS_INIT;
  clattn_outputs *outputs = cut(&whole, offsetof(clattn_outputs, cached_k));
  clattn_outputs_set(outputs, CLATTN_CONTEXT, some);
  clattn_outputs_set(outputs, CLATTN_CACHED_K, some);
  assert_ptr_equal(clattn_outputs_get(outputs, CLATTN_CONTEXT), some);
  assert_null(clattn_outputs_get(outputs, CLATTN_CACHED_K));
  assert_null(clattn_outputs_get(outputs, CLATTN_OUTPUT));
  free(outputs);
}

static void shorter_options(void **state) {
  (void)state;
  const clattn_problem p = support_problem(7, 5, 3);
  const clattn_plan_options whole = SUPPORT_STAGED;
  clattn_error error;
  SIZES(clattn_sized_plan_options, size) {
    clattn_plan_options *options = cut(&whole, size);
    clattn_self_test_result answer = CLATTN_SELF_TEST_RESULT_INIT;
    clattn_plan *plan = NULL;
    assert_ok(clattn_plan_create(support_opened, &p, options, &plan, &error), &error);
    assert_ok(clattn_kernel_self_test(support_opened, 0, options, &answer, &error), &error);
    clattn_plan_destroy(plan);
    free(options);
  }
}

/* ---- what the library fills -------------------------------------------------------------------------------------- */

static void shorter_results(void **state) {
  (void)state;
  const clattn_problem p = support_problem(7, 5, 3);
  clattn_plan *plan = NULL;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_reason reason = CLATTN_REASON_INIT;
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_error error;
  support_case c;
  support_allocate(&c, &p, 3);
  assert_ok(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), &error);
  SIZES(clattn_sized_timings, size) {
    clattn_timings *timings = place(size);
    assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, timings, &error), &error);
    assert_true(timings->total > 0.0);
    assert_written(timings, size, timings, "timings");
    free(timings);
  }
  assert_true(clattn_plan_get_reason(plan, 0, &reason));
  SIZES(clattn_sized_reason, size) {
    clattn_reason *made = place(size);
    assert_true(clattn_plan_get_reason(plan, 0, made));
    assert_written(made, size, &reason, "reason");
    free(made);
  }
  assert_true(clattn_kernel_get_info(0, &kernel));
  SIZES(clattn_sized_kernel_info, size) {
    clattn_kernel_info *made = place(size);
    assert_true(clattn_kernel_get_info(0, made));
    assert_written(made, size, &kernel, "kernel info");
    free(made);
  }
  SIZES(clattn_sized_check_report, size) { /* seconds differ from one to the next */
    clattn_check_report *made = place(size);
    assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, made, &error), &error);
    assert_true(made->passed && made->count > 0);
    assert_written(made, size, made, "report");
    free(made);
  }
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_true(report.reference_seconds[CLATTN_STAGE_PROJECT] > 0.0);
  clattn_plan_destroy(plan);
  support_free(&c);
}

/* ---- sizes that are not known ------------------------------------------------------------------------------------ */

/* Sets the size to what is refused, one after the other. */
#define REFUSED(structure, of, call)                                                                                   \
  do {                                                                                                                 \
    const size_t wrong[] = {0, (of).least - sizeof(void *), (of).most - 1, (of).most + sizeof(void *), SIZE_MAX};      \
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {                                                      \
      (structure).size = wrong[i];                                                                                     \
      assert_int_equal(call, CLATTN_INVALID_ARGUMENT);                                                                 \
      assert_says(&error, (of).name);                                                                                  \
      assert_says(&error, (of).initial);                                                                               \
    }                                                                                                                  \
    (structure).size = (of).most;                                                                                      \
  } while (0)

static void unknown_sizes_are_refused(void **state) {
  (void)state;
  clattn_problem p = support_problem(7, 5, 3);
  clattn_plan *plan = NULL, *none = NULL;
  clattn_plan_options options = SUPPORT_STAGED;
  clattn_probe_options probe = CLATTN_PROBE_OPTIONS_INIT;
  clattn_peaks peaks = CLATTN_PEAKS_INIT;
  clattn_self_test_result answer = CLATTN_SELF_TEST_RESULT_INIT;
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_tuned tuned = {.size = sizeof tuned, .stage = CLATTN_STAGE_SCORES, .choice = "naive", .standard = "naive"};
  clattn_error error;
  support_case c;
  clattn_device *const d = support_opened;
  support_allocate(&c, &p, 3);
  remove("sizes.json");
  assert_ok(clattn_plan_create(d, &p, &support_staged, &plan, &error), &error);
  REFUSED(p, clattn_sized_problem, clattn_problem_validate(&p, &error));
  REFUSED(p, clattn_sized_problem, clattn_plan_create(d, &p, &support_staged, &none, &error));
  REFUSED(options, clattn_sized_plan_options, clattn_plan_create(d, &p, &options, &none, &error));
  REFUSED(options, clattn_sized_plan_options, clattn_kernel_self_test(d, 0, &options, &answer, &error));
  REFUSED(answer, clattn_sized_self_test_result, clattn_kernel_self_test(d, 0, NULL, &answer, &error));
  REFUSED(probe, clattn_sized_probe_options, clattn_device_probe(d, &probe, &peaks, &error));
  REFUSED(peaks, clattn_sized_peaks, clattn_device_probe(d, NULL, &peaks, &error));
  REFUSED(tuned, clattn_sized_tuned, clattn_tuning_store("sizes.json", d, &p, &tuned, &error));
  REFUSED(c.inputs, clattn_sized_inputs, clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error));
  REFUSED(c.outputs, clattn_sized_outputs, clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error));
  REFUSED(timings, clattn_sized_timings, clattn_plan_run(plan, &c.inputs, &c.outputs, &timings, &error));
  REFUSED(c.inputs, clattn_sized_inputs, clattn_reference_run(&p, &c.inputs, &c.outputs, &error));
  REFUSED(c.outputs, clattn_sized_outputs, clattn_reference_run(&p, &c.inputs, &c.outputs, &error));
  REFUSED(c.inputs, clattn_sized_inputs, clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error));
  REFUSED(c.outputs, clattn_sized_outputs, clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error));
  clattn_explain_options explain = CLATTN_EXPLAIN_OPTIONS_INIT;
  char *text = NULL;
  REFUSED(explain, clattn_sized_explain_options,
          clattn_explain(d, &p, &c.inputs, &explain, CLATTN_EXPLANATION_TEXT, &text, NULL, &error));
  REFUSED(c.inputs, clattn_sized_inputs,
          clattn_explain(d, &p, &c.inputs, NULL, CLATTN_EXPLANATION_TEXT, &text, NULL, &error));
  REFUSED(report, clattn_sized_check_report, clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error));
  clattn_plan_destroy(plan);
  support_free(&c);
}

/* Calls that give a bool. */
static void unknown_sizes_of_results(void **state) {
  (void)state;
  const clattn_problem p = support_problem(7, 5, 3);
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_reason reason = CLATTN_REASON_INIT;
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_tile_info tile = CLATTN_TILE_INFO_INIT;
  clattn_plan *plan = NULL;
  clattn_error error;
  assert_ok(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), &error);
  info.size = reason.size = kernel.size = tile.size = 0;
  assert_false(clattn_plan_get_info(plan, &info));
  assert_false(clattn_plan_get_reason(plan, 0, &reason));
  assert_false(clattn_kernel_get_info(0, &kernel));
  size_t tiled = 0;
  while (tiled < clattn_kernel_count() &&
         !clattn_kernel_get_tile(tiled, 0, &(clattn_tile_info){.size = sizeof(clattn_tile_info)}))
    ++tiled;
  assert_true(tiled < clattn_kernel_count());
  assert_false(clattn_kernel_get_tile(tiled, 0, &tile));
  clattn_plan_destroy(plan);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shorter_inputs_and_outputs),
      cmocka_unit_test(tensors_of_shorter_structs),
      cmocka_unit_test(shorter_options),
      cmocka_unit_test(shorter_results),
      cmocka_unit_test(unknown_sizes_are_refused),
      cmocka_unit_test(unknown_sizes_of_results),
  };
  return cmocka_run_group_tests_name("sizes", tests, support_open, support_close);
}
