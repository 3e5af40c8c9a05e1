/* OpenBLAS computes the products for blocks of rows, with a plain softmax between them. With
 * OpenMP the cores share the blocks, and OpenBLAS uses one thread in each: its own threads spin
 * after every product (measured), and softmax, which takes three times as long as the products,
 * would run on one core. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/compare/blas_library.h"
#include "base/clock.h"
#include "cli/compare/contestant.h"
#include "cli/compare/team.h"

#define BLOCK_ROWS 128
#define PIECES_A_THREAD 8

static blas_library blas;

/* State for one problem, which has to be projected from X, with as many keys as queries and at
 * most a causal mask. */
struct blas_work {
  const clattn_problem *problem;
  clattn_outputs to;                      /* q, k, v and context: the caller's, or from `own` */
  const float *from[CLATTN_TENSOR_COUNT]; /* X and the matrices as float */
  size_t pieces;
  float *scores;                   /* (pieces, BLOCK_ROWS, key_len) */
  float *own[CLATTN_TENSOR_COUNT]; /* results that the caller does not want, and inputs of another type */
};
typedef struct blas_work blas_work;

static const clattn_tensor results[] = {CLATTN_Q, CLATTN_K, CLATTN_V, CLATTN_CONTEXT};
static const clattn_tensor sources[] = {CLATTN_X, CLATTN_WQ, CLATTN_WK, CLATTN_WV};

/* ---- before the clock -------------------------------------------------------------------------------------------- */

static bool allocate(blas_work *w, clattn_tensor tensor) {
  w->own[tensor] = malloc(clattn_tensor_elements(w->problem, tensor) * sizeof(float));
  return w->own[tensor] != NULL;
}

static bool allocate_all(blas_work *w) {
  const clattn_problem *p = w->problem;
  for (int i = 0; i < 4; ++i)
    if (!allocate(w, results[i]) || (p->type != CLATTN_F32 && !allocate(w, sources[i]))) return false;
  w->scores = malloc(w->pieces * BLOCK_ROWS * p->key_len * sizeof(float));
  return w->scores != NULL;
}

static clattn_status prepare(contestant *c, const clattn_problem *problem, clattn_error *error) {
  const size_t threads = team_size();
  c->blas = calloc(1, sizeof *c->blas);
  if (c->blas != NULL) {
    c->blas->problem = problem;
    c->blas->pieces = threads > 1 ? PIECES_A_THREAD * threads : 1;
    if (threads > 1 && blas.set_threads != NULL) blas.set_threads(1);
    if (allocate_all(c->blas)) return CLATTN_OK;
  }
  snprintf(error->message, sizeof error->message, "no host memory for the intermediate results");
  return error->status = CLATTN_OUT_OF_HOST_MEMORY;
}

static void finish(contestant *c) {
  if (c->blas == NULL) return;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) free(c->blas->own[t]);
  free(c->blas->scores);
  free(c->blas);
  c->blas = NULL;
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

static size_t columns_of(const clattn_problem *p, clattn_tensor tensor) {
  return clattn_tensor_elements(p, tensor) / (p->batch * p->query_len);
}

/* Projects the tokens of one piece to q, k and v. */
static void project_piece(void *of, size_t piece) {
  const blas_work *w = of;
  const clattn_problem *p = w->problem;
  const size_t tokens = p->batch * p->query_len;
  const size_t first = piece * tokens / w->pieces, rows = (piece + 1) * tokens / w->pieces - first;
  const int terms = (int)p->model_dim;
  if (rows == 0) return;
  for (int i = 0; i < 3; ++i) {
    const int columns = (int)columns_of(p, results[i]);
    float *out = clattn_outputs_get(&w->to, results[i]);
    const bool turned = p->layout == CLATTN_LAYOUT_XWT;
    blas.sgemm(BLAS_ROW_MAJOR, BLAS_PLAIN, turned ? BLAS_TRANSPOSED : BLAS_PLAIN, (int)rows, columns, terms, 1.0f,
               w->from[CLATTN_X] + first * p->model_dim, terms, w->from[sources[i + 1]], turned ? terms : columns, 0.0f,
               out + first * (size_t)columns, columns);
  }
}

/* Turns the first `live` scores into weights, the others into 0. */
static void softmax(float *row, size_t live, size_t keys) {
  float largest = row[0], sum = 0.0f;
  for (size_t j = 1; j < live; ++j) largest = fmaxf(largest, row[j]);
  for (size_t j = 0; j < live; ++j) sum += row[j] = expf(row[j] - largest);
  for (size_t j = 0; j < live; ++j) row[j] /= sum;
  for (size_t j = live; j < keys; ++j) row[j] = 0.0f;
}

/* Computes up to BLOCK_ROWS rows of one head. With a causal mask it skips the keys after the
 * last row. */
static void attend_block(const blas_work *w, size_t pair, size_t first, float *scores) {
  const clattn_problem *p = w->problem;
  const size_t b = pair / p->heads, head = pair % p->heads, kv_heads = input_kv_heads(p);
  const size_t kv_head = head / (p->heads / kv_heads), start = b * p->query_len;
  const size_t rows = p->query_len - first < BLOCK_ROWS ? p->query_len - first : BLOCK_ROWS;
  const size_t keys = p->causal ? first + rows : p->key_len;
  const int q_step = (int)(p->heads * p->head_dim), k_step = (int)(kv_heads * p->head_dim);
  const int v_step = (int)(kv_heads * p->value_dim), c_step = (int)(p->heads * p->value_dim);
  const float *q = w->to.q + (start + first) * (size_t)q_step + head * p->head_dim;
  const float *k = w->to.k + start * (size_t)k_step + kv_head * p->head_dim;
  const float *v = w->to.v + start * (size_t)v_step + kv_head * p->value_dim;
  float *context = w->to.context + (start + first) * (size_t)c_step + head * p->value_dim;
  blas.sgemm(BLAS_ROW_MAJOR, BLAS_PLAIN, BLAS_TRANSPOSED, (int)rows, (int)keys, (int)p->head_dim,
             clattn_problem_scale(p), q, q_step, k, k_step, 0.0f, scores, (int)keys);
  for (size_t i = 0; i < rows; ++i) softmax(scores + i * keys, p->causal ? first + i + 1 : keys, keys);
  blas.sgemm(BLAS_ROW_MAJOR, BLAS_PLAIN, BLAS_PLAIN, (int)rows, (int)p->value_dim, (int)keys, 1.0f, scores, (int)keys,
             v, v_step, 0.0f, context, c_step);
}

/* A piece takes every w->pieces-th block, so that pieces get equal shares of the short rows of a
 * causal mask. */
static void attend_piece(void *of, size_t piece) {
  const blas_work *w = of;
  const clattn_problem *p = w->problem;
  const size_t blocks = (p->query_len + BLOCK_ROWS - 1) / BLOCK_ROWS, all = p->batch * p->heads * blocks;
  float *scores = w->scores + piece * BLOCK_ROWS * p->key_len;
  for (size_t i = piece; i < all; i += w->pieces) attend_block(w, i / blocks, i % blocks * BLOCK_ROWS, scores);
}

static void load(blas_work *w, const clattn_inputs *inputs) {
  for (int i = 0; i < 4; ++i) {
    const clattn_tensor tensor = sources[i];
    const void *given = clattn_inputs_get(inputs, tensor);
    w->from[tensor] = w->own[tensor] != NULL ? w->own[tensor] : given;
    if (w->own[tensor] != NULL)
      clattn_widen(w->problem->type, given, clattn_tensor_elements(w->problem, tensor), w->own[tensor]);
  }
}

static clattn_status run(contestant *c, const input *in, const clattn_outputs *outputs, split *times,
                         clattn_error *error) {
  blas_work *w = c->blas;
  (void)error;
  w->to = *outputs;
  for (int i = 0; i < 4; ++i)
    if (clattn_outputs_get(outputs, results[i]) == NULL) clattn_outputs_set(&w->to, results[i], w->own[results[i]]);
  const double started = clattn_now();
  load(w, &in->inputs);
  team_run(w->pieces, project_piece, w);
  team_run(w->pieces, attend_piece, w);
  if (outputs->output != NULL)
    clattn_narrow(w->problem->type, w->to.context, clattn_tensor_elements(w->problem, CLATTN_CONTEXT), outputs->output);
  *times = (split){.compute = clattn_now() - started};
  return CLATTN_OK;
}

void contestant_openblas_open(contestant *c, const char *library) {
  const size_t threads = team_size();
  *c = (contestant){.kind = &contestant_openblas};
  if (library == NULL && threads > 1)
    snprintf(c->name, sizeof c->name, "OpenBLAS, %zu threads", threads);
  else
    snprintf(c->name, sizeof c->name, "%s", library == NULL ? "OpenBLAS" : library);
  blas_library_load(&blas, library, c->missing, sizeof c->missing);
}

const contestant_kind contestant_openblas = {"openblas", prepare, run, contestant_check_other, finish};
