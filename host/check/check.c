/* Compares the outputs of a run with the reference; no other room does. check_projections.c checks
 * the projections, check_stages.c the stages that work on scores, and check_end_to_end.c the whole
 * computation from the inputs to context. */
#include "check/check.h"

#include <string.h>

#include "problem/arguments.h"
#include "cache/cache.h"
#include "problem/costs.h"
#include "problem/facts.h"
#include "problem/problem.h"
#include "problem/sized.h"
#include "base/status.h"
#include "problem/tensors.h"

#include "../../kernels/common/parts.h"

/* The computation to check: a plan's or other code's. */
typedef struct judged {
  const clattn_problem *problem;
  const clattn_plan_info *info;
  const clattn_plan *plan; /* NULL: other code's */
} judged;

static bool is_needed(const judged *j, clattn_tensor tensor) {
  if (j->plan != NULL) return clattn_plan_has(j->plan, tensor);
  return !clattn_tensor_has_rows(tensor) && clattn_output_bytes(j->problem, tensor) > 0;
}

static clattn_status check_report_arguments(const judged *j, const clattn_outputs *outputs, const clattn_rows *rows,
                                            clattn_error *error) {
  static const clattn_tensor needed[] = {CLATTN_Q,        CLATTN_K,        CLATTN_V,
                                         CLATTN_SCORES,   CLATTN_WEIGHTS,  CLATTN_CONTEXT,
                                         CLATTN_CACHED_K, CLATTN_CACHED_V, CLATTN_OUTPUT};
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; ++i)
    if (is_needed(j, needed[i]) && clattn_outputs_get(outputs, needed[i]) == NULL)
      return clattn_fail(
          error, CLATTN_INVALID_ARGUMENT,
          "output %s is NULL (clattn_check needs q, k, v, scores, weights and context; with a cache also cached_k and "
          "cached_v, with an output projection output)",
          clattn_tensor_name(needed[i]));
  const clattn_status status = clattn_check_rows(j->problem, rows, error);
  if (rows == NULL || status != CLATTN_OK) return status;
  if (outputs->rows != NULL && (rows->count != outputs->rows->count ||
                                memcmp(rows->row, outputs->rows->row, rows->count * sizeof *rows->row) != 0))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "rows differ from outputs.rows (allowed: NULL or the same)");
  return CLATTN_OK;
}

static void extrapolate(const clattn_checker *c) {
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s)
    if (c->flops[s] > 0.0)
      c->report->reference_seconds[s] *= clattn_stage_flops(c->seen, (clattn_stage)s) / c->flops[s];
}

static clattn_status judge(const judged *j, const clattn_inputs *inputs, const clattn_outputs *outputs,
                           const clattn_rows *rows, clattn_check_report *report, clattn_error *error) {
  const clattn_problem *problem = j->problem;
  clattn_status status = clattn_check_arguments(problem, inputs, outputs, error);
  if (status == CLATTN_OK) status = clattn_check_positions(problem, inputs, error);
  if (status == CLATTN_OK) status = check_report_arguments(j, outputs, rows, error);
  if (status != CLATTN_OK) return status;

  if (outputs->rows != NULL) rows = outputs->rows;
  report->rows_total = problem->batch * problem->heads * problem->query_len;
  report->rows_checked = rows != NULL ? rows->count : report->rows_total;
  const bool cached = problem->cache.capacity != 0;
  const clattn_problem seen = cached ? clattn_cache_seen(inputs->cache, problem) : *problem;
  clattn_floats floats;
  clattn_checker c = {.asked = problem,
                      .seen = &seen,
                      .keys = cached ? outputs->cached_k : outputs->k,
                      .values = cached ? outputs->cached_v : outputs->v,
                      .inputs = inputs,
                      .floats = &floats,
                      .outputs = outputs,
                      .plan = j->info,
                      .row = rows != NULL ? rows->row : NULL,
                      .row_count = report->rows_checked,
                      .rotary = clattn_rotary_of(problem, inputs),
                      .report = report};
  status = clattn_floats_of(problem, inputs, &floats, error);
  if (status == CLATTN_OK) status = clattn_check_x_positioned(&c, error);
  if (status == CLATTN_OK) status = clattn_check_projections(&c, error);
  if (status == CLATTN_OK) status = clattn_check_cached(&c, error);
  if (status == CLATTN_OK) status = (clattn_checks_fused(&c) ? clattn_check_fused : clattn_check_stages)(&c, error);
  if (status == CLATTN_OK) status = clattn_check_output(&c, error);
  if (status == CLATTN_OK) status = clattn_check_end_to_end(&c, error);
  clattn_floats_release(&floats);
  if (status != CLATTN_OK) return status;
  extrapolate(&c);
  report->passed = report->rows_checked > 0;
  for (size_t i = 0; i < report->count; ++i) report->passed = report->passed && report->check[i].passed;
  return clattn_finish(error, CLATTN_OK);
}

/* The caller's structs may come from an older header and be shorter than this version's. */
static clattn_status judge_given(const judged *j, const clattn_inputs *given_inputs,
                                 const clattn_outputs *given_outputs, const clattn_rows *rows,
                                 clattn_check_report *given_report, clattn_error *error) {
  clattn_inputs inputs = CLATTN_INPUTS_INIT;
  clattn_outputs outputs = CLATTN_OUTPUTS_INIT;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_status status = clattn_check_sized(&clattn_sized_check_report, given_report, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_inputs, given_inputs, &inputs, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_outputs, given_outputs, &outputs, error);
  if (status == CLATTN_OK) status = judge(j, &inputs, &outputs, rows, &report, error);
  if (status == CLATTN_OK) clattn_give_sized(&clattn_sized_check_report, &report, given_report);
  return status;
}

clattn_status clattn_check(const clattn_plan *plan, const clattn_inputs *inputs, const clattn_outputs *outputs,
                           const clattn_rows *rows, clattn_check_report *report, clattn_error *error) {
  if (plan == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the plan is NULL");
  return judge_given(&(judged){&plan->problem, &plan->info, plan}, inputs, outputs, rows, report, error);
}

/* Other code may add in any order: assume that the summation depth is the number of terms. Where halves may be
 * multiplied, it may add up as many products in half as the library's kernels; where bfloat16s are, it may round the
 * weights as they do. */
static clattn_plan_info info_of_any_order(const clattn_problem *p) {
  const size_t kv_terms = clattn_kv_model_dim(p);
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  info.stages[CLATTN_STAGE_PROJECT].longest_addition = p->model_dim > kv_terms ? p->model_dim : kv_terms;
  info.stages[CLATTN_STAGE_FUSED].kernel = "other code";
  info.stages[CLATTN_STAGE_FUSED].longest_addition = p->key_len;
  info.stages[CLATTN_STAGE_FUSED].half_addition = clattn_has_half_products(p) ? HALF_CHAIN : 0;
  if (clattn_has_stored_products(p, CLATTN_BF16)) info.stages[CLATTN_STAGE_FUSED].rounded_weights = CLATTN_BF16;
  info.stages[CLATTN_STAGE_OUTPUT].longest_addition = p->heads * p->value_dim;
  return info;
}

clattn_status clattn_check_other(const clattn_problem *problem, const clattn_inputs *inputs,
                                 const clattn_outputs *outputs, const clattn_rows *rows, clattn_check_report *report,
                                 clattn_error *error) {
  clattn_problem current;
  clattn_status status = clattn_take_problem(problem, &current, error);
  if (status == CLATTN_OK) status = clattn_check_sized(&clattn_sized_check_report, report, error);
  if (status != CLATTN_OK) return status;
  if (current.cache.capacity != 0)
    return clattn_fail(error, CLATTN_UNSUPPORTED, "the problem has a cache (allowed here: none)");
  const clattn_plan_info info = info_of_any_order(&current);
  return judge_given(&(judged){&current, &info, NULL}, inputs, outputs, rows, report, error);
}
