/* The scalar path. */
#include "reference.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "element.h"
#include "linear.h"
#include "positions.h"
#include "shape.h"
#include "status.h"

#define REAL double
#define NAME(stage) stage##_double
#define LINEAR clattn_linear_double
#define VECTORS clattn_vectors_double
#define SCORE_ROW clattn_score_row_double
#define EXP exp
#define LOG log
#define TANH tanh
#include "reference_stages.inc"
#undef REAL
#undef NAME
#undef LINEAR
#undef VECTORS
#undef SCORE_ROW
#undef EXP
#undef LOG
#undef TANH

#define REAL float
#define NAME(stage) stage##_float
#define LINEAR clattn_linear_float
#define VECTORS clattn_vectors_float
#define SCORE_ROW clattn_score_row_float
#define EXP expf
#define LOG logf
#define TANH tanhf
#include "reference_stages.inc"
#undef REAL
#undef NAME
#undef LINEAR
#undef VECTORS
#undef SCORE_ROW
#undef EXP
#undef LOG
#undef TANH

/* ---- the whole way ----------------------------------------------------------------------------------------------- */

typedef struct reference {
  const clattn_problem *problem;
  const clattn_inputs *inputs;
  const clattn_outputs *outputs;
  clattn_floats floats;
  float *q, *k, *v, *context, *output;                             /* whole; output in float */
  float *scaled, *softcapped, *scores, *weights, *products, *exps; /* one row; the last two NULL unless wanted */
  float *own[11];
  size_t own_count;
} reference;

/* The caller's memory where there is some, else our own. */
static float *place(reference *r, float *given, size_t elements) {
  if (given != NULL) return given;
  return r->own[r->own_count++] = elements <= SIZE_MAX / sizeof(float) ? malloc(elements * sizeof(float)) : NULL;
}

/* Exps, or what comes with them. */
static bool is_exps_wanted(const clattn_outputs *o) {
  return o->exps != NULL || o->row_max != NULL || o->row_sum != NULL;
}

static bool allocate(reference *r) {
  const clattn_problem *p = r->problem;
  const clattn_outputs *o = r->outputs;
  r->q = place(r, o->q, clattn_tensor_elements(p, CLATTN_Q));
  r->k = place(r, o->k, clattn_tensor_elements(p, CLATTN_K));
  r->v = place(r, o->v, clattn_tensor_elements(p, CLATTN_V));
  r->context = place(r, o->context, clattn_tensor_elements(p, CLATTN_CONTEXT));
  if (p->output_dim != 0) r->output = place(r, NULL, clattn_tensor_elements(p, CLATTN_OUTPUT));
  r->scaled = place(r, NULL, p->key_len);
  r->softcapped = place(r, NULL, p->key_len);
  r->scores = place(r, NULL, p->key_len);
  r->weights = place(r, NULL, p->key_len);
  if (o->products != NULL) r->products = place(r, NULL, p->key_len);
  if (is_exps_wanted(o)) r->exps = place(r, NULL, p->key_len);
  for (size_t i = 0; i < r->own_count; ++i)
    if (r->own[i] == NULL) return false;
  return true;
}

/* All rows of q, k, v or the output: projected, or given. */
static void project_all(const reference *r, clattn_tensor tensor, const float *in, float *out) {
  const clattn_linear l = clattn_linear_of(r->problem, tensor);
  const clattn_linear_float linear = clattn_linear_in_float(&l, &r->floats);
  if (in == NULL) in = r->floats.tensor[l.in];
  for (size_t row = 0; row < l.rows; ++row)
    clattn_project_float(&linear, in + row * l.terms, l.columns, out + row * l.columns.count, NULL);
}

static void rotate_all(const reference *r, clattn_tensor tensor, float *out) {
  const clattn_problem *p = r->problem;
  const size_t columns = clattn_tensor_columns(p, tensor);
  const size_t tokens = tensor == CLATTN_K ? clattn_key_tokens(p) : clattn_query_tokens(p);
  for (size_t token = 0; token < tokens; ++token) {
    const size_t position = clattn_token_position(p, r->inputs, tensor, token);
    for (size_t c = 0; c < columns; c += p->head_dim) clattn_rotate_float(p, position, out + token * columns + c);
  }
}

static void make(const reference *r, clattn_tensor tensor, float *out) {
  if (r->problem->source != CLATTN_SOURCE_QKV)
    project_all(r, tensor, NULL, out);
  else
    clattn_gather_given(r->problem, tensor, r->floats.tensor[tensor], out);
  if (clattn_is_rotated(r->problem, tensor)) rotate_all(r, tensor, out);
}

/* Row `row` of one of the tensors of rows: NULL if it is not wanted. `next` counts the wanted rows. */
static float *row_of(const reference *r, float *all, size_t next, size_t row) {
  const clattn_rows *rows = r->outputs->rows;
  if (all == NULL) return NULL;
  if (rows == NULL) return all + row * r->problem->key_len;
  return next < rows->count && rows->row[next] == row ? all + next * r->problem->key_len : NULL;
}

static void deliver_row(const reference *r, size_t next, size_t row) {
  const clattn_outputs *o = r->outputs;
  float *const to[] = {row_of(r, o->scaled, next, row),   row_of(r, o->softcapped, next, row),
                       row_of(r, o->scores, next, row),   row_of(r, o->weights, next, row),
                       row_of(r, o->products, next, row), row_of(r, o->exps, next, row)};
  const float *const from[] = {r->scaled, r->softcapped, r->scores, r->weights, r->products, r->exps};
  for (int i = 0; i < 6; ++i)
    if (to[i] != NULL && from[i] != NULL) memcpy(to[i], from[i], r->problem->key_len * sizeof(float));
}

/* What a row's scores begin with, and what lies between them and its weights. */
static void trace_products(const reference *r, const clattn_sight *s, const float *q, clattn_vectors_float k) {
  if (r->products == NULL) return;
  const clattn_problem unscaled = clattn_unscaled(r->problem);
  clattn_scores_float(&unscaled, s, q, k, (clattn_score_row_float){r->products, NULL, r->scores, NULL});
}

static void trace_exps(const reference *r, const clattn_sight *s, size_t row) {
  const clattn_outputs *o = r->outputs;
  if (r->exps == NULL) return;
  float largest;
  const float sum = clattn_exps_float(r->scores, r->problem->key_len, (float)s->sink, r->exps, &largest);
  if (o->row_max != NULL) o->row_max[row] = largest;
  if (o->row_sum != NULL) o->row_sum[row] = sum;
}

static void attend(const reference *r, size_t row) {
  const clattn_problem *p = r->problem;
  const clattn_sight s = clattn_sight_of(p, r->inputs, row);
  const clattn_vectors_float k = {r->k + clattn_key_start(p, &s, CLATTN_K), clattn_tensor_columns(p, CLATTN_K)};
  const clattn_vectors_float v = {r->v + clattn_key_start(p, &s, CLATTN_V), clattn_tensor_columns(p, CLATTN_V)};
  const clattn_score_row_float scores = {r->scaled, r->softcapped, r->scores, NULL};
  const bool exists = s.query < s.sequence.query_len;
  const float *q = exists ? r->q + clattn_query_start(p, &s, CLATTN_Q) : NULL;
  trace_products(r, &s, q, k);
  clattn_scores_float(p, &s, q, k, scores);
  trace_exps(r, &s, row);
  const float lse = clattn_softmax_float(r->scores, p->key_len, (float)s.sink, r->weights);
  if (r->outputs->lse != NULL) r->outputs->lse[row] = lse;
  if (exists)
    clattn_context_float((clattn_columns){s.keys.first, s.keys.end - s.keys.first}, r->weights, v, p->value_dim,
                         r->context + clattn_query_start(p, &s, CLATTN_CONTEXT), NULL);
}

static void run(const reference *r) {
  const clattn_problem *p = r->problem;
  const clattn_rows *rows = r->outputs->rows;
  if (r->outputs->x_positioned != NULL && p->source != CLATTN_SOURCE_QKV)
    memcpy(r->outputs->x_positioned, r->floats.tensor[CLATTN_X], clattn_output_bytes(p, CLATTN_X_POSITIONED));
  make(r, CLATTN_Q, r->q);
  make(r, CLATTN_K, r->k);
  make(r, CLATTN_V, r->v);
  for (size_t row = 0, next = 0; row < p->batch * p->heads * p->query_len; ++row) {
    attend(r, row);
    deliver_row(r, next, row);
    if (rows != NULL && next < rows->count && rows->row[next] == row) ++next;
  }
  if (!clattn_has_output(p) || r->outputs->output == NULL) return;
  if (p->output_dim != 0) project_all(r, CLATTN_OUTPUT, r->context, r->output);
  clattn_narrow(p->type, p->output_dim != 0 ? r->output : r->context, clattn_tensor_elements(p, CLATTN_OUTPUT),
                r->outputs->output);
}

clattn_status clattn_reference_run(const clattn_problem *problem, const clattn_inputs *inputs,
                                   const clattn_outputs *outputs, clattn_error *error) {
  clattn_status status = clattn_problem_validate(problem, error);
  if (status == CLATTN_OK) status = clattn_check_arguments(problem, inputs, outputs, error);
  if (status == CLATTN_OK && problem->cache.capacity != 0)
    status = clattn_fail(error, CLATTN_UNSUPPORTED, "the scalar path has no cache (give it all keys at once)");
  if (status != CLATTN_OK) return status;
  reference r = {.problem = problem, .inputs = inputs, .outputs = outputs};
  status = clattn_floats_of(problem, inputs, &r.floats, error);
  if (status == CLATTN_OK && !allocate(&r))
    status = clattn_fail(error, CLATTN_OUT_OF_HOST_MEMORY, "no host memory for the scalar path");
  if (status == CLATTN_OK) run(&r);
  for (size_t i = 0; i < r.own_count; ++i) free(r.own[i]);
  clattn_floats_release(&r.floats);
  return status;
}
