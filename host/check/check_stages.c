/* Checks scaled, softcapped and final scores, weights, log-sum-exp and context. The reference of
 * each starts from the device's own input of that stage, so an error shows in the stage that made
 * it. Rows are computed one at a time, in double for gate 1 and in float for gate 2. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "check/check.h"
#include "base/clock.h"
#include "base/status.h"

/* ---- scores ------------------------------------------------------------------------------------------------------ */

static void score_row(clattn_checker *c, const clattn_score_row *s, const double *k, clattn_tensor tensor,
                      clattn_row_buffers *b) {
  const clattn_problem *p = c->seen;
  const size_t start = clattn_key_start(p, s, CLATTN_K), step = clattn_tensor_columns(p, CLATTN_K);
  const float *q = clattn_row_exists(s) ? c->outputs->q + clattn_query_start(p, s, CLATTN_Q) : NULL;
  /* Keep the intermediate result that is checked; write the final scores to unused memory then. */
  clattn_score_row_double truth = {NULL, NULL, b->expected, b->magnitude};
  clattn_score_row_float naive = {NULL, NULL, b->naive, NULL};
  double *const unused = b->input + p->head_dim;
  float *const unused_naive = (float *)(void *)(unused + p->key_len);
  if (tensor != CLATTN_SCORES) {
    truth.scores = unused;
    naive.scores = unused_naive;
    *(tensor == CLATTN_SCALED ? &truth.scaled : &truth.softcapped) = b->expected;
    *(tensor == CLATTN_SCALED ? &naive.scaled : &naive.softcapped) = b->naive;
  }
  for (size_t d = 0; q != NULL && d < p->head_dim; ++d) b->input[d] = (double)q[d];
  clattn_scores_double(p, s, b->input, (clattn_vectors_double){k + start, step}, truth);
  const size_t chain = clattn_checker_chain(c, CLATTN_STAGE_SCORES);
  for (size_t j = 0; j < p->key_len; ++j) b->bound[j] = clattn_bound_score(p, b->magnitude[j], chain);
  const double started = clattn_now();
  clattn_scores_float(p, s, q, (clattn_vectors_float){c->keys + start, step}, naive);
  if (tensor != CLATTN_SCORES) return;
  c->report->reference_seconds[CLATTN_STAGE_SCORES] += clattn_now() - started;
  c->flops[CLATTN_STAGE_SCORES] += 2.0 * (double)(s->keys.end - s->keys.first) * (double)p->head_dim;
}

static clattn_status check_scores(clattn_checker *c, clattn_tensor tensor, const float *got, clattn_error *error) {
  const clattn_problem *p = c->seen;
  if (got == NULL) return CLATTN_OK;
  clattn_comparison comparison = clattn_check_begin(tensor, false);
  clattn_row_buffers b = {0};
  double *k = clattn_to_double(c->keys, clattn_checked_elements(c, CLATTN_K));
  clattn_status status = CLATTN_OK;
  if (k == NULL || !clattn_row_buffers_allocate(&b, p->key_len, p->head_dim + 2 * p->key_len)) {
    status = clattn_fail_check_memory(error);
    goto cleanup;
  }
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_score_row s = clattn_checker_score_row(c, i);
    score_row(c, &s, k, tensor, &b);
    clattn_check_keys(c, &comparison, &s, clattn_checked_row(c, got, i), &b);
  }
  clattn_check_finish(c, &comparison);
cleanup:
  free(k);
  free(b.memory);
  return status;
}

/* ---- softmax ----------------------------------------------------------------------------------------------------- */

static clattn_element judge_lse(const clattn_checker *c, double expected, float naive, double largest, size_t row) {
  const size_t chain = clattn_checker_chain(c, CLATTN_STAGE_SOFTMAX);
  return (clattn_element){.got = c->outputs->lse[row],
                          .expected = expected,
                          .naive = naive,
                          .bound = clattn_bound_lse(expected, largest, c->seen->key_len, chain),
                          .magnitude = 1.0 + largest};
}

/* Checks weights and, if the caller passed it, lse: softmax computes both. */
static clattn_status check_weights(clattn_checker *c, clattn_error *error) {
  const size_t key_len = c->seen->key_len, chain = clattn_checker_chain(c, CLATTN_STAGE_SOFTMAX);
  clattn_comparison weights = clattn_check_begin(CLATTN_WEIGHTS, false), lse = clattn_check_begin(CLATTN_LSE, false);
  clattn_row_buffers b = {0};
  if (!clattn_row_buffers_allocate(&b, key_len, key_len)) return clattn_fail_check_memory(error);
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_score_row s = clattn_checker_score_row(c, i);
    const float *scores = clattn_checked_row(c, c->outputs->scores, i);
    for (size_t j = 0; j < key_len; ++j) b.input[j] = (double)scores[j];
    const double expected = clattn_softmax_double(b.input, key_len, s.sink, b.expected);
    const double largest = clattn_largest_score(b.input, key_len, s.sink);
    for (size_t j = 0; j < key_len; ++j) {
      b.magnitude[j] = b.expected[j];
      b.bound[j] = clattn_bound_weight(b.expected[j], largest, key_len, chain);
    }
    const double started = clattn_now();
    const float naive = clattn_softmax_float(scores, key_len, (float)s.sink, b.naive);
    c->report->reference_seconds[CLATTN_STAGE_SOFTMAX] += clattn_now() - started;
    c->flops[CLATTN_STAGE_SOFTMAX] += 4.0 * (double)(s.keys.end - s.keys.first);
    clattn_check_keys(c, &weights, &s, clattn_checked_row(c, c->outputs->weights, i), &b);
    if (c->outputs->lse == NULL) continue;
    const clattn_element element = judge_lse(c, expected, naive, largest, clattn_checker_row(c, i));
    clattn_compare(&lse, (const size_t[]){s.batch, s.head, s.query}, 3, &element);
  }
  clattn_check_finish(c, &weights);
  if (c->outputs->lse != NULL) clattn_check_finish(c, &lse);
  free(b.memory);
  return CLATTN_OK;
}

/* ---- context ----------------------------------------------------------------------------------------------------- */

/* Adds to the bound what is lost when the device reads weights below 2^-126 as 0. Where such a
 * weight meets an infinite value, both 0 * Inf = NaN and Inf are right. */
static void bound_lost_weights(const clattn_score_row *s, const double *scores, const double *weights,
                               clattn_vectors_double v, size_t column, clattn_row_buffers *b) {
  double lost = 0.0;
  bool either = false;
  for (size_t j = s->keys.first; j < s->keys.end; ++j) {
    const double value = v.at[j * v.step + column];
    if (scores[j] == -INFINITY || !(weights[j] > 0.0 && weights[j] < (double)FLT_MIN)) continue;
    either = either || isinf(value);
    lost += weights[j] * fabs(value);
  }
  b->bound[column] = either ? CLATTN_NOT_FINITE : b->bound[column] + lost;
  b->magnitude[column] += clattn_magnitude_of(lost);
}

static void context_row(clattn_checker *c, const clattn_score_row *s, const double *v_double, const float *scores,
                        const float *weights, clattn_row_buffers *b) {
  const clattn_problem *p = c->seen;
  const size_t start = clattn_key_start(p, s, CLATTN_V), step = clattn_tensor_columns(p, CLATTN_V);
  const size_t chain = clattn_checker_chain(c, CLATTN_STAGE_CONTEXT);
  const clattn_vectors_double v = {v_double + start, step};
  const clattn_columns keys = clattn_visible_keys(s);
  double *const scores_double = b->input + p->key_len;
  for (size_t j = 0; j < p->key_len; ++j) {
    b->input[j] = (double)weights[j];
    scores_double[j] = (double)scores[j];
  }
  clattn_context_double(keys, scores_double, b->input, v, p->value_dim, b->expected, b->magnitude);
  for (size_t d = 0; d < p->value_dim; ++d) {
    b->bound[d] = clattn_bound_product(b->magnitude[d], p->key_len, chain);
    bound_lost_weights(s, scores_double, b->input, v, d, b);
  }
  const double started = clattn_now();
  clattn_context_float(keys, scores, weights, (clattn_vectors_float){c->values + start, step}, p->value_dim, b->naive,
                       NULL);
  c->report->reference_seconds[CLATTN_STAGE_CONTEXT] += clattn_now() - started;
  c->flops[CLATTN_STAGE_CONTEXT] += 2.0 * (double)keys.count * (double)p->value_dim;
}

static clattn_status check_context(clattn_checker *c, clattn_error *error) {
  const clattn_problem *p = c->seen;
  clattn_comparison comparison = clattn_check_begin(CLATTN_CONTEXT, false);
  clattn_row_buffers b = {0};
  double *v = clattn_to_double(c->values, clattn_checked_elements(c, CLATTN_V));
  clattn_status status = CLATTN_OK;
  if (v == NULL || !clattn_row_buffers_allocate(&b, p->value_dim, 2 * p->key_len)) {
    status = clattn_fail_check_memory(error);
    goto cleanup;
  }
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_score_row s = clattn_checker_score_row(c, i);
    if (!clattn_row_exists(&s)) continue;
    context_row(c, &s, v, clattn_checked_row(c, c->outputs->scores, i), clattn_checked_row(c, c->outputs->weights, i),
                &b);
    clattn_check_context(c, &s, &b, &comparison);
  }
  clattn_check_finish(c, &comparison);
cleanup:
  free(v);
  free(b.memory);
  return status;
}

clattn_status clattn_check_stages(clattn_checker *c, clattn_error *error) {
  clattn_status status = clattn_check_products(c, error);
  if (status == CLATTN_OK) status = check_scores(c, CLATTN_SCALED, c->outputs->scaled, error);
  if (status == CLATTN_OK) status = check_scores(c, CLATTN_SOFTCAPPED, c->outputs->softcapped, error);
  if (status == CLATTN_OK) status = check_scores(c, CLATTN_SCORES, c->outputs->scores, error);
  if (status == CLATTN_OK) status = clattn_check_exps(c, error);
  if (status == CLATTN_OK) status = check_weights(c, error);
  if (status == CLATTN_OK) status = check_context(c, error);
  return status;
}
