/* Selects the kernel of each stage: the one that the caller named, else the one of a tuning record,
 * else the suitable kernel with the highest priority. */
#include <string.h>

#include "plan/choice.h"
#include "plan/reasons.h"
#include "tuning/record.h"
#include "problem/problem.h"
#include "problem/stages.h"
#include "base/status.h"
#include "catalog/matrix.h"
#include "catalog/selection.h"
#include "catalog/tiles.h"

bool clattn_self_test_wanted(const clattn_plan_options *options) {
  return options->self_test == CLATTN_SELF_TEST_ALL ||
         (options->self_test == CLATTN_SELF_TEST_LIBRARY && options->kernel_dir == NULL);
}

static clattn_status note_chosen(clattn_plan *plan, const clattn_choice *choice, clattn_error *error) {
  int standard[CLATTN_TILES_MOST];
  const clattn_extent extent = clattn_extent_of(&plan->problem, choice->stage, &plan->device->info);
  clattn_standard_tiles(choice->row, &extent, &plan->device->info, standard);
  const bool smaller = memcmp(standard, choice->value, sizeof standard) != 0;
  return clattn_reason_add(plan, CLATTN_REASON_CHOSEN, choice, error, "highest priority of the kernels that suit%s",
                           smaller ? "; sizes made smaller for this device" : "");
}

/* Builds the kernel; fails and sets *wrong if it is known to fail its self-test. */
static clattn_status build_trusted(clattn_plan *plan, clattn_choice *choice, const clattn_plan_options *options,
                                   bool *wrong, clattn_error *error) {
  const char *text = NULL;
  const clattn_status status = clattn_build_choice(plan, choice, options, error);
  *wrong = status == CLATTN_OK && choice->kernel != NULL && clattn_self_test_wanted(options) &&
           clattn_program_test_of(plan->device, choice->program, clattn_choice_test_kind(plan, choice),
                                  options->program_dir, &text) == CLATTN_TEST_FAILED;
  if (!*wrong) return status;
  clattn_release_choice(choice);
  return clattn_fail(error, CLATTN_UNSUPPORTED, "kernel %s of stage %s, on '%s': %s", choice->row->name,
                     clattn_stage_name(choice->stage), plan->device->info.name, text);
}

/* Tries to build the kernel. CLATTN_OK with *taken false: the caller should try the next one. */
static clattn_status try_kernel(clattn_plan *plan, clattn_choice *choice, const clattn_plan_options *options,
                                bool *taken, clattn_error *error) {
  bool wrong = false;
  const clattn_status status = build_trusted(plan, choice, options, &wrong, error);
  *taken = status == CLATTN_OK;
  if (*taken) return note_chosen(plan, choice, error);
  if (status != CLATTN_UNSUPPORTED && (status != CLATTN_BUILD_FAILED || options->kernel_dir != NULL)) return status;
  return clattn_reason_add(plan, wrong ? CLATTN_REASON_WRONG : CLATTN_REASON_PASSED_OVER, choice, error, "%s",
                           error->message);
}

/* Whether the plan's projections may have to store what the fused kernel reads. */
static bool may_store_projections(const clattn_plan *plan, clattn_stage stage) {
  return stage == CLATTN_STAGE_FUSED && clattn_plan_reads_projections_stored(plan);
}

/* Turns to floats where this kernel does not multiply what projections would store. True: the problem changed, and with
 * it the kernel's sizes. */
static bool turn_to_floats(clattn_plan *plan, clattn_stage stage, const clattn_kernel *row) {
  if (!may_store_projections(plan, stage) || clattn_multiplies_stored(row, &plan->problem, &plan->device->info))
    return false;
  plan->problem.math = CLATTN_MATH_FLOAT;
  return true;
}

/* Selects the first kernel, by descending priority, that suits the problem, fits the device and
 * compiles. Exception: with kernels from a folder, which the user is editing, a failed build is an
 * error. */
static clattn_status choose_best(clattn_plan *plan, clattn_choice *choice, clattn_stage stage,
                                 const clattn_plan_options *options, clattn_error *error) {
  clattn_selection selection = {.stage = stage,
                                .device = &plan->device->info,
                                .problem = &plan->problem,
                                .extent = clattn_extent_of(&plan->problem, stage, &plan->device->info)};
  clattn_candidate candidate = {.kernel = NULL}, before = candidate;
  bool taken = false;
  clattn_fail(error, CLATTN_UNSUPPORTED, "no kernel of stage %s suits the device", clattn_stage_name(stage));
  while (clattn_next_candidate(&selection, &candidate, error)) {
    if (candidate.against == NULL && turn_to_floats(plan, stage, candidate.kernel)) {
      selection.extent = clattn_extent_of(&plan->problem, stage, &plan->device->info);
      candidate = before; /* once more, in floats */
      continue;
    }
    before = candidate;
    *choice = (clattn_choice){.stage = stage, .row = candidate.kernel};
    memcpy(choice->value, candidate.value, sizeof choice->value);
    const clattn_status status = candidate.against == NULL ? try_kernel(plan, choice, options, &taken, error)
                                                           : clattn_reason_add(plan, CLATTN_REASON_PASSED_OVER, choice,
                                                                               error, "%s", candidate.against);
    if (taken || status != CLATTN_OK) return status;
  }
  return error->status;
}

static clattn_status choose_by_hand(clattn_plan *plan, clattn_choice *choice, clattn_stage stage, clattn_text wanted,
                                    const clattn_plan_options *options, const char *why, clattn_error *error) {
  clattn_status status = clattn_parse_choice(plan, stage, wanted, choice, error);
  if (status == CLATTN_OK && turn_to_floats(plan, stage, choice->row))
    status = clattn_parse_choice(plan, stage, wanted, choice, error);
  if (status == CLATTN_OK) status = clattn_build_choice(plan, choice, options, error);
  if (status != CLATTN_OK) return status;
  choice->by_hand = true;
  return clattn_reason_add(plan, CLATTN_REASON_BY_HAND, choice, error, "%s", why);
}

/* ---- from a record ----------------------------------------------------------------------------------------------- */

static clattn_status read_record(clattn_plan *plan, const clattn_plan_options *options, clattn_record *record,
                                 clattn_error *error) {
  if (options->tuning_file == NULL) return CLATTN_OK;
  if (options->kernel_dir != NULL)
    return clattn_reason_record(plan, CLATTN_STAGE_COUNT, error,
                                "%s: measured with the built-in kernels, not with those in '%s'", options->tuning_file,
                                options->kernel_dir);
  if (clattn_record_read(options->tuning_file, &plan->device->info, record, error) == CLATTN_RECORD_READ)
    return CLATTN_OK;
  return clattn_reason_record(plan, CLATTN_STAGE_COUNT, error, "%s", error->message);
}

/* Anybody may have written the record: a kernel that plans would not select by themselves is refused. */
static clattn_status parse_entry(const clattn_plan *plan, clattn_choice *choice, clattn_stage stage,
                                 const clattn_record_entry *entry, clattn_error *error) {
  const clattn_text text = {entry->kernel, strlen(entry->kernel)};
  const clattn_status status = clattn_parse_choice(plan, stage, text, choice, error);
  if (status != CLATTN_OK) return status;
  const clattn_device_info *device = &plan->device->info;
  const char *against = clattn_unsuited(choice->row, stage, device, &plan->problem);
  if (against == NULL && choice->row->matrix_unit &&
      choice->value[0] != clattn_matrix_unit_of(&plan->problem, stage, device))
    against = "the device has another matrix unit";
  if (against == NULL) return CLATTN_OK;
  return clattn_fail(error, CLATTN_UNSUPPORTED, "kernel %s: %s", choice->row->name, against);
}

/* choice->row stays NULL if the record has no usable entry. */
static clattn_status choose_recorded(clattn_plan *plan, clattn_choice *choice, clattn_stage stage,
                                     const clattn_plan_options *options, const clattn_record *record,
                                     clattn_error *error) {
  if (record->date[0] == '\0' || !clattn_stage_is_tuned(stage)) return CLATTN_OK;
  const clattn_tuning_key key = clattn_tuning_key_of(&plan->problem, stage);
  const clattn_record_entry *entry = clattn_record_find(record, &key);
  if (entry == NULL) return clattn_reason_record(plan, stage, error, "it has no entry for this type and size");
  bool wrong = false;
  clattn_status status = parse_entry(plan, choice, stage, entry, error);
  if (status == CLATTN_OK && turn_to_floats(plan, stage, choice->row)) { /* another key */
    *choice = (clattn_choice){.row = NULL};
    return choose_recorded(plan, choice, stage, options, record, error);
  }
  if (status == CLATTN_OK) status = build_trusted(plan, choice, options, &wrong, error);
  if (status == CLATTN_OK)
    return clattn_reason_add(plan, CLATTN_REASON_RECORD, choice, error,
                             "tuned %s: %.3g GFLOP/s, %.3g without the record", record->date, entry->gflops,
                             entry->standard_gflops);
  const clattn_choice refused = *choice;
  *choice = (clattn_choice){.row = NULL};
  if (status != CLATTN_INVALID_ARGUMENT && status != CLATTN_UNSUPPORTED && status != CLATTN_BUILD_FAILED) return status;
  if (wrong) return clattn_reason_add(plan, CLATTN_REASON_WRONG, &refused, error, "%s", error->message);
  return clattn_reason_record(plan, stage, error, "%s", error->message);
}

/* ---- all stages -------------------------------------------------------------------------------------------------- */

bool clattn_plan_is_fused(const clattn_plan *plan) {
  return plan->pipeline == CLATTN_PIPELINE_FUSED;
}

static bool has_stage(const clattn_plan *plan, clattn_stage stage) {
  return clattn_stage_used(&plan->problem, stage) && clattn_pipeline_has_stage(plan->pipeline, stage) &&
         (plan->trace || !clattn_stage_is_traced(stage));
}

static clattn_status choose(clattn_plan *plan, clattn_stage stage, clattn_text wanted,
                            const clattn_plan_options *options, const clattn_record *record, clattn_error *error) {
  static const clattn_text clblast = {"clblast", 7};
  clattn_choice *choice = &plan->choice[stage];
  if (wanted.start != NULL) return choose_by_hand(plan, choice, stage, wanted, options, "named by the caller", error);
  if (plan->pipeline == CLATTN_PIPELINE_BLAS && clattn_stage_facts_of(stage)->needs_post_process != NULL)
    return choose_by_hand(plan, choice, stage, clblast, options, "the blas pipeline uses it", error);
  const clattn_status status = choose_recorded(plan, choice, stage, options, record, error);
  if (status != CLATTN_OK || choice->row != NULL) return status;
  return choose_best(plan, choice, stage, options, error);
}

clattn_status clattn_choose_kernels(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error) {
  clattn_text wanted[CLATTN_STAGE_COUNT] = {{NULL, 0}};
  clattn_error own; /* the reasons keep messages even if the caller passed no error */
  if (error == NULL) error = &own;
  clattn_record record = {.count = 0};
  clattn_status status = clattn_split_kernels(options->kernels, wanted, error);
  if (status == CLATTN_OK) status = read_record(plan, options, &record, error);
  const bool projected = plan->problem.source != CLATTN_SOURCE_QKV;
  plan->problem.math = projected && !clattn_plan_is_fused(plan) ? CLATTN_MATH_FLOAT : plan->math_asked;
  /* Kernels of project are built for what the fused kernel reads. */
  const bool fused_first = may_store_projections(plan, CLATTN_STAGE_FUSED);
  if (status == CLATTN_OK && fused_first)
    status = choose(plan, CLATTN_STAGE_FUSED, wanted[CLATTN_STAGE_FUSED], options, &record, error);
  for (int s = 0; s < CLATTN_STAGE_COUNT && status == CLATTN_OK; ++s) {
    const clattn_stage stage = (clattn_stage)s;
    if (has_stage(plan, stage) && !(fused_first && stage == CLATTN_STAGE_FUSED))
      status = choose(plan, stage, wanted[stage], options, &record, error);
  }
  clattn_record_release(&record);
  return status;
}
