/* Each stage judged on its own, its truth computed from the device's own input of that stage, so that an error shows
 * where it arises. Rows are computed one at a time, in double for the truth and in float for gate 2. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "clock.h"
#include "reference.h"
#include "status.h"

/* The i-th checked row in outputs->scores or outputs->weights. */
static const float *output_row(const clattn_checker *c, const float *all, size_t i) {
  return all + (c->outputs->rows != NULL ? i : clattn_checker_row(c, i)) * c->problem->key_len;
}

/* index's last entry runs over the row. */
static void compare_row(clattn_comparison *comparison, size_t *index, int rank, const float *got, size_t width,
                        const clattn_row_buffers *b) {
  for (size_t i = 0; i < width; ++i) {
    const clattn_element element = {got[i], b->expected[i], b->naive[i], b->bound[i], b->magnitude[i]};
    index[rank - 1] = i;
    clattn_compare(comparison, index, rank, &element);
  }
}

/* ---- project ----------------------------------------------------------------------------------------------------- */

/* Marks the tokens (batch, query) that the checked rows belong to. */
static bool *checked_tokens(const clattn_checker *c) {
  const size_t tokens = c->problem->batch * c->problem->query_len;
  bool *checked = calloc(tokens, sizeof *checked);
  for (size_t i = 0; checked != NULL && i < c->row_count; ++i) {
    const clattn_place at = clattn_place_of(c->problem, clattn_checker_row(c, i));
    checked[at.batch * c->problem->query_len + at.query] = true;
  }
  return checked;
}

static clattn_status check_projection(clattn_checker *c, clattn_tensor tensor, const float *w, const float *got,
                                      clattn_error *error) {
  const clattn_problem *problem = c->problem;
  const size_t columns = clattn_projection_columns(problem, tensor), model_dim = problem->model_dim;
  const clattn_columns all = {0, columns};
  const size_t chain = c->plan->stages[CLATTN_STAGE_PROJECT].longest_addition;
  clattn_comparison comparison = clattn_check_begin(tensor, false);
  clattn_row_buffers b = {0};
  bool *checked = checked_tokens(c);
  double *w_double = clattn_to_double(w, model_dim * columns);
  clattn_status status = CLATTN_OK;
  if (checked == NULL || w_double == NULL || !clattn_row_buffers_allocate(&b, columns, model_dim)) {
    status = clattn_fail_check_memory(error);
    goto cleanup;
  }
  for (size_t token = 0; token < problem->batch * problem->query_len; ++token) {
    if (!checked[token]) continue;
    const float *x = c->inputs->x + token * model_dim;
    for (size_t k = 0; k < model_dim; ++k) b.input[k] = (double)x[k];
    clattn_project_double(problem, b.input, w_double, columns, all, b.expected, b.magnitude);
    for (size_t i = 0; i < columns; ++i) b.bound[i] = clattn_bound_product(b.magnitude[i], model_dim, chain);
    const double started = clattn_now();
    clattn_project_float(problem, x, w, columns, all, b.naive, NULL);
    c->report->reference_seconds[CLATTN_STAGE_PROJECT] += clattn_now() - started;
    c->flops[CLATTN_STAGE_PROJECT] += 2.0 * (double)model_dim * (double)columns;
    size_t index[3] = {token / problem->query_len, token % problem->query_len, 0};
    compare_row(&comparison, index, 3, got + token * columns, columns, &b);
  }
  clattn_check_finish(c, &comparison);
cleanup:
  free(checked);
  free(w_double);
  free(b.memory);
  return status;
}

/* ---- scores, softmax, context ------------------------------------------------------------------------------------ */

static clattn_status check_scores(clattn_checker *c, clattn_error *error) {
  const clattn_problem *problem = c->problem;
  const clattn_strides q = clattn_tensor_strides(problem, CLATTN_Q), k = clattn_tensor_strides(problem, CLATTN_K);
  const size_t chain = c->plan->stages[CLATTN_STAGE_SCORES].longest_addition;
  clattn_comparison comparison = clattn_check_begin(CLATTN_SCORES, false);
  clattn_row_buffers b = {0};
  double *k_double = clattn_to_double(c->outputs->k, clattn_tensor_elements(problem, CLATTN_K));
  clattn_status status = CLATTN_OK;
  if (k_double == NULL || !clattn_row_buffers_allocate(&b, problem->key_len, problem->head_dim)) {
    status = clattn_fail_check_memory(error);
    goto cleanup;
  }
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_place at = clattn_place_of(problem, clattn_checker_row(c, i));
    const float *q_row = c->outputs->q + clattn_place_offset(q, at, at.query);
    for (size_t d = 0; d < problem->head_dim; ++d) b.input[d] = (double)q_row[d];
    clattn_scores_double(problem, b.input, k_double + clattn_place_offset(k, at, 0), k.row, at.live, b.expected,
                         b.magnitude);
    for (size_t j = 0; j < problem->key_len; ++j)
      b.bound[j] = clattn_bound_product(b.magnitude[j], problem->head_dim, chain);
    const double started = clattn_now();
    clattn_scores_float(problem, q_row, c->outputs->k + clattn_place_offset(k, at, 0), k.row, at.live, b.naive, NULL);
    c->report->reference_seconds[CLATTN_STAGE_SCORES] += clattn_now() - started;
    c->flops[CLATTN_STAGE_SCORES] += 2.0 * (double)at.live * (double)problem->head_dim;
    size_t index[4] = {at.batch, at.head, at.query, 0};
    compare_row(&comparison, index, 4, output_row(c, c->outputs->scores, i), problem->key_len, &b);
  }
  clattn_check_finish(c, &comparison);
cleanup:
  free(k_double);
  free(b.memory);
  return status;
}

static clattn_status check_weights(clattn_checker *c, clattn_error *error) {
  const clattn_problem *problem = c->problem;
  const size_t key_len = problem->key_len, chain = c->plan->stages[CLATTN_STAGE_SOFTMAX].longest_addition;
  clattn_comparison comparison = clattn_check_begin(CLATTN_WEIGHTS, false);
  clattn_row_buffers b = {0};
  if (!clattn_row_buffers_allocate(&b, key_len, key_len)) return clattn_fail_check_memory(error);
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_place at = clattn_place_of(problem, clattn_checker_row(c, i));
    const float *scores = output_row(c, c->outputs->scores, i);
    for (size_t j = 0; j < key_len; ++j) b.input[j] = (double)scores[j];
    clattn_softmax_double(b.input, key_len, b.expected);
    const double largest = clattn_largest_finite(b.input, key_len);
    for (size_t j = 0; j < key_len; ++j) {
      b.magnitude[j] = b.expected[j];
      b.bound[j] = clattn_bound_weight(b.expected[j], largest, key_len, chain);
    }
    const double started = clattn_now();
    clattn_softmax_float(scores, key_len, b.naive);
    c->report->reference_seconds[CLATTN_STAGE_SOFTMAX] += clattn_now() - started;
    c->flops[CLATTN_STAGE_SOFTMAX] += 4.0 * (double)at.live;
    size_t index[4] = {at.batch, at.head, at.query, 0};
    compare_row(&comparison, index, 4, output_row(c, c->outputs->weights, i), key_len, &b);
  }
  clattn_check_finish(c, &comparison);
  free(b.memory);
  return CLATTN_OK;
}

/* Devices may flush weights below 2^-126 to 0; what they would have added is at most that times the values. */
static double flushed_weights(const double *v, size_t v_row, size_t live, size_t column) {
  double sum = 0.0;
  for (size_t j = 0; j < live; ++j) sum += fabs(v[j * v_row + column]);
  return (double)FLT_MIN * sum;
}

static clattn_status check_context(clattn_checker *c, clattn_error *error) {
  const clattn_problem *problem = c->problem;
  const clattn_strides v = clattn_tensor_strides(problem, CLATTN_V);
  const size_t value_dim = problem->value_dim, chain = c->plan->stages[CLATTN_STAGE_CONTEXT].longest_addition;
  clattn_comparison comparison = clattn_check_begin(CLATTN_CONTEXT, false);
  clattn_row_buffers b = {0};
  double *v_double = clattn_to_double(c->outputs->v, clattn_tensor_elements(problem, CLATTN_V));
  clattn_status status = CLATTN_OK;
  if (v_double == NULL || !clattn_row_buffers_allocate(&b, value_dim, problem->key_len)) {
    status = clattn_fail_check_memory(error);
    goto cleanup;
  }
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_place at = clattn_place_of(problem, clattn_checker_row(c, i));
    const float *weights = output_row(c, c->outputs->weights, i);
    const double *v_head = v_double + clattn_place_offset(v, at, 0);
    for (size_t j = 0; j < problem->key_len; ++j) b.input[j] = (double)weights[j];
    clattn_context_double(b.input, at.live, v_head, v.row, value_dim, b.expected, b.magnitude);
    for (size_t d = 0; d < value_dim; ++d)
      b.bound[d] =
          clattn_bound_product(b.magnitude[d], problem->key_len, chain) + flushed_weights(v_head, v.row, at.live, d);
    const double started = clattn_now();
    clattn_context_float(weights, at.live, c->outputs->v + clattn_place_offset(v, at, 0), v.row, value_dim, b.naive,
                         NULL);
    c->report->reference_seconds[CLATTN_STAGE_CONTEXT] += clattn_now() - started;
    c->flops[CLATTN_STAGE_CONTEXT] += 2.0 * (double)at.live * (double)value_dim;
    clattn_check_context_row(c, &comparison, at, &b);
  }
  clattn_check_finish(c, &comparison);
cleanup:
  free(v_double);
  free(b.memory);
  return status;
}

clattn_status clattn_check_stages(clattn_checker *c, clattn_error *error) {
  clattn_status status = check_projection(c, CLATTN_Q, c->inputs->wq, c->outputs->q, error);
  if (status == CLATTN_OK) status = check_projection(c, CLATTN_K, c->inputs->wk, c->outputs->k, error);
  if (status == CLATTN_OK) status = check_projection(c, CLATTN_V, c->inputs->wv, c->outputs->v, error);
  if (status == CLATTN_OK) status = check_scores(c, error);
  if (status == CLATTN_OK) status = check_weights(c, error);
  if (status == CLATTN_OK) status = check_context(c, error);
  return status;
}
