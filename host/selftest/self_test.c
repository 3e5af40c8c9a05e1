/* Runs self-tests: for the kernels that a plan selected, and for any kernel of the catalogue.
 * host/selftest/test_case.c has the problems. */
#include "selftest/self_test.h"

#include <stdio.h>
#include <string.h>

#include "merge/merge.h"
#include "plan/choice.h"
#include "problem/sized.h"
#include "problem/stages.h"
#include "selftest/test_case.h"
#include "catalog/fused.h"
#include "catalog/matrix.h"
#include "device/process.h"
#include "base/status.h"

/* ---- a plan's kernels -------------------------------------------------------------------------------------------- */

static bool is_untested(const clattn_plan *plan, const clattn_plan_options *options, clattn_stage stage) {
  const clattn_choice *choice = &plan->choice[stage];
  return choice->row != NULL && choice->kernel != NULL && !choice->by_hand &&
         clattn_stage_facts_of(stage)->self_tested &&
         clattn_program_test_of(plan->device, choice->program, clattn_choice_test_kind(plan, choice),
                                options->program_dir, NULL) == CLATTN_TEST_NOT_RUN;
}

/* Writes the plan's own selection for the plan of the test, with rung 1 in place of kernels that are not
 * tested by it: of a library, and those that do not compute this problem. */
static void write_choices(const clattn_plan *plan, const clattn_problem *problem, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const clattn_choice *choice = &plan->choice[s];
    char own[CLATTN_CHOICE_TEXT] = "1";
    if (choice->row == NULL || used >= size) continue;
    if (!choice->row->library && clattn_matrix_check(choice->row, problem, NULL) == CLATTN_OK)
      clattn_write_choice(choice, own, sizeof own);
    used += (size_t)snprintf(text + used, size - used, "%s%s=%s", used > 0 ? "," : "",
                             clattn_stage_name((clattn_stage)s), own);
  }
}

/* The small problems of a plan. */
typedef enum small_problem { PROJECTIONS, OUTPUT, ATTENTION, SMALL_PROBLEMS } small_problem;

/* Where output stores its result itself, convert has none of its own there, so it is judged by another
 * problem. */
static small_problem tested_by(const clattn_plan *plan, clattn_stage stage) {
  if (clattn_is_of_scores(stage)) return ATTENTION;
  return stage == CLATTN_STAGE_OUTPUT && clattn_plan_stores_output(plan) ? OUTPUT : PROJECTIONS;
}

static clattn_problem problem_of(const clattn_plan *plan, small_problem small) {
  clattn_problem real = plan->problem;
  if (small == ATTENTION) return clattn_test_case_attention(&real);
  if (small == PROJECTIONS && clattn_plan_stores_output(plan)) real.output_dim = 0;
  return clattn_test_case_projection(&real);
}

static clattn_status open_case(const clattn_plan *plan, const clattn_plan_options *options, small_problem small,
                               clattn_test_case *e, clattn_error *error) {
  char kernels[CLATTN_STAGE_COUNT * (CLATTN_CHOICE_TEXT + 16)];
  clattn_plan_options own = CLATTN_PLAN_OPTIONS_INIT;
  *e = clattn_test_case_of(problem_of(plan, small));
  write_choices(plan, &e->problem, kernels, sizeof kernels);
  own.kernels = kernels;
  own.pipeline = clattn_plan_is_fused(plan) ? CLATTN_PIPELINE_FUSED : CLATTN_PIPELINE_STAGED;
  own.kernel_dir = options->kernel_dir;
  own.program_dir = options->program_dir;
  own.try_program = options->try_program;
  own.launch_seconds = options->launch_seconds;
  own.trace = plan->trace;
  own.self_test = CLATTN_SELF_TEST_NONE;
  return clattn_plan_create(plan->device, &e->problem, &own, &e->plan, error);
}

/* Keeps the result of a stage's kernel. A failed run counts only against the kernel at which it
 * stopped, and only in this process: the device may have been short of memory. */
static void keep(const clattn_plan *plan, const clattn_plan_options *options, const clattn_test_case *e,
                 clattn_status status, const char *message, clattn_stage stage, bool *again) {
  clattn_case_result result = {.passed = false};
  if (status == CLATTN_OK)
    result = clattn_test_case_result(e, stage);
  else if (e->plan->stopped_at == stage)
    snprintf(result.text, sizeof result.text, "fails: %.*s", (int)strcspn(message, "\n"), message);
  else
    return;
  const clattn_test_kind kind = clattn_choice_test_kind(plan, &plan->choice[stage]);
  if (clattn_program_test_of(plan->device, plan->choice[stage].program, kind, NULL, NULL) == CLATTN_TEST_FAILED)
    return; /* a test for another stage has failed it already */
  *again = *again || !result.passed;
  clattn_program_test_keep(plan->device, plan->choice[stage].program, kind,
                           status == CLATTN_OK ? options->program_dir : NULL,
                           result.passed ? CLATTN_TEST_PASSED : CLATTN_TEST_FAILED, result.text);
}

static clattn_status test_stages(clattn_plan *plan, const clattn_plan_options *options, small_problem small,
                                 bool *again, clattn_error *error) {
  bool untested[CLATTN_STAGE_COUNT], any = false;
  clattn_test_case e;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    untested[s] = tested_by(plan, (clattn_stage)s) == small && is_untested(plan, options, (clattn_stage)s);
    any = any || untested[s];
  }
  if (!any) return CLATTN_OK;
  clattn_status status = open_case(plan, options, small, &e, error);
  if (status == CLATTN_OK) {
    clattn_error own;
    const clattn_status taken = clattn_test_case_run(&e, &own);
    for (int s = 0; s < CLATTN_STAGE_COUNT; ++s)
      if (untested[s]) keep(plan, options, &e, taken, own.message, (clattn_stage)s, again);
    if (taken != CLATTN_OK && !*again) { /* no kernel failed: report the device's error */
      status = taken;
      if (error != NULL) *error = own;
    }
  }
  clattn_test_case_finish(&e);
  return status;
}

/* ---- one kernel of the catalogue --------------------------------------------------------------------------------- */

/* A problem with the row's stage and a shape that the row was written for. */
static clattn_problem problem_for(const clattn_kernel *row) {
  clattn_problem real = CLATTN_PROBLEM_INIT;
  real.query_len = real.key_len = row->few_rows ? 1 : CLATTN_TEST_CASE_TOKENS;
  real.head_dim = real.value_dim = 64;
  real.model_dim = CLATTN_TEST_CASE_WIDTH;
  if (row->stage == CLATTN_STAGE_CONVERT || clattn_needs_stored_math(row)) real.type = CLATTN_F16;
  if (clattn_needs_stored_math(row)) {
    real.source = CLATTN_SOURCE_QKV;
    real.math = CLATTN_MATH_STORED;
  }
  if (row->stage == CLATTN_STAGE_ROTARY) real.rotary = CLATTN_ROTARY_HALVES;
  clattn_problem p =
      clattn_is_of_scores(row->stage) ? clattn_test_case_attention(&real) : clattn_test_case_projection(&real);
  if (row->stage == CLATTN_STAGE_CACHE)
    p.cache = (clattn_cache_layout){
        .capacity = (size_t)2 * CLATTN_TEST_CASE_TOKENS, .type = CLATTN_CACHE_F16, .page_len = CLATTN_TEST_CASE_PAGE};
  return p;
}

static clattn_status open_row(clattn_device *device, const clattn_kernel *row, const clattn_plan_options *options,
                              clattn_test_case *e, clattn_error *error) {
  char kernel[64];
  clattn_plan_options own = CLATTN_PLAN_OPTIONS_INIT;
  snprintf(kernel, sizeof kernel, "%s=%s", clattn_stage_name(row->stage), row->name);
  *e = clattn_test_case_of(problem_for(row));
  own.kernels = kernel;
  const bool staged = clattn_pipeline_has_stage(CLATTN_PIPELINE_STAGED, row->stage);
  own.pipeline = staged ? CLATTN_PIPELINE_STAGED : CLATTN_PIPELINE_FUSED;
  own.kernel_dir = options->kernel_dir;
  own.program_dir = options->program_dir;
  own.try_program = options->try_program;
  own.launch_seconds = options->launch_seconds;
  own.trace = clattn_stage_is_traced(row->stage);
  own.self_test = CLATTN_SELF_TEST_NONE;
  return clattn_plan_create(device, &e->problem, &own, &e->plan, error);
}

/* A stage of no plan: merge. */
static clattn_status test_apart(clattn_device *device, const clattn_kernel *row, const clattn_plan_options *options,
                                clattn_self_test_result *result, clattn_error *error) {
  clattn_merge_kernel kernel;
  bool passed = false;
  clattn_status status = clattn_merge_kernel_build(device, row, options, &kernel, error);
  if (status == CLATTN_OK) status = clattn_merge_kernel_try(device, &kernel, &passed, result->text, error);
  clattn_merge_kernel_release(&kernel);
  result->outcome = passed ? CLATTN_OUTCOME_PASSED : CLATTN_OUTCOME_FAILED;
  return status;
}

static bool is_refusal(clattn_status status) {
  return status == CLATTN_UNSUPPORTED || status == CLATTN_BUILD_FAILED || status == CLATTN_KERNEL_SOURCE;
}

/* Runs an open case. A failed run counts against the kernel only if it failed at that stage. */
static clattn_status run_case(clattn_test_case *e, clattn_stage stage, clattn_self_test_result *result,
                              clattn_error *error) {
  const clattn_status status = clattn_test_case_run(e, error);
  if (status == CLATTN_OK) {
    const clattn_case_result v = clattn_test_case_result(e, stage);
    result->outcome = v.passed ? CLATTN_OUTCOME_PASSED : CLATTN_OUTCOME_FAILED;
    snprintf(result->text, sizeof result->text, "%s", v.text);
    return CLATTN_OK;
  }
  if (e->plan->stopped_at != stage) return status;
  result->outcome = CLATTN_OUTCOME_FAILED;
  snprintf(result->text, sizeof result->text, "fails: %.*s", (int)strcspn(error->message, "\n"), error->message);
  return CLATTN_OK;
}

clattn_status clattn_kernel_self_test(clattn_device *device, size_t index, const clattn_plan_options *given,
                                      clattn_self_test_result *result, clattn_error *error) {
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  clattn_self_test_result made = CLATTN_SELF_TEST_RESULT_INIT;
  const clattn_kernel *row = clattn_catalog_at(index);
  clattn_error own;
  clattn_test_case e;
  if (device == NULL || result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "device or result is NULL");
  if (row == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "there is no kernel %zu (allowed: 0 to %zu)", index,
                       clattn_kernel_count() - 1);
  if (error == NULL) error = &own;
  clattn_status status = clattn_check_sized(&clattn_sized_self_test_result, result, error);
  if (status == CLATTN_OK && given != NULL)
    status = clattn_take_sized(&clattn_sized_plan_options, given, &options, error);
  if (status == CLATTN_OK) status = clattn_process_check(error);
  if (status != CLATTN_OK) return status;
  const bool apart = !clattn_is_of_plans(row->stage);
  e = (clattn_test_case){.plan = NULL};
  status = apart ? test_apart(device, row, &options, &made, error) : open_row(device, row, &options, &e, error);
  if (status == CLATTN_OK) {
    if (!apart) status = run_case(&e, row->stage, &made, error);
  } else if (is_refusal(status)) {
    made.outcome = CLATTN_OUTCOME_CANNOT_RUN;
    snprintf(made.text, sizeof made.text, "%.*s", (int)strcspn(error->message, "\n"), error->message);
    status = CLATTN_OK;
  }
  clattn_test_case_finish(&e);
  if (status == CLATTN_OK) clattn_give_sized(&clattn_sized_self_test_result, &made, result);
  return clattn_finish(error, status);
}

/* ---- all that a plan selected ------------------------------------------------------------------------------------ */

clattn_status clattn_self_test_kernels(clattn_plan *plan, const clattn_plan_options *options, bool *again,
                                       clattn_error *error) {
  *again = false;
  if (!clattn_self_test_wanted(options)) return CLATTN_OK;
  clattn_status status = CLATTN_OK;
  for (int i = 0; i < SMALL_PROBLEMS && status == CLATTN_OK && !*again; ++i)
    status = test_stages(plan, options, (small_problem)i, again, error);
  return status;
}
