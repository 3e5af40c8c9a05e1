/* Checks the tensors that only a traced plan has: x with its positions, products, and each row's
 * maximum, exps and sum. Each reference starts from the device's own input of that stage. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "check/check.h"
#include "base/status.h"

/* ---- x ----------------------------------------------------------------------------------------------------------- */

static void x_row(const clattn_checker *c, size_t token, clattn_row_buffers *b) {
  const clattn_problem *p = c->asked;
  const size_t width = p->model_dim, bytes = width * clattn_type_bytes(p->type);
  const bool placed = p->positions != CLATTN_POSITIONS_NONE;
  const int64_t position = placed ? clattn_token_position(p, c->inputs, CLATTN_X, token) : 0;
  clattn_widen(p->type, (const char *)c->inputs->x + token * bytes, width, b->naive);
  for (size_t i = 0; i < width; ++i) {
    const double x = (double)b->naive[i], added = placed ? clattn_sinusoid(p, position, i) : 0.0;
    b->expected[i] = x + added;
    b->magnitude[i] = fabs(x) + fabs(added);
    b->bound[i] = placed ? clattn_bound_positioned(x, added) : (double)FLT_MIN;
    if (placed) b->naive[i] += (float)added;
  }
}

clattn_status clattn_check_x_positioned(clattn_checker *c, clattn_error *error) {
  const clattn_problem *p = c->asked;
  const float *got = c->outputs->x_positioned;
  if (got == NULL || p->source == CLATTN_SOURCE_QKV) return CLATTN_OK;
  clattn_comparison comparison = clattn_check_begin(CLATTN_X_POSITIONED, false);
  clattn_row_buffers b = {0};
  if (!clattn_row_buffers_allocate(&b, p->model_dim, 0)) return clattn_fail_check_memory(error);
  for (size_t token = 0; token < clattn_query_tokens(p); ++token) {
    size_t index[4];
    const int rank = clattn_element_index(p, CLATTN_X_POSITIONED, token * p->model_dim, index);
    x_row(c, token, &b);
    clattn_check_row(&comparison, index, rank, got + token * p->model_dim, p->model_dim, &b);
  }
  clattn_check_finish(c, &comparison);
  free(b.memory);
  return CLATTN_OK;
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* Products are q . k without scale, bias and mask. */
static void products_row(const clattn_checker *c, const clattn_score_row *seen, const double *k,
                         clattn_row_buffers *b) {
  const clattn_problem p = clattn_unscaled(c->seen);
  const size_t start = clattn_key_start(&p, seen, CLATTN_K), step = clattn_tensor_columns(&p, CLATTN_K);
  const size_t chain = clattn_checker_chain(c, CLATTN_STAGE_PRODUCTS);
  const float *q = clattn_row_exists(seen) ? c->outputs->q + clattn_query_start(&p, seen, CLATTN_Q) : NULL;
  double *const unused = b->input + p.head_dim;
  float *const unused_naive = (float *)(void *)(unused + p.key_len);
  clattn_score_row bare = *seen;
  bare.bias = NULL;
  bare.slope = 0.0;
  for (size_t d = 0; q != NULL && d < p.head_dim; ++d) b->input[d] = (double)q[d];
  clattn_scores_double(&p, &bare, b->input, (clattn_vectors_double){k + start, step},
                       (clattn_score_row_double){b->expected, NULL, unused, b->magnitude});
  clattn_scores_float(&p, &bare, q, (clattn_vectors_float){c->keys + start, step},
                      (clattn_score_row_float){b->naive, NULL, unused_naive, NULL});
  for (size_t j = 0; j < p.key_len; ++j) b->bound[j] = clattn_bound_product(b->magnitude[j], p.head_dim, chain);
}

clattn_status clattn_check_products(clattn_checker *c, clattn_error *error) {
  const clattn_problem *p = c->seen;
  if (c->outputs->products == NULL) return CLATTN_OK;
  clattn_comparison comparison = clattn_check_begin(CLATTN_PRODUCTS, false);
  clattn_row_buffers b = {0};
  double *k = clattn_to_double(c->keys, clattn_checked_elements(c, CLATTN_K));
  clattn_status status = CLATTN_OK;
  if (k == NULL || !clattn_row_buffers_allocate(&b, p->key_len, p->head_dim + 2 * p->key_len)) {
    status = clattn_fail_check_memory(error);
    goto cleanup;
  }
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_score_row s = clattn_checker_score_row(c, i);
    products_row(c, &s, k, &b);
    clattn_check_keys(c, &comparison, &s, clattn_checked_row(c, c->outputs->products, i), &b);
  }
  clattn_check_finish(c, &comparison);
cleanup:
  free(k);
  free(b.memory);
  return status;
}

/* ---- softmax ----------------------------------------------------------------------------------------------------- */

enum { EXPS, ROW_MAX, ROW_SUM, PARTS };

/* Error of a sum: the errors of its terms plus the rounding of its additions. */
static double sum_bound(const clattn_checker *c, const clattn_row_buffers *b, double sum) {
  const size_t keys = c->seen->key_len, chain = clattn_checker_chain(c, CLATTN_STAGE_EXPS);
  double terms = clattn_bound_exp(1.0, 0.0); /* the sink's term */
  for (size_t j = 0; j < keys; ++j) terms += b->bound[j];
  return terms + clattn_bound_product(sum, keys, chain);
}

static void judge_row(const clattn_checker *c, const clattn_score_row *s, size_t i, clattn_row_buffers *b,
                      clattn_comparison to[PARTS]) {
  const clattn_outputs *o = c->outputs;
  const size_t keys = c->seen->key_len, row = clattn_checker_row(c, i), index[3] = {s->batch, s->head, s->query};
  const float *scores = clattn_checked_row(c, o->scores, i);
  double largest;
  float naive_largest;
  for (size_t j = 0; j < keys; ++j) b->input[j] = (double)scores[j];
  const double sum = clattn_exps_double(b->input, keys, s->sink, b->expected, &largest);
  const float naive = clattn_exps_float(scores, keys, (float)s->sink, b->naive, &naive_largest);
  for (size_t j = 0; j < keys; ++j) {
    const double distance = isfinite(b->input[j]) && isfinite(largest) ? largest - b->input[j] : 0.0;
    b->magnitude[j] = b->expected[j];
    b->bound[j] = clattn_bound_exp(b->expected[j], distance);
  }
  if (o->exps != NULL) clattn_check_keys(c, &to[EXPS], s, clattn_checked_row(c, o->exps, i), b);
  if (o->row_max != NULL) { /* a maximum of floats needs no rounding */
    const clattn_element e = {o->row_max[row], largest, naive_largest, (double)FLT_MIN, fabs(largest)};
    clattn_compare(&to[ROW_MAX], index, 3, &e);
  }
  if (o->row_sum != NULL) {
    const clattn_element e = {o->row_sum[row], sum, naive, sum_bound(c, b, sum), sum};
    clattn_compare(&to[ROW_SUM], index, 3, &e);
  }
}

clattn_status clattn_check_exps(clattn_checker *c, clattn_error *error) {
  static const clattn_tensor tensors[PARTS] = {CLATTN_EXPS, CLATTN_ROW_MAX, CLATTN_ROW_SUM};
  const size_t keys = c->seen->key_len;
  const clattn_outputs *o = c->outputs;
  clattn_comparison to[PARTS];
  clattn_row_buffers b = {0};
  if (o->exps == NULL && o->row_max == NULL && o->row_sum == NULL) return CLATTN_OK;
  if (!clattn_row_buffers_allocate(&b, keys, keys)) return clattn_fail_check_memory(error);
  for (int t = 0; t < PARTS; ++t) to[t] = clattn_check_begin(tensors[t], false);
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_score_row s = clattn_checker_score_row(c, i);
    judge_row(c, &s, i, &b, to);
  }
  for (int t = 0; t < PARTS; ++t) clattn_check_finish(c, &to[t]);
  free(b.memory);
  return CLATTN_OK;
}
