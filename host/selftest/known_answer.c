/* Known answers: of what a plan has chosen, and of any row of the catalogue. host/selftest/exam.c knows the questions.
 */
#include "selftest/known_answer.h"

#include <stdio.h>
#include <string.h>

#include "plan/choice.h"
#include "problem/stages.h"
#include "selftest/exam.h"
#include "catalog/fused.h"
#include "device/process.h"
#include "base/status.h"

/* ---- of a plan --------------------------------------------------------------------------------------------------- */

static bool is_unknown(const clattn_plan *plan, const clattn_plan_options *options, clattn_stage stage) {
  const clattn_choice *choice = &plan->choice[stage];
  return choice->row != NULL && choice->kernel != NULL && !choice->by_hand &&
         clattn_stage_facts_of(stage)->self_tested &&
         clattn_answer_of(plan->device, choice->program, options->program_dir, NULL) == CLATTN_ANSWER_UNKNOWN;
}

/* The plan's own choices for another plan; what a library computes is not asked, and stands aside. */
static void write_choices(const clattn_plan *plan, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const clattn_choice *choice = &plan->choice[s];
    char own[CLATTN_CHOICE_TEXT] = "naive";
    if (choice->row == NULL || used >= size) continue;
    if (!choice->row->library) clattn_write_choice(choice, own, sizeof own);
    used += (size_t)snprintf(text + used, size - used, "%s%s=%s", used > 0 ? "," : "",
                             clattn_stage_name((clattn_stage)s), own);
  }
}

static clattn_status open_exam(const clattn_plan *plan, const clattn_plan_options *options, bool attention,
                               clattn_exam *e, clattn_error *error) {
  char kernels[CLATTN_STAGE_COUNT * (CLATTN_CHOICE_TEXT + 16)];
  clattn_plan_options own = CLATTN_PLAN_OPTIONS_INIT;
  write_choices(plan, kernels, sizeof kernels);
  *e = (clattn_exam){.problem =
                         attention ? clattn_exam_attention(&plan->problem) : clattn_exam_projection(&plan->problem)};
  own.kernels = kernels;
  own.pipeline = clattn_plan_is_fused(plan) ? CLATTN_PIPELINE_FUSED : CLATTN_PIPELINE_STAGED;
  own.kernel_dir = options->kernel_dir;
  own.program_dir = options->program_dir;
  own.trace = plan->trace;
  own.known_answers = CLATTN_ANSWERS_NONE;
  return clattn_plan_create(plan->device, &e->problem, &own, &e->plan, error);
}

/* A failed run says something of the kernel alone at which it stopped, and that of this process alone: the device may
 * have been short of memory. */
static void keep(const clattn_plan *plan, const clattn_plan_options *options, const clattn_exam *e,
                 clattn_status status, const char *message, clattn_stage stage, bool *again) {
  clattn_mark mark = {.right = false};
  if (status == CLATTN_OK)
    mark = clattn_exam_mark(e, stage);
  else if (e->plan->stopped_at == stage)
    snprintf(mark.text, sizeof mark.text, "fails: %.*s", (int)strcspn(message, "\n"), message);
  else
    return;
  if (clattn_answer_of(plan->device, plan->choice[stage].program, NULL, NULL) == CLATTN_ANSWER_WRONG)
    return; /* for another stage */
  *again = *again || !mark.right;
  clattn_answer_keep(plan->device, plan->choice[stage].program, status == CLATTN_OK ? options->program_dir : NULL,
                     mark.right ? CLATTN_ANSWER_RIGHT : CLATTN_ANSWER_WRONG, mark.text);
}

static clattn_status ask(clattn_plan *plan, const clattn_plan_options *options, bool attention, bool *again,
                         clattn_error *error) {
  bool unknown[CLATTN_STAGE_COUNT], any = false;
  clattn_exam e;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    unknown[s] = clattn_is_of_scores((clattn_stage)s) == attention && is_unknown(plan, options, (clattn_stage)s);
    any = any || unknown[s];
  }
  if (!any) return CLATTN_OK;
  clattn_status status = open_exam(plan, options, attention, &e, error);
  if (status == CLATTN_OK) {
    clattn_error own;
    const clattn_status taken = clattn_exam_take(&e, &own);
    for (int s = 0; s < CLATTN_STAGE_COUNT; ++s)
      if (unknown[s]) keep(plan, options, &e, taken, own.message, (clattn_stage)s, again);
    if (taken != CLATTN_OK && !*again) { /* nothing to blame but the device */
      status = taken;
      if (error != NULL) *error = own;
    }
  }
  clattn_exam_finish(&e);
  return status;
}

/* ---- of a row of the catalogue ----------------------------------------------------------------------------------- */

/* A problem that has the row's stage, and a shape that the row is for. */
static clattn_problem problem_for(const clattn_kernel *row) {
  clattn_problem real = CLATTN_PROBLEM_INIT;
  real.query_len = real.key_len = row->few_rows ? 1 : CLATTN_EXAM_TOKENS;
  real.head_dim = real.value_dim = 64;
  real.model_dim = CLATTN_EXAM_WIDTH;
  if (row->stage == CLATTN_STAGE_CONVERT) real.type = CLATTN_F16;
  if (row->stage == CLATTN_STAGE_ROTARY) real.rotary = CLATTN_ROTARY_HALVES;
  clattn_problem p = clattn_is_of_scores(row->stage) ? clattn_exam_attention(&real) : clattn_exam_projection(&real);
  if (row->stage == CLATTN_STAGE_CACHE)
    p.cache =
        (clattn_cache_layout){.capacity = (size_t)2 * CLATTN_EXAM_TOKENS, .type = CLATTN_CACHE_F16, .page_len = 16};
  return p;
}

static clattn_status open_row(clattn_device *device, const clattn_kernel *row, const clattn_plan_options *options,
                              clattn_exam *e, clattn_error *error) {
  char kernel[64];
  clattn_plan_options own = CLATTN_PLAN_OPTIONS_INIT;
  snprintf(kernel, sizeof kernel, "%s=%s", clattn_stage_name(row->stage), row->name);
  *e = (clattn_exam){.problem = problem_for(row)};
  own.kernels = kernel;
  const bool staged = clattn_pipeline_has_stage(CLATTN_PIPELINE_STAGED, row->stage);
  own.pipeline = staged ? CLATTN_PIPELINE_STAGED : CLATTN_PIPELINE_FUSED;
  own.kernel_dir = options->kernel_dir;
  own.program_dir = options->program_dir;
  own.trace = clattn_stage_is_traced(row->stage);
  own.known_answers = CLATTN_ANSWERS_NONE;
  clattn_status status = clattn_plan_create(device, &e->problem, &own, &e->plan, error);
  if (status == CLATTN_OK && e->problem.cache.capacity != 0)
    status = clattn_cache_create(device, &e->problem, NULL, NULL, &e->inputs.cache, error);
  return status;
}

static bool is_refusal(clattn_status status) {
  return status == CLATTN_UNSUPPORTED || status == CLATTN_BUILD_FAILED || status == CLATTN_KERNEL_SOURCE;
}

/* Of an exam that was opened, as far as it got. */
static clattn_status answer_with(clattn_exam *e, clattn_stage stage, clattn_kernel_answer *answer,
                                 clattn_error *error) {
  const clattn_status status = clattn_exam_take(e, error);
  if (status == CLATTN_OK) {
    const clattn_mark v = clattn_exam_mark(e, stage);
    answer->verdict = v.right ? CLATTN_VERDICT_RIGHT : CLATTN_VERDICT_WRONG;
    snprintf(answer->text, sizeof answer->text, "%s", v.text);
    return CLATTN_OK;
  }
  if (e->plan->stopped_at != stage) return status;
  answer->verdict = CLATTN_VERDICT_WRONG;
  snprintf(answer->text, sizeof answer->text, "fails: %.*s", (int)strcspn(error->message, "\n"), error->message);
  return CLATTN_OK;
}

clattn_status clattn_kernel_ask(clattn_device *device, size_t index, const clattn_plan_options *options,
                                clattn_kernel_answer *answer, clattn_error *error) {
  static const clattn_plan_options standard = CLATTN_PLAN_OPTIONS_INIT;
  const clattn_kernel *row = clattn_catalog_at(index);
  clattn_error own;
  clattn_exam e;
  if (device == NULL || answer == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "device or answer is NULL");
  if (row == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "there is no kernel %zu (allowed: 0 to %zu)", index,
                       clattn_kernel_count() - 1);
  if (options == NULL) options = &standard;
  if (error == NULL) error = &own;
  clattn_status status = clattn_process_check(error);
  if (status != CLATTN_OK) return status;
  status = open_row(device, row, options, &e, error);
  if (status == CLATTN_OK) {
    status = answer_with(&e, row->stage, answer, error);
  } else if (is_refusal(status)) {
    answer->verdict = CLATTN_VERDICT_CANNOT;
    snprintf(answer->text, sizeof answer->text, "%.*s", (int)strcspn(error->message, "\n"), error->message);
    status = CLATTN_OK;
  }
  clattn_exam_finish(&e);
  return clattn_finish(error, status);
}

/* ---- all that a plan has chosen ---------------------------------------------------------------------------------- */

clattn_status clattn_ask_kernels(clattn_plan *plan, const clattn_plan_options *options, bool *again,
                                 clattn_error *error) {
  *again = false;
  if (!clattn_answers_wanted(options)) return CLATTN_OK;
  clattn_status status = ask(plan, options, false, again, error);
  if (status == CLATTN_OK && !*again) status = ask(plan, options, true, again, error);
  return status;
}
