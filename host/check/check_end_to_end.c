/* Checks context end to end: the reference computes it in double from the inputs. For a fused
 * kernel it also checks context and log-sum-exp from the kernel's own q, k and v. The bound carries
 * the errors of each stage into the next.
 *
 * Let dq, dk, dv be the bounds of the projections and ds that of the scores stage alone. In the
 * worst case, for query i:
 *
 *     |error of score j|   <= ds_j + |scale| * sum over c of (|q_c| dk_jc + |k_jc| dq_c + dq_c dk_jc)  =: D_j
 *     |error of weight j|  <= p_j (exp(2 D) - 1) + its own rounding + its underflow,  D = max over live j of D_j
 *     |error of context c| <= sum over j of (p_j exp(2 D) dv_jc + |error of weight j| |v_jc|) + its own rounding
 *
 * (Each exp is off by a factor of at most exp(D), and so is their sum. A softcap does not enlarge
 * D: its slope is at most 1. The bounds of q, k and v that were given or read from a cache are 0; where
 * projections were stored as f16 or bf16 (clattn_checks_stored), dq, dk and dv contain that rounding.)
 *
 * Underflow: a device may flush every number below 2^-126 to 0. In a fused kernel weights are
 * smaller by the headroom h, the smallest power of two that is at least the number of keys, and by
 * another factor of 2 where the maximum is rounded up to a power of two. So a weight below
 * 2h*2^-126 can be lost, and each product, sum and rescaled sum can lose up to 2h*2^-126 of
 * context.
 *
 * That is gate 1. It is loose, because it adds up errors as if all had the same sign. Gate 2, which
 * allows a small multiple of the error that the reference in float makes, is the sharper one. Its
 * magnitude M covers the sums of all stages. Let E_j be D_j in units of one rounding, with
 * independent errors added as the root of the sum of their squares; then
 *
 *     M_c = sum over j of (p_j |v_jc| + p_j |x.wv|_jc + max E * p_j |v_jc - context_c|)
 *
 * since a change of the scores moves context by the sum of p_j (v_j - context) * change_j. Without
 * the last term a problem with large scores failed by chance: its largest error comes from one row,
 * where one float computation can easily be twice as accurate as another. Where projections were stored, the
 * reference in float rounds them, too, so that its own error has nearly the same roundings. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "base/clock.h"
#include "base/status.h"

/* One (batch, head): its keys and values with bounds, in double and in float. */
typedef struct head {
  bool given;                          /* take q, k and v from the device's outputs */
  clattn_matrix wq, wk, wv;            /* whole matrices; unused when given */
  double *k, *k_bound;                 /* (key_len, head_dim) */
  double *v, *v_bound;                 /* (key_len, value_dim) */
  float *k_naive, *v_naive;            /* of the same shapes */
  double *x;                           /* the current token's input */
  double *q, *q_bound;                 /* (head_dim) */
  float *q_naive;                      /* (head_dim) */
  double *scores, *score_bound;        /* (key_len) */
  double *weights, *weight_error;      /* (key_len) */
  double *lost, *weighed;              /* (value_dim): sums of context_bounds() */
  float *scores_naive, *weights_naive; /* (key_len) */
  void *memory;
} head;

static size_t largest_terms(const clattn_problem *p) {
  const size_t kv = clattn_kv_model_dim(p);
  return p->model_dim > kv ? p->model_dim : kv;
}

static bool allocate(head *h, const clattn_problem *p) {
  const size_t keys = p->key_len, dim = p->head_dim, value_dim = p->value_dim, terms = largest_terms(p);
  double **const doubles[] = {
      &h->k,      &h->k_bound,     &h->v,       &h->v_bound,      &h->x,    &h->q,      &h->q_bound,
      &h->scores, &h->score_bound, &h->weights, &h->weight_error, &h->lost, &h->weighed};
  const size_t double_counts[] = {
      keys * dim, keys * dim, keys * value_dim, keys * value_dim, terms, dim, dim, keys, keys,
      keys,       keys,       value_dim,        value_dim};
  const size_t double_count = sizeof doubles / sizeof doubles[0];
  float **const floats[] = {&h->k_naive, &h->v_naive, &h->q_naive, &h->scores_naive, &h->weights_naive};
  const size_t float_counts[] = {keys * dim, keys * value_dim, dim, keys, keys};
  size_t bytes = 0;
  const size_t most = SIZE_MAX / 256; /* all parts together take at most 16 x 8 bytes for each element of the largest */
  if (keys * dim > most || keys * value_dim > most || terms > most) return false;
  for (size_t i = 0; i < double_count; ++i) bytes += double_counts[i] * sizeof(double);
  for (size_t i = 0; i < 5; ++i) bytes += float_counts[i] * sizeof(float);
  double *next = h->memory = malloc(bytes);
  if (next == NULL) return false;
  for (size_t i = 0; i < double_count; next += double_counts[i++]) *doubles[i] = next;
  float *next_float = (float *)(void *)next;
  for (size_t i = 0; i < 5; next_float += float_counts[i++]) *floats[i] = next_float;
  return true;
}

static bool load_matrices(const clattn_checker *c, head *h) {
  if (h->given) return true;
  const clattn_linear q = clattn_linear_of(c->asked, CLATTN_Q), k = clattn_linear_of(c->asked, CLATTN_K);
  const clattn_linear v = clattn_linear_of(c->asked, CLATTN_V);
  return clattn_matrix_load(c, &q, &h->wq) && clattn_matrix_load(c, &k, &h->wk) && clattn_matrix_load(c, &v, &h->wv);
}

static void release(head *h) {
  clattn_matrix_release(&h->wq);
  clattn_matrix_release(&h->wk);
  clattn_matrix_release(&h->wv);
  free(h->memory);
}

/* Overflow in the reference where float must overflow, so that later stages see the same
 * infinity. */
static void overflow_as_float(double *values, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (fabs(values[i]) > (double)FLT_MAX) values[i] = values[i] > 0 ? INFINITY : -INFINITY;
}

static double projection_bound(const clattn_checker *c, double magnitude) {
  return clattn_bound_product(magnitude, largest_terms(c->seen),
                              c->plan->stages[CLATTN_STAGE_PROJECT].longest_addition);
}

/* Divide a projection's bound by this to get the magnitude that it was computed from. */
static double bound_of_one(const clattn_checker *c, const head *h) {
  return h->given ? 1.0 : projection_bound(c, 1.0);
}

/* One vector of q, k or v: value and bound in double, value in float. */
typedef struct vector {
  double *value, *bound;
  float *naive;
} vector;

/* Rounds a projected vector to the type in which attention reads it. The device's own q, k and v, which have checks of
 * their own, tell which numbers at the end of f16's range became infinite. */
static void store(const clattn_checker *c, clattn_tensor tensor, size_t start, size_t dim, const vector *to) {
  const float *got = (const float *)clattn_outputs_get(c->outputs, tensor) + start;
  for (size_t i = 0; i < dim; ++i) {
    clattn_check_narrowing(c->asked->type, got[i], &to->value[i], &to->bound[i], &to->naive[i]);
    if (isinf(to->value[i])) to->naive[i] = (float)to->value[i];
  }
}

/* `start`: offset of the vector in the tensor as (tokens, heads, dim). */
static void project(const clattn_checker *c, const head *h, clattn_tensor tensor, size_t start, const vector *to) {
  const clattn_linear l = clattn_linear_of(c->asked, tensor);
  const clattn_linear_float linear = clattn_linear_in_float(&l, c->floats);
  const clattn_matrix *matrix = tensor == CLATTN_Q ? &h->wq : tensor == CLATTN_K ? &h->wk : &h->wv;
  const size_t dim = tensor == CLATTN_V ? c->seen->value_dim : c->seen->head_dim;
  const size_t token = start / l.columns.count;
  const clattn_column_runs columns = clattn_linear_vector(&l, start % l.columns.count, dim);
  const float *x = c->floats->tensor[l.in] + token * l.terms;
  for (size_t k = 0; k < l.terms; ++k) h->x[k] = (double)x[k];
  clattn_project_double(&matrix->linear, h->x, columns, to->value, to->bound);
  for (size_t i = 0; i < dim; ++i) to->bound[i] = projection_bound(c, to->bound[i]);
  overflow_as_float(to->value, dim);
  clattn_project_float(&linear, x, columns, to->naive, NULL);
  if (clattn_checks_stored(c, tensor)) store(c, tensor, start, dim, to);
}

/* Vectors that were given or are in a cache: take what the device read from the checked outputs. */
static void take(const clattn_checker *c, clattn_tensor tensor, size_t start, const vector *to) {
  const float *given = tensor == CLATTN_Q ? c->outputs->q : tensor == CLATTN_K ? c->keys : c->values;
  const size_t dim = tensor == CLATTN_V ? c->seen->value_dim : c->seen->head_dim;
  for (size_t i = 0; i < dim; ++i) {
    to->naive[i] = given[start + i];
    to->value[i] = (double)to->naive[i];
    to->bound[i] = 0.0;
  }
}

static void make(const clattn_checker *c, const head *h, clattn_tensor tensor, size_t start, const vector *to) {
  const clattn_problem *p = c->asked;
  const bool cached = p->cache.capacity != 0 && tensor != CLATTN_Q;
  if (h->given || cached) {
    take(c, tensor, start, to);
    return;
  }
  project(c, h, tensor, start, to);
  if (!clattn_is_rotated(p, tensor)) return;
  const size_t token = start / clattn_tensor_columns(p, tensor);
  const clattn_turned turned = {to->value, to->bound, NULL, to->naive};
  clattn_rotate(&c->rotary, clattn_token_position(p, c->inputs, tensor, token), &turned);
}

static void load_head(const clattn_checker *c, head *h, const clattn_score_row *s) {
  const clattn_problem *p = c->seen;
  const size_t k_start = clattn_key_start(p, s, CLATTN_K), k_step = clattn_tensor_columns(p, CLATTN_K);
  const size_t v_start = clattn_key_start(p, s, CLATTN_V), v_step = clattn_tensor_columns(p, CLATTN_V);
  for (size_t j = 0; j < s->sequence.key_len; ++j) {
    const size_t k = j * p->head_dim, v = j * p->value_dim;
    make(c, h, CLATTN_K, k_start + j * k_step, &(vector){h->k + k, h->k_bound + k, h->k_naive + k});
    make(c, h, CLATTN_V, v_start + j * v_step, &(vector){h->v + v, h->v_bound + v, h->v_naive + v});
  }
}

/* Of a kernel that multiplies halves: the most products that it adds up in half. */
static size_t half_chain(const clattn_checker *c) {
  return (size_t)c->plan->stages[CLATTN_STAGE_FUSED].half_addition;
}

/* The type to which a kernel rounds weights before it multiplies them; CLATTN_F32: it does not. */
static clattn_type weight_type(const clattn_checker *c) {
  return half_chain(c) > 0 ? CLATTN_F16 : (clattn_type)c->plan->stages[CLATTN_STAGE_FUSED].rounded_weights;
}

/* Error of a row of scores, caused by the projections and by the scores stage. */
typedef struct score_error {
  double worst;   /* D */
  double typical; /* E, in units of one rounding */
} score_error;

/* The terms of the product of the query and key j. */
static clattn_terms product_terms(const head *h, size_t j, size_t head_dim) {
  clattn_terms terms = {0.0, 0.0, 0.0};
  for (size_t d = 0; d < head_dim; ++d) clattn_terms_add(&terms, h->q[d] * h->k[j * head_dim + d]);
  return terms;
}

static score_error score_row(const clattn_checker *c, head *h, const clattn_score_row *s) {
  const clattn_problem *p = c->seen;
  const size_t chain = clattn_checker_chain(c, CLATTN_STAGE_SCORES), in_half = half_chain(c);
  const double scale = fabs((double)clattn_problem_scale(p)), one = bound_of_one(c, h);
  score_error error = {0.0, 0.0};
  const clattn_score_row_double truth = {NULL, NULL, h->scores, h->score_bound};
  clattn_scores_double(p, s, h->q, (clattn_vectors_double){h->k, p->head_dim}, truth);
  overflow_as_float(h->scores + s->keys.first, s->keys.end - s->keys.first);
  for (size_t j = s->keys.first; j < s->keys.end; ++j) {
    const double *k = h->k + j * p->head_dim, *dk = h->k_bound + j * p->head_dim;
    double passed_on = 0.0, squares = 0.0;
    if (h->scores[j] == -INFINITY) continue;
    for (size_t d = 0; d < p->head_dim; ++d) {
      const double from_k = fabs(h->q[d]) * dk[d], from_q = fabs(k[d]) * h->q_bound[d];
      passed_on += from_k + from_q + h->q_bound[d] * dk[d];
      squares += from_k * from_k + from_q * from_q;
    }
    const clattn_terms products = in_half > 0 ? product_terms(h, j, p->head_dim) : (clattn_terms){0.0, 0.0, 0.0};
    passed_on += clattn_bound_half_product(products.magnitude, p->head_dim, in_half);
    error.worst = fmax(error.worst, clattn_bound_score(p, h->score_bound[j], chain) + scale * passed_on);
    error.typical = fmax(error.typical, scale * sqrt(squares) / one + h->score_bound[j] +
                                            scale * clattn_half_magnitude(&products, in_half));
  }
  return error;
}

/* A device may flush weights below this to 0. */
static double smallest_weight(const clattn_checker *c, const clattn_score_row *s) {
  if (!clattn_checks_fused(c)) return (double)FLT_MIN;
  double smallest = 2.0 * (double)FLT_MIN;
  for (size_t power = 1; power < s->sequence.key_len; power *= 2) smallest *= 2.0;
  return smallest;
}

/* Where weights are rounded: the weight of the row's largest score, or of its sink, which is what the kernel's
 * running weight of 1 becomes. Else 0. */
static double largest_rounded_weight(const clattn_checker *c, const head *h, const clattn_score_row *s, double lse) {
  if (weight_type(c) == CLATTN_F32) return 0.0;
  double largest = exp(s->sink - lse);
  for (size_t j = s->keys.first; j < s->keys.end; ++j) largest = fmax(largest, h->weights[j]);
  return largest;
}

/* Sets h->weight_error: how far off each weight of a row may be. `one`: largest_rounded_weight(). */
static void weight_errors(const clattn_checker *c, const head *h, const clattn_score_row *s, double lse, double one,
                          score_error error) {
  const size_t keys = c->seen->key_len, chain = clattn_checker_chain(c, CLATTN_STAGE_SOFTMAX);
  const double largest = clattn_largest_score(h->scores + s->keys.first, s->keys.end - s->keys.first, s->sink);
  const double smallest = smallest_weight(c, s);
  for (size_t j = s->keys.first; j < s->keys.end; ++j) {
    /* p_j exp(2 D), computed without p_j, which may be too small for a double; at most 1 */
    const double weight = h->weights[j], grown = exp(fmin(0.0, h->scores[j] - lse + 2.0 * error.worst));
    const double rounded = fmax(grown, weight) + clattn_bound_weight_rounding(weight, largest, keys, chain);
    h->weight_error[j] = rounded - weight + clattn_bound_underflow(rounded, smallest);
    if (one > 0.0) h->weight_error[j] += one * clattn_bound_narrowing(weight_type(c), rounded / one);
  }
}

/* What products of halves and rounded weights add to the bound and the magnitude of element d of a context row.
 * `weighed`: the magnitude of the terms. `largest`: largest_rounded_weight(). */
static void add_rounded_products(const clattn_checker *c, const head *h, const clattn_score_row *s, double largest,
                                 size_t d, double weighed, clattn_row_buffers *b) {
  const size_t value_dim = c->seen->value_dim, chain = half_chain(c);
  clattn_terms terms = {0.0, 0.0, 0.0}; /* of a chain in half; without one, what rounded weights change in each */
  for (size_t j = s->keys.first; j < s->keys.end; ++j) {
    const double v = h->v[j * value_dim + d], weight = h->weights[j];
    if (h->scores[j] == -INFINITY) continue; /* masked */
    weighed += h->weight_error[j] * fabs(v); /* the terms are added up with the errors of weights */
    clattn_terms_add(&terms,
                     (chain > 0 ? weight : largest * clattn_bound_narrowing(weight_type(c), weight / largest)) * v);
  }
  b->bound[d] += largest * clattn_bound_half_product(weighed / largest, c->seen->key_len, chain);
  b->magnitude[d] += chain > 0 ? clattn_half_magnitude(&terms, chain) : clattn_rounded_magnitude(&terms);
}

/* Sets b->bound, and turns the context stage's b->magnitude into the magnitude of all stages. `largest`:
 * largest_rounded_weight(). Goes through the values row by row, as they are in memory. */
static void context_bounds(const clattn_checker *c, const head *h, const clattn_score_row *s, double largest,
                           score_error error, clattn_row_buffers *b) {
  const clattn_problem *p = c->seen;
  const double per_one = 1.0 / bound_of_one(c, h), smallest = smallest_weight(c, s);
  const double flushed = clattn_checks_fused(c) ? 2.0 * (double)(p->key_len + 1) * smallest : 0.0;
  const size_t chain = clattn_checker_chain(c, CLATTN_STAGE_CONTEXT), value_dim = p->value_dim;
  double *const bound = b->bound, *const magnitude = b->magnitude, *const lost = h->lost;
  const double *const expected = b->expected;
  memcpy(h->weighed, magnitude, value_dim * sizeof *magnitude);
  for (size_t d = 0; d < value_dim; ++d) {
    bound[d] = clattn_bound_product(magnitude[d], p->key_len, chain) + flushed;
    lost[d] = flushed;
  }
  for (size_t j = s->keys.first; j < s->keys.end; ++j) {
    const double *const v = h->v + j * value_dim, *const v_bound = h->v_bound + j * value_dim;
    const double weight = h->weights[j], weight_error = h->weight_error[j], most = fmin(1.0, weight + weight_error);
    const double underflow = clattn_bound_underflow(weight, smallest);
    if (h->scores[j] == -INFINITY) continue; /* masked */
    for (size_t d = 0; d < value_dim; ++d) {
      bound[d] += most * v_bound[d] + weight_error * fabs(v[d]);
      lost[d] += underflow * fabs(v[d]);
      magnitude[d] += weight * (v_bound[d] * per_one + error.typical * fabs(v[d] - expected[d]));
    }
  }
  for (size_t d = 0; d < value_dim && largest > 0.0; ++d) add_rounded_products(c, h, s, largest, d, h->weighed[d], b);
  for (size_t d = 0; d < value_dim; ++d) magnitude[d] += clattn_magnitude_of(lost[d]);
  for (size_t j = s->keys.first; j < s->keys.end; ++j) {
    if (h->scores[j] == -INFINITY || !(h->weights[j] <= h->weight_error[j])) continue;
    for (size_t d = 0; d < value_dim; ++d)
      if (isinf(h->v[j * value_dim + d])) bound[d] = CLATTN_NOT_FINITE; /* the weight may be 0: NaN, else infinite */
  }
}

/* Runs the reference in float; timed when it is the reference of a fused kernel. */
static float run_naive(clattn_checker *c, head *h, const clattn_score_row *s, float *context, bool timed) {
  const clattn_problem *p = c->seen;
  const clattn_score_row_float naive = {NULL, NULL, h->scores_naive, NULL};
  const clattn_columns keys = clattn_visible_keys(s);
  const double started = clattn_now();
  clattn_scores_float(p, s, h->q_naive, (clattn_vectors_float){h->k_naive, p->head_dim}, naive);
  const float lse = clattn_softmax_float(h->scores_naive, p->key_len, (float)s->sink, h->weights_naive);
  clattn_context_float(keys, h->scores_naive, h->weights_naive, (clattn_vectors_float){h->v_naive, p->value_dim},
                       p->value_dim, context, NULL);
  if (!timed) return lse;
  c->report->reference_seconds[CLATTN_STAGE_FUSED] += clattn_now() - started;
  c->flops[CLATTN_STAGE_FUSED] += (double)keys.count * (2.0 * (double)(p->head_dim + p->value_dim) + 4.0);
  return lse;
}

/* The tensors that this check compares. */
typedef struct comparisons {
  clattn_comparison context, lse;
} comparisons;

static void compare_lse(const clattn_checker *c, const head *h, size_t i, const clattn_score_row *s, score_error error,
                        const double values[2], comparisons *to) {
  const clattn_problem *p = c->seen;
  const double largest = clattn_largest_score(h->scores + s->keys.first, s->keys.end - s->keys.first, s->sink);
  const size_t chain = clattn_checker_chain(c, CLATTN_STAGE_SOFTMAX);
  const clattn_element element = {.got = c->outputs->lse[clattn_checker_row(c, i)],
                                  .expected = values[0],
                                  .naive = (float)values[1],
                                  .bound = clattn_bound_lse(values[0], largest, p->key_len, chain) + error.worst,
                                  .magnitude = 1.0 + largest + error.typical};
  clattn_compare(&to->lse, (const size_t[]){s->batch, s->head, s->query}, 3, &element);
}

static void check_row(clattn_checker *c, head *h, size_t i, clattn_row_buffers *b, comparisons *to) {
  const clattn_problem *p = c->seen;
  const clattn_score_row s = clattn_checker_score_row(c, i);
  const clattn_columns keys = clattn_visible_keys(&s);
  const bool fused = !to->context.check.end_to_end, exists = clattn_row_exists(&s);
  if (exists) make(c, h, CLATTN_Q, clattn_query_start(p, &s, CLATTN_Q), &(vector){h->q, h->q_bound, h->q_naive});
  const score_error error = score_row(c, h, &s);
  double lse[2] = {clattn_softmax_double(h->scores, p->key_len, s.sink, h->weights)};
  clattn_context_double(keys, h->scores, h->weights, (clattn_vectors_double){h->v, p->value_dim}, p->value_dim,
                        b->expected, b->magnitude);
  const double largest = largest_rounded_weight(c, h, &s, lse[0]);
  weight_errors(c, h, &s, lse[0], largest, error);
  context_bounds(c, h, &s, largest, error, b);
  lse[1] = (double)run_naive(c, h, &s, b->naive, fused);
  if (fused && c->outputs->lse != NULL) compare_lse(c, h, i, &s, error, lse, to);
  if (exists) clattn_check_context(c, &s, b, &to->context);
}

static clattn_status check_way(clattn_checker *c, bool end_to_end, clattn_error *error) {
  const clattn_problem *p = c->seen;
  comparisons to = {clattn_check_begin(CLATTN_CONTEXT, end_to_end), clattn_check_begin(CLATTN_LSE, end_to_end)};
  clattn_row_buffers b = {0};
  head h = {.given = !end_to_end || p->source == CLATTN_SOURCE_QKV};
  clattn_status status = CLATTN_OK;
  if (!load_matrices(c, &h) || !allocate(&h, p) || !clattn_row_buffers_allocate(&b, p->value_dim, 0)) {
    status = clattn_fail_check_memory(error);
    goto cleanup;
  }
  size_t loaded = SIZE_MAX; /* rows ascend, so the rows of a (batch, KV head) follow each other */
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_score_row s = clattn_checker_score_row(c, i);
    const size_t kv_pair = s.batch * clattn_kv_heads(p) + s.kv_head;
    if (kv_pair != loaded) load_head(c, &h, &s);
    loaded = kv_pair;
    check_row(c, &h, i, &b, &to);
  }
  clattn_check_finish(c, &to.lse);
  clattn_check_finish(c, &to.context);
cleanup:
  release(&h);
  free(b.memory);
  return status;
}

clattn_status clattn_check_fused(clattn_checker *c, clattn_error *error) {
  return check_way(c, false, error);
}

clattn_status clattn_check_end_to_end(clattn_checker *c, clattn_error *error) {
  return check_way(c, true, error);
}
