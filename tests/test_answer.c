/* The self-test: a kernel that computes wrong results on this device is rejected, and the result is
 * stored. */
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog.h"
#include "programs/program_file.h"
#include "selftest/test_case.h"
#include "support.h"

#define KERNELS "answer_kernels"
#define PROGRAMS "answer_programs"
#define RECORD "answer_record.json"

/* Put before a kernel's text, these macros make any kernel wrong. */
#define SPOIL_TYPE(type)                                                                                               \
#type " __attribute__((overloadable)) off_fma(" #type " a, " #type " b, " #type                                      \
        " c) { return 1.001f * fma(a, b, c); }\n" #type " __attribute__((overloadable)) off_exp(" #type                \
        " x) { return exp(1.01f * x); }\n" #type " __attribute__((overloadable)) off_exp2(" #type                      \
        " x) { return exp2(1.01f * x); }\n"
#define SPOIL                                                                                                          \
  SPOIL_TYPE(float)                                                                                                    \
  SPOIL_TYPE(float4)                                                                                                   \
  SPOIL_TYPE(float16)                                                                                                  \
  "#undef fma\n#define fma off_fma\n#undef exp\n#define exp off_exp\n"                                                 \
  "#undef exp2\n#define exp2 off_exp2\n"

/* This one makes the output wrong that a kernel stores as f16, and nothing else. */
#define TRUNCATE                                                                                                       \
  "#define vstore_half_rte vstore_half_rtz\n#define vstore_half4_rte vstore_half4_rtz\n"                               \
  "#define vstore_half8_rte vstore_half8_rtz\n#define vstore_half16_rte vstore_half16_rtz\n"

static void run_shell(const char *command) {
  assert_int_equal(system(command), 0);
}

/* Copies the library's own file to the folder, with `before` before its text. */
static void copy_after(const char *before, const char *file) {
  char path[256], command[300];
  size_t bytes = 0;
  const char *text = clattn_kernel_source(file, &bytes);
  assert_non_null(text);
  snprintf(path, sizeof path, KERNELS "/%s", file);
  snprintf(command, sizeof command, "mkdir -p $(dirname '%s')", path);
  run_shell(command);
  FILE *to = fopen(path, "wb");
  assert_non_null(to);
  assert_true(fputs(before, to) >= 0 && fwrite(text, 1, bytes, to) == bytes);
  assert_int_equal(fclose(to), 0);
}

static void spoil(const char *file) {
  copy_after(SPOIL, file);
}

static void spoil_stage(clattn_stage stage) {
  const clattn_kernel *row;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i)
    if (row->stage == stage && row->rung > 0) spoil(row->file);
}

static clattn_problem problem_of(bool fused) {
  clattn_problem p = support_problem(37, 24, 16);
  p.heads = 2;
  if (fused) p.causal = true;
  return p;
}

static clattn_plan_options options_of(bool fused) {
  clattn_plan_options o = SUPPORT_STAGED;
  if (fused) o.pipeline = CLATTN_PIPELINE_FUSED;
  return o;
}

/* The plan's kernel for the stage. *wrong receives the reason why it rejected one as wrong, or
 * NULL. */
static const char *chosen(const clattn_plan *plan, clattn_stage stage, clattn_reason *wrong) {
  clattn_reason reason = CLATTN_REASON_INIT;
  const char *name = NULL;
  *wrong = (clattn_reason)CLATTN_REASON_INIT;
  for (size_t i = 0; clattn_plan_get_reason(plan, i, &reason); ++i) {
    if (reason.stage != stage) continue;
    if (reason.kind == CLATTN_REASON_WRONG) *wrong = reason;
    if (reason.kind <= CLATTN_REASON_RECORD) name = reason.kernel;
  }
  assert_non_null(name);
  return name;
}

static const char *file_of(clattn_stage stage, const char *name) {
  return clattn_catalog_find(stage, name, strlen(name))->file;
}

static clattn_plan *create(clattn_device *device, bool fused, const clattn_plan_options *options) {
  const clattn_problem p = problem_of(fused);
  clattn_plan *plan = NULL;
  clattn_error error;
  assert_ok(clattn_plan_create(device, &p, options, &plan, &error), &error);
  return plan;
}

/* The kernel that plans select here, on any device. */
static void best_of(clattn_device *device, clattn_stage stage, char *name, size_t size) {
  const clattn_plan_options options = options_of(stage == CLATTN_STAGE_FUSED);
  clattn_plan *plan = create(device, stage == CLATTN_STAGE_FUSED, &options);
  clattn_reason wrong = CLATTN_REASON_INIT;
  snprintf(name, size, "%s", chosen(plan, stage, &wrong));
  assert_null(wrong.kernel);
  clattn_plan_destroy(plan);
}

/* Rows with gaps between them take more memory than they have elements; nothing of it may hold what was there before.
 */
static void every_input_is_drawn(void **state) {
  (void)state;
  static const clattn_tensor inputs[] = {CLATTN_Q, CLATTN_K, CLATTN_V};
  const clattn_problem real = clattn_problem_qkv(1, 2, 37, 37, 6);
  clattn_test_case e = clattn_test_case_of(clattn_test_case_attention(&real));
  clattn_plan_options options = options_of(false);
  clattn_error error;
  options.self_test = CLATTN_SELF_TEST_NONE;
  assert_int_equal(e.problem.order, CLATTN_ORDER_STRIDES);
  assert_ok(clattn_plan_create(support_opened, &e.problem, &options, &e.plan, &error), &error);
#ifdef M_PERTURB
  mallopt(M_PERTURB, 0xA5); /* malloc fills memory with large floats */
#endif
  assert_ok(clattn_test_case_run(&e, &error), &error);
#ifdef M_PERTURB
  mallopt(M_PERTURB, 0);
#endif
  for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; ++i) {
    const float *drawn = e.memory[inputs[i]];
    for (size_t j = 0; j < clattn_input_bytes(&e.problem, inputs[i]) / sizeof *drawn; ++j)
      if (!(fabsf(drawn[j]) <= 1.0f)) fail_msg("%s[%zu] is %g", clattn_tensor_name(inputs[i]), j, (double)drawn[j]);
  }
  clattn_test_case_finish(&e);
}

static void a_wrong_kernel_is_passed_over(void **state) {
  (void)state;
  static const clattn_stage stages[] = {CLATTN_STAGE_PROJECT, CLATTN_STAGE_SCORES, CLATTN_STAGE_SOFTMAX,
                                        CLATTN_STAGE_CONTEXT, CLATTN_STAGE_FUSED};
  for (size_t i = 0; i < sizeof stages / sizeof stages[0]; ++i) {
    const bool fused = stages[i] == CLATTN_STAGE_FUSED;
    const clattn_problem p = problem_of(fused);
    clattn_plan_options options = options_of(fused);
    char best[32];
    clattn_reason wrong = CLATTN_REASON_INIT;
    support_case c;
    run_shell("rm -rf " KERNELS);
    best_of(support_opened, stages[i], best, sizeof best);
    spoil(file_of(stages[i], best));
    options.kernel_dir = KERNELS;
    options.self_test = CLATTN_SELF_TEST_ALL;
    clattn_plan *plan = create(support_opened, fused, &options);
    assert_string_not_equal(chosen(plan, stages[i], &wrong), best);
    assert_non_null(wrong.kernel);
    assert_string_equal(wrong.kernel, best);
    assert_non_null(strstr(wrong.text, "instead of"));
    print_message("%s\n", wrong.text);
    clattn_plan_destroy(plan);
    support_allocate(&c, &p, 3);
    const clattn_check_report report = support_run(support_opened, &c, &options);
    assert_passed(&report, best);
    support_free(&c);
  }
}

static size_t times_wrong(const clattn_plan *plan, clattn_stage stage) {
  clattn_reason reason = CLATTN_REASON_INIT;
  size_t count = 0;
  for (size_t i = 0; clattn_plan_get_reason(plan, i, &reason); ++i)
    count += reason.stage == stage && reason.kind == CLATTN_REASON_WRONG;
  return count;
}

/* With the best kernel of the stage truncating what it stores as f16, in a plan of floats and in one of f16, which must
 * reject it, and say this. */
static void assert_stored_wrong(clattn_stage stage, const clattn_problem *floats, const char *says) {
  clattn_plan_options options = options_of(true);
  char best[32];
  clattn_reason wrong = CLATTN_REASON_INIT;
  clattn_problem p = *floats;
  clattn_plan *plan = NULL;
  clattn_error error;
  run_shell("rm -rf " KERNELS);
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  snprintf(best, sizeof best, "%s", chosen(plan, stage, &wrong));
  clattn_plan_destroy(plan);
  copy_after(TRUNCATE, file_of(stage, best));
  options.kernel_dir = KERNELS;
  options.self_test = CLATTN_SELF_TEST_ALL;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  assert_string_equal(chosen(plan, stage, &wrong), best);
  clattn_plan_destroy(plan);
  p.type = CLATTN_F16;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  assert_string_not_equal(chosen(plan, stage, &wrong), best);
  assert_non_null(wrong.kernel);
  assert_string_equal(wrong.kernel, best);
  assert_non_null(strstr(wrong.text, says)); /* the text lives as long as the plan */
  assert_int_equal(times_wrong(plan, CLATTN_STAGE_CONVERT), 0);
  clattn_plan_destroy(plan);
}

/* The program of a problem from x is the same for floats and f16, so that a test with floats says nothing about what it
 * stores as f16. */
static void a_wrong_stored_output_is_noticed(void **state) {
  (void)state;
  for (int variant = 0; variant < 5; ++variant) {
    clattn_problem p = variant == 0 ? clattn_problem_qkv(1, 2, 37, 37, 24) : problem_of(true);
    if (variant == 2) p.head_dim = p.value_dim = 21; /* rows that are not wide */
    if (variant == 3) p.query_len = p.key_len = 1;
    if (variant == 4) p.cache.capacity = 50;
    if (variant == 4) p.rotary = CLATTN_ROTARY_HALVES;
    assert_stored_wrong(CLATTN_STAGE_FUSED, &p, "differs from the converted context");
  }
}

static void a_wrong_stored_projection_is_noticed(void **state) {
  (void)state;
  clattn_problem p = problem_of(true);
  p.output_dim = 21;
  assert_stored_wrong(CLATTN_STAGE_OUTPUT, &p, "output is wrong in");
}

/* Of a projection whose result attention reads as f16, not the output. The next kernel of project stores floats only.
 */
static void wrong_stored_queries_are_noticed(void **state) {
  (void)state;
  clattn_problem p = problem_of(true);
  clattn_plan_options options = options_of(true);
  clattn_reason wrong = CLATTN_REASON_INIT;
  clattn_plan *plan = NULL;
  clattn_error error;
  char best[32];
  p.type = CLATTN_F16;
  p.math = CLATTN_MATH_STORED;
  options.kernels = "fused=matrix";
  run_shell("rm -rf " KERNELS);
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  snprintf(best, sizeof best, "%s", chosen(plan, CLATTN_STAGE_PROJECT, &wrong));
  clattn_plan_destroy(plan);
  copy_after(TRUNCATE, file_of(CLATTN_STAGE_PROJECT, best));
  options.kernel_dir = KERNELS;
  options.self_test = CLATTN_SELF_TEST_ALL;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  assert_string_not_equal(chosen(plan, CLATTN_STAGE_PROJECT, &wrong), best);
  assert_non_null(wrong.kernel);
  assert_string_equal(wrong.kernel, best);
  assert_non_null(strstr(wrong.text, " is wrong in")); /* the text lives as long as the plan */
  clattn_plan_destroy(plan);
  support_case c;
  support_allocate(&c, &p, 3);
  const clattn_check_report report = support_run(support_opened, &c, &options);
  assert_passed(&report, "the next kernel");
  support_free(&c);
}

static void untested_kernels_are_taken(void **state) {
  (void)state;
  char best[32], by_hand[64];
  clattn_reason wrong = CLATTN_REASON_INIT;
  run_shell("rm -rf " KERNELS);
  best_of(support_opened, CLATTN_STAGE_SCORES, best, sizeof best);
  spoil(file_of(CLATTN_STAGE_SCORES, best));
  snprintf(by_hand, sizeof by_hand, "scores=%s", best);
  for (int i = 0; i < 3; ++i) {
    clattn_plan_options options = options_of(false);
    options.kernel_dir = KERNELS;
    options.self_test = i == 0 ? CLATTN_SELF_TEST_LIBRARY : i == 1 ? CLATTN_SELF_TEST_NONE : CLATTN_SELF_TEST_ALL;
    if (i == 2) options.kernels = by_hand;
    clattn_plan *plan = create(support_opened, false, &options);
    assert_string_equal(chosen(plan, CLATTN_STAGE_SCORES, &wrong), best);
    assert_null(wrong.kernel);
    clattn_plan_destroy(plan);
  }
}

static void where_all_are_wrong_the_plan_is_refused(void **state) {
  (void)state;
  const clattn_problem p = problem_of(false);
  clattn_plan_options options = options_of(false);
  clattn_plan *plan = NULL;
  clattn_error error;
  run_shell("rm -rf " KERNELS);
  spoil_stage(CLATTN_STAGE_PROJECT);
  options.kernel_dir = KERNELS;
  options.self_test = CLATTN_SELF_TEST_ALL;
  assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_UNSUPPORTED);
  assert_null(plan);
  assert_says(&error, "of stage project");
  options.self_test = (clattn_self_test)3;
  assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "self_test is 3 (allowed: ");
}

/* The caller left the pipeline open: then staged runs where no fused kernel is right. */
static void where_all_fused_are_wrong_staged_runs(void **state) {
  (void)state;
  const clattn_problem p = problem_of(true);
  clattn_plan_options options = options_of(true);
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_plan *plan = NULL;
  clattn_error error;
  support_case c;
  run_shell("rm -rf " KERNELS);
  spoil_stage(CLATTN_STAGE_FUSED);
  options.kernel_dir = KERNELS;
  options.self_test = CLATTN_SELF_TEST_ALL;
  assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_UNSUPPORTED);
  options.pipeline = CLATTN_PIPELINE_AUTO;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, NULL), &error);
  assert_true(clattn_plan_get_info(plan, &info));
  assert_int_equal(info.pipeline, CLATTN_PIPELINE_STAGED);
  assert_non_null(strstr(info.pipeline_reason, "of stage fused"));
  clattn_plan_destroy(plan);
  support_allocate(&c, &p, 3);
  const clattn_check_report report = support_run(support_opened, &c, &options);
  assert_passed(&report, "staged in place of fused");
  support_free(&c);
  options.kernels = "fused=1"; /* named by hand it is taken, right or wrong */
  plan = create(support_opened, true, &options);
  assert_true(clattn_plan_get_info(plan, &info));
  assert_int_equal(info.pipeline, CLATTN_PIPELINE_FUSED);
  clattn_plan_destroy(plan);
}

/* ---- stored results ---------------------------------------------------------------------------------------------- */

/* Overwrites the result in every answer file of the folder with these words, under the file's own
 * key. */
static void rewrite_answers(const char *words) {
  run_shell("ls " PROGRAMS "/*.answer >answers");
  FILE *list = fopen("answers", "r");
  char path[512];
  size_t count = 0;
  assert_non_null(list);
  while (fgets(path, sizeof path, list) != NULL) {
    char text[4096] = "";
    path[strcspn(path, "\n")] = '\0';
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(size > 0);
    char *key = strchr(text, '\n') + 1, *end = strstr(key, " bytes, ");
    for (char *next = end; next != NULL; next = strstr(next + 1, " bytes, ")) end = next;
    end[-21] = '\0'; /* 20 digits and a newline precede it */
    assert_int_equal(clattn_program_file_write(path, key, (const unsigned char *)words, strlen(words)), 0);
    ++count;
  }
  fclose(list);
  assert_true(count >= 4);
}

static clattn_plan *create_anew(clattn_device **device, clattn_reason *wrong, const char **name) {
  clattn_plan_options options = options_of(false);
  options.program_dir = PROGRAMS;
  *device = support_device();
  clattn_plan *plan = create(*device, false, &options);
  *name = chosen(plan, CLATTN_STAGE_SCORES, wrong);
  return plan;
}

/* Writes a tuning record that names the kernel for scores. */
static void record(const clattn_device *device, const char *kernel) {
  const clattn_problem p = problem_of(false);
  const clattn_tuned tuned = {.size = sizeof(clattn_tuned),
                              .stage = CLATTN_STAGE_SCORES,
                              .choice = kernel,
                              .standard = "naive",
                              .gflops = 2.0,
                              .standard_gflops = 1.0,
                              .repeats = 1};
  clattn_error error;
  assert_ok(clattn_tuning_store(RECORD, device, &p, &tuned, &error), &error);
}

/* A new device object simulates another process: it knows only what the folder holds. */
static void answers_are_kept_beside_the_programs(void **state) {
  (void)state;
  clattn_device *device = NULL;
  clattn_reason wrong = CLATTN_REASON_INIT;
  const char *name = NULL;
  char best[32];
  run_shell("rm -rf " PROGRAMS " " RECORD);
  clattn_plan *plan = create_anew(&device, &wrong, &name);
  snprintf(best, sizeof best, "%s", name);
  assert_null(wrong.kernel);
  clattn_plan_destroy(plan);
  clattn_device_close(device);

  rewrite_answers("answer 1 wrong: remembered");
  plan = create_anew(&device, &wrong, &name);
  assert_string_not_equal(name, best);
  assert_non_null(wrong.kernel);
  assert_non_null(strstr(wrong.text, ": remembered"));
  clattn_plan_destroy(plan);
  clattn_device_close(device);

  clattn_plan_options recorded = options_of(false);
  device = support_device();
  record(device, best);
  recorded.program_dir = PROGRAMS;
  recorded.tuning_file = RECORD;
  plan = create(device, false, &recorded);
  assert_string_not_equal(chosen(plan, CLATTN_STAGE_SCORES, &wrong), best);
  assert_int_equal(times_wrong(plan, CLATTN_STAGE_SCORES),
                   2); /* once as the record's kernel, once as the best without a record */
  clattn_plan_destroy(plan);
  clattn_device_close(device);

  rewrite_answers("answer 2 wrong: of another version");
  plan = create_anew(&device, &wrong, &name);
  assert_string_equal(name, best);
  clattn_plan_destroy(plan);
  clattn_device_close(device);

  run_shell("for f in " PROGRAMS "/*.answer; do printf x >>\"$f\"; done");
  plan = create_anew(&device, &wrong, &name);
  assert_string_equal(name, best);
  assert_null(wrong.kernel);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  run_shell("rm -rf " PROGRAMS);
}

/* ---- the catalogue ----------------------------------------------------------------------------------------------- */

static void every_row_has_an_answer(void **state) {
  (void)state;
  clattn_self_test_result answer = CLATTN_SELF_TEST_RESULT_INIT;
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_error error;
  clattn_plan_options options = SUPPORT_STAGED;
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i) {
    assert_ok(clattn_kernel_self_test(support_opened, i, NULL, &answer, &error), &error);
    print_message("%-10s%-10s%d %s\n", clattn_stage_name(kernel.stage), kernel.name, (int)answer.outcome, answer.text);
    assert_true(answer.text[0] != '\0');
    if (answer.outcome == CLATTN_OUTCOME_PASSED) assert_int_not_equal(answer.text[0], '0'); /* something was compared */
    assert_true(answer.outcome != CLATTN_OUTCOME_FAILED ||
                clattn_kernel_supported(i, clattn_device_get_info(support_opened), NULL) != CLATTN_OK);
  }
  run_shell("rm -rf " KERNELS);
  options.kernel_dir = KERNELS;
  for (int stage = CLATTN_STAGE_PROJECT; stage <= CLATTN_STAGE_FUSED; ++stage)
    if (stage != CLATTN_STAGE_CACHE && stage != CLATTN_STAGE_ROTARY) spoil_stage((clattn_stage)stage);
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i) {
    if (kernel.rung == 0 || kernel.stage < CLATTN_STAGE_PROJECT || kernel.stage > CLATTN_STAGE_FUSED) continue;
    if (kernel.stage == CLATTN_STAGE_CACHE || kernel.stage == CLATTN_STAGE_ROTARY) continue;
    assert_ok(clattn_kernel_self_test(support_opened, i, &options, &answer, &error), &error);
    if (answer.outcome != CLATTN_OUTCOME_CANNOT_RUN && answer.outcome != CLATTN_OUTCOME_FAILED)
      fail_msg("spoiled %s of %s passed its self-test", kernel.name, clattn_stage_name(kernel.stage));
  }
  assert_int_equal(clattn_kernel_self_test(support_opened, clattn_kernel_count(), NULL, &answer, &error),
                   CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "allowed: 0 to ");
  assert_int_equal(clattn_kernel_self_test(NULL, 0, NULL, &answer, &error), CLATTN_INVALID_ARGUMENT);
  run_shell("rm -rf " KERNELS);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_input_is_drawn),
      cmocka_unit_test(a_wrong_kernel_is_passed_over),
      cmocka_unit_test(a_wrong_stored_output_is_noticed),
      cmocka_unit_test(a_wrong_stored_projection_is_noticed),
      cmocka_unit_test(wrong_stored_queries_are_noticed),
      cmocka_unit_test(untested_kernels_are_taken),
      cmocka_unit_test(where_all_are_wrong_the_plan_is_refused),
      cmocka_unit_test(where_all_fused_are_wrong_staged_runs),
      cmocka_unit_test(answers_are_kept_beside_the_programs),
      cmocka_unit_test(every_row_has_an_answer),
  };
  return support_run_group("answer", tests, sizeof tests / sizeof tests[0], support_open, support_close, argc, argv);
}
