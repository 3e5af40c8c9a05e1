/* The scalar path. */
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "shape.h"
#include "status.h"

#define REAL double
#define NAME(stage) stage##_double
#define EXP exp
#include "reference_stages.inc"
#undef REAL
#undef NAME
#undef EXP

#define REAL float
#define NAME(stage) stage##_float
#define EXP expf
#include "reference_stages.inc"
#undef REAL
#undef NAME
#undef EXP

/* All rows of one projection. */
static void project_all(const clattn_problem *problem, const float *x, const float *w, clattn_tensor tensor,
                        float *out) {
  const size_t columns = clattn_projection_columns(problem, tensor);
  const clattn_columns all = {0, columns};
  for (size_t row = 0; row < problem->batch * problem->query_len; ++row)
    clattn_project_float(problem, x + row * problem->model_dim, w, columns, all, out + row * columns, NULL);
}

typedef struct tensors {
  float *q, *k, *v;
} tensors;

/* Row `row` of all (batch, head, query): scores, weights and context. */
static void attend(const clattn_problem *problem, const tensors *t, size_t row, float *scores, float *weights,
                   float *context) {
  const size_t query = row % problem->query_len, pair = row / problem->query_len;
  const size_t batch = pair / problem->heads, head = pair % problem->heads;
  const clattn_strides q = clattn_tensor_strides(problem, CLATTN_Q), k = clattn_tensor_strides(problem, CLATTN_K);
  const clattn_strides v = clattn_tensor_strides(problem, CLATTN_V);
  const clattn_strides c = clattn_tensor_strides(problem, CLATTN_CONTEXT);
  const size_t live = clattn_live_keys(problem, query);
  clattn_scores_float(problem, t->q + batch * q.batch + head * q.head + query * q.row,
                      t->k + batch * k.batch + head * k.head, k.row, live, scores, NULL);
  clattn_softmax_float(scores, problem->key_len, weights);
  clattn_context_float(weights, live, t->v + batch * v.batch + head * v.head, v.row, problem->value_dim,
                       context + batch * c.batch + head * c.head + query * c.row, NULL);
}

/* Where row `row` of scores or weights goes: NULL if it is not wanted. `next` counts the wanted rows. */
static float *place(float *all, const clattn_rows *rows, size_t next, size_t row, size_t key_len) {
  if (all == NULL) return NULL;
  if (rows == NULL) return all + row * key_len;
  return next < rows->count && rows->row[next] == row ? all + next * key_len : NULL;
}

/* The caller's memory where there is some, else our own, noted for freeing. */
static float *own_or_given(float *given, size_t elements, float **own) {
  if (given != NULL) return given;
  *own = malloc(elements * sizeof **own);
  return *own;
}

clattn_status clattn_reference_run(const clattn_problem *problem, const clattn_inputs *inputs,
                                   const clattn_outputs *outputs, clattn_error *error) {
  clattn_status status = clattn_problem_validate(problem, error);
  if (status == CLATTN_OK) status = clattn_check_arguments(problem, inputs, outputs, error);
  if (status != CLATTN_OK) return status;

  const size_t key_len = problem->key_len, rows = problem->batch * problem->heads * problem->query_len;
  float *own[6] = {NULL};
  const tensors t = {
      .q = own_or_given(outputs->q, clattn_tensor_elements(problem, CLATTN_Q), &own[0]),
      .k = own_or_given(outputs->k, clattn_tensor_elements(problem, CLATTN_K), &own[1]),
      .v = own_or_given(outputs->v, clattn_tensor_elements(problem, CLATTN_V), &own[2]),
  };
  float *context = own_or_given(outputs->context, clattn_tensor_elements(problem, CLATTN_CONTEXT), &own[3]);
  float *scores = own[4] = malloc(key_len * sizeof *scores);
  float *weights = own[5] = malloc(key_len * sizeof *weights);
  if (t.q == NULL || t.k == NULL || t.v == NULL || context == NULL || scores == NULL || weights == NULL) {
    status = clattn_fail(error, CLATTN_OUT_OF_HOST_MEMORY, "no host memory for the scalar path");
    goto cleanup;
  }
  project_all(problem, inputs->x, inputs->wq, CLATTN_Q, t.q);
  project_all(problem, inputs->x, inputs->wk, CLATTN_K, t.k);
  project_all(problem, inputs->x, inputs->wv, CLATTN_V, t.v);
  for (size_t row = 0, next = 0; row < rows; ++row) {
    attend(problem, &t, row, scores, weights, context);
    float *scores_place = place(outputs->scores, outputs->rows, next, row, key_len);
    float *weights_place = place(outputs->weights, outputs->rows, next, row, key_len);
    if (scores_place != NULL) memcpy(scores_place, scores, key_len * sizeof *scores);
    if (weights_place != NULL) memcpy(weights_place, weights, key_len * sizeof *weights);
    if (outputs->rows != NULL && next < outputs->rows->count && outputs->rows->row[next] == row) ++next;
  }
cleanup:
  for (size_t i = 0; i < sizeof own / sizeof own[0]; ++i) free(own[i]);
  return status;
}
