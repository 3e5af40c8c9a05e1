/* Context all the way from X, in double, with a bound that carries the errors of each stage into the next.
 *
 * Let dq, dk, dv be the bounds of the projections and ds that of the scores themselves. In the worst case, for query i:
 *
 *     |error of score j|   <= ds_j + |scale| * sum over c of (|q_c| dk_jc + |k_jc| dq_c + dq_c dk_jc)  =: D_j
 *     |error of weight j|  <= p_j (exp(2 D) - 1) + its own rounding,  D = max over live j of D_j
 *     |error of context c| <= sum over j of (p_j exp(2 D) dv_jc + |error of weight j| |v_jc|) + its own rounding
 *
 * (Each exp is off by a factor of at most exp(D), and so is their sum.) That is gate 1; it is loose, because errors
 * that differ in sign are added up as if they did not. Gate 2, the error that plain scalar code makes on the same way,
 * is the sharper one. Its magnitude M is that of the sums of all stages together: with E_j = what D_j becomes when
 * independent errors are added as the root of their squares and in units of one rounding,
 *
 *     M_c = sum over j of (p_j |v_jc| + p_j |x.wv|_jc + max E * p_j |v_jc - context_c|)
 *
 * since a change of the scores moves context by sum of p_j (v_j - context) * change_j. Without the last term a problem
 * with large scores failed by chance: its largest error comes from one row, and there one float computation is easily
 * more than twice as lucky as another. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "reference.h"
#include "status.h"

/* One (batch, head): its keys and values from X, with bounds, and the same in float. */
typedef struct head {
  double *wq, *wk, *wv;                /* whole matrices */
  double *k, *k_bound;                 /* (key_len, head_dim) */
  double *v, *v_bound;                 /* (key_len, value_dim) */
  float *k_naive, *v_naive;            /* likewise */
  double *x;                           /* (model_dim), the token at hand */
  double *q, *q_bound;                 /* (head_dim) */
  float *q_naive;                      /* (head_dim) */
  double *scores, *score_bound;        /* (key_len) */
  double *weights;                     /* (key_len) */
  float *scores_naive, *weights_naive; /* (key_len) */
  void *memory;
} head;

static bool allocate(head *h, const clattn_problem *p) {
  const size_t keys = p->key_len, dim = p->head_dim, value_dim = p->value_dim;
  double **const doubles[] = {&h->k, &h->k_bound, &h->v,      &h->v_bound,     &h->x,
                              &h->q, &h->q_bound, &h->scores, &h->score_bound, &h->weights};
  const size_t double_counts[] = {
      keys * dim, keys * dim, keys * value_dim, keys * value_dim, p->model_dim, dim, dim, keys, keys, keys};
  float **const floats[] = {&h->k_naive, &h->v_naive, &h->q_naive, &h->scores_naive, &h->weights_naive};
  const size_t float_counts[] = {keys * dim, keys * value_dim, dim, keys, keys};
  size_t bytes = 0;
  const size_t most = SIZE_MAX / 256; /* all parts together take at most 15 x 8 bytes for each element of the largest */
  if (keys * dim > most || keys * value_dim > most || p->model_dim > most) return false;
  for (size_t i = 0; i < 10; ++i) bytes += double_counts[i] * sizeof(double);
  for (size_t i = 0; i < 5; ++i) bytes += float_counts[i] * sizeof(float);
  double *next = h->memory = malloc(bytes);
  if (next == NULL) return false;
  for (size_t i = 0; i < 10; next += double_counts[i++]) *doubles[i] = next;
  float *next_float = (float *)(void *)next;
  for (size_t i = 0; i < 5; next_float += float_counts[i++]) *floats[i] = next_float;
  return true;
}

/* Where float must overflow, the truth overflows, too: the stages that follow then see what any float path sees. */
static void overflow_as_float(double *values, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (fabs(values[i]) > (double)FLT_MAX) values[i] = values[i] > 0 ? INFINITY : -INFINITY;
}

static void load_token(const clattn_checker *c, head *h, size_t token) {
  for (size_t k = 0; k < c->problem->model_dim; ++k) h->x[k] = (double)c->inputs->x[token * c->problem->model_dim + k];
}

static double projection_bound(const clattn_checker *c, double magnitude) {
  return clattn_bound_product(magnitude, c->problem->model_dim, c->plan->stages[CLATTN_STAGE_PROJECT].longest_addition);
}

/* The head's columns of one projection of the loaded token: value and bound in double, value in float. */
static void project(const clattn_checker *c, const head *h, clattn_tensor tensor, size_t head_index, size_t token,
                    double *value, double *bound, float *naive) {
  const clattn_problem *p = c->problem;
  const size_t dim = tensor == CLATTN_V ? p->value_dim : p->head_dim, all = clattn_projection_columns(p, tensor);
  const clattn_columns columns = {head_index * dim, dim};
  const double *w = tensor == CLATTN_Q ? h->wq : tensor == CLATTN_K ? h->wk : h->wv;
  const float *w_float = tensor == CLATTN_Q ? c->inputs->wq : tensor == CLATTN_K ? c->inputs->wk : c->inputs->wv;
  clattn_project_double(p, h->x, w, all, columns, value, bound);
  for (size_t i = 0; i < dim; ++i) bound[i] = projection_bound(c, bound[i]);
  overflow_as_float(value, dim);
  clattn_project_float(p, c->inputs->x + token * p->model_dim, w_float, all, columns, naive, NULL);
}

static void load_head(const clattn_checker *c, head *h, size_t batch, size_t head_index) {
  const clattn_problem *p = c->problem;
  for (size_t j = 0; j < p->key_len; ++j) {
    const size_t token = batch * p->key_len + j, k = j * p->head_dim, v = j * p->value_dim;
    load_token(c, h, token);
    project(c, h, CLATTN_K, head_index, token, h->k + k, h->k_bound + k, h->k_naive + k);
    project(c, h, CLATTN_V, head_index, token, h->v + v, h->v_bound + v, h->v_naive + v);
  }
}

/* What the errors of the projections and of the scores themselves can make of a row of scores. */
typedef struct score_error {
  double worst;   /* D */
  double typical; /* E, in units of one rounding */
} score_error;

static score_error score_row(const clattn_checker *c, head *h, size_t live) {
  const clattn_problem *p = c->problem;
  const size_t chain = c->plan->stages[CLATTN_STAGE_SCORES].longest_addition;
  const double scale = fabs((double)clattn_problem_scale(p));
  const double bound_of_one = projection_bound(c, 1.0); /* turns bounds into magnitudes */
  score_error error = {0.0, 0.0};
  clattn_scores_double(p, h->q, h->k, p->head_dim, live, h->scores, h->score_bound);
  overflow_as_float(h->scores, live);
  for (size_t j = 0; j < live; ++j) {
    const double *k = h->k + j * p->head_dim, *dk = h->k_bound + j * p->head_dim;
    double passed_on = 0.0, squares = 0.0;
    for (size_t d = 0; d < p->head_dim; ++d) {
      const double from_k = fabs(h->q[d]) * dk[d], from_q = fabs(k[d]) * h->q_bound[d];
      passed_on += from_k + from_q + h->q_bound[d] * dk[d];
      squares += from_k * from_k + from_q * from_q;
    }
    error.worst = fmax(error.worst, clattn_bound_product(h->score_bound[j], p->head_dim, chain) + scale * passed_on);
    error.typical = fmax(error.typical, scale * sqrt(squares) / bound_of_one + h->score_bound[j]);
  }
  return error;
}

/* From b->expected and the plain magnitude in b->magnitude: the bound, and the magnitude of all stages. */
static void context_bounds(const clattn_checker *c, const head *h, size_t live, score_error error,
                           clattn_row_buffers *b) {
  const clattn_problem *p = c->problem;
  const double grown = exp(2.0 * error.worst), largest = clattn_largest_finite(h->scores, live);
  const size_t softmax_chain = c->plan->stages[CLATTN_STAGE_SOFTMAX].longest_addition;
  const size_t context_chain = c->plan->stages[CLATTN_STAGE_CONTEXT].longest_addition;
  const double bound_of_one = projection_bound(c, 1.0);
  for (size_t d = 0; d < p->value_dim; ++d) {
    double bound = clattn_bound_product(b->magnitude[d], p->key_len, context_chain), magnitude = b->magnitude[d];
    for (size_t j = 0; j < live; ++j) {
      const size_t at = j * p->value_dim + d;
      const double weight = h->weights[j], v = h->v[at], v_bound = h->v_bound[at];
      const double moved = isfinite(grown) ? fmin(1.0, weight * (grown - 1.0)) : 1.0; /* no weight exceeds 1 */
      const double weight_error = moved + clattn_bound_weight(weight, largest, p->key_len, softmax_chain);
      bound += fmin(1.0, weight + moved) * v_bound + weight_error * fabs(v);
      magnitude += weight * (v_bound / bound_of_one + error.typical * fabs(v - b->expected[d]));
    }
    b->bound[d] = bound;
    b->magnitude[d] = magnitude;
  }
}

static void check_row(const clattn_checker *c, head *h, clattn_comparison *comparison, clattn_place at,
                      clattn_row_buffers *b) {
  const clattn_problem *p = c->problem;
  const size_t token = at.batch * p->query_len + at.query;
  load_token(c, h, token);
  project(c, h, CLATTN_Q, at.head, token, h->q, h->q_bound, h->q_naive);
  const score_error error = score_row(c, h, at.live);
  clattn_softmax_double(h->scores, p->key_len, h->weights);
  clattn_context_double(h->weights, at.live, h->v, p->value_dim, p->value_dim, b->expected, b->magnitude);
  context_bounds(c, h, at.live, error, b);

  clattn_scores_float(p, h->q_naive, h->k_naive, p->head_dim, at.live, h->scores_naive, NULL);
  clattn_softmax_float(h->scores_naive, p->key_len, h->weights_naive);
  clattn_context_float(h->weights_naive, at.live, h->v_naive, p->value_dim, p->value_dim, b->naive, NULL);
  clattn_check_context_row(c, comparison, at, b);
}

clattn_status clattn_check_end_to_end(clattn_checker *c, clattn_error *error) {
  const clattn_problem *p = c->problem;
  const size_t key_matrix = p->model_dim * p->heads * p->head_dim;
  const size_t value_matrix = p->model_dim * p->heads * p->value_dim;
  clattn_comparison comparison = clattn_check_begin(CLATTN_CONTEXT, true);
  clattn_row_buffers b = {0};
  head h = {.wq = clattn_to_double(c->inputs->wq, key_matrix),
            .wk = clattn_to_double(c->inputs->wk, key_matrix),
            .wv = clattn_to_double(c->inputs->wv, value_matrix)};
  clattn_status status = CLATTN_OK;
  if (h.wq == NULL || h.wk == NULL || h.wv == NULL || !allocate(&h, p) ||
      !clattn_row_buffers_allocate(&b, p->value_dim, 0)) {
    status = clattn_fail_check_memory(error);
    goto cleanup;
  }
  size_t loaded = SIZE_MAX; /* rows ascend, so all rows of a (batch, head) come in a row */
  for (size_t i = 0; i < c->row_count; ++i) {
    const clattn_place at = clattn_place_of(p, clattn_checker_row(c, i));
    const size_t pair = at.batch * p->heads + at.head;
    if (pair != loaded) load_head(c, &h, at.batch, at.head);
    loaded = pair;
    check_row(c, &h, &comparison, at, &b);
  }
  clattn_check_finish(c, &comparison);
cleanup:
  free(h.wq);
  free(h.wk);
  free(h.wv);
  free(h.memory);
  free(b.memory);
  return status;
}
