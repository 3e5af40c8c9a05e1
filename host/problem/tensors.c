/* The table of tensors: see tensors.h. */
#include "problem/tensors.h"

#include <string.h>

#include "problem/problem.h"
#include "problem/shape.h"

/* ---- columns ----------------------------------------------------------------------------------------------------- */

static size_t q_columns(const clattn_problem *p) {
  return p->heads * p->head_dim;
}

static size_t k_columns(const clattn_problem *p) {
  return clattn_kv_heads(p) * p->head_dim;
}

static size_t v_columns(const clattn_problem *p) {
  return clattn_kv_heads(p) * p->value_dim;
}

static size_t context_columns(const clattn_problem *p) {
  return p->heads * p->value_dim;
}

static size_t output_columns(const clattn_problem *p) {
  return p->output_dim != 0 ? p->output_dim : context_columns(p);
}

/* ---- shapes of inputs -------------------------------------------------------------------------------------------- */

static int vector(bool exists, size_t length, size_t shape[4]) {
  shape[0] = length;
  return exists ? 1 : 0;
}

static int matrix(const clattn_problem *p, bool exists, size_t inputs, size_t columns, size_t shape[4]) {
  const bool transposed = p->layout == CLATTN_LAYOUT_XWT;
  shape[0] = transposed ? columns : inputs;
  shape[1] = transposed ? inputs : columns;
  return exists ? 2 : 0;
}

/* (batch, length, columns), or (all tokens, columns) where the sequences are packed. */
static int tokens(const clattn_problem *p, bool exists, bool of_keys, size_t columns, size_t shape[4]) {
  if (!exists) return 0;
  if (p->lengths == CLATTN_LENGTHS_PACKED) {
    shape[0] = of_keys ? p->packed_keys : p->packed_queries;
    shape[1] = columns;
    return 2;
  }
  shape[0] = p->batch;
  shape[1] = of_keys ? p->key_len : p->query_len;
  shape[2] = columns;
  return 3;
}

static bool is_projected(const clattn_problem *p) {
  return p->source != CLATTN_SOURCE_QKV;
}

/* Whether q, k and v have a matrix each, or share wqkv. */
static bool has_three_matrices(const clattn_problem *p) {
  return is_projected(p) && !p->fused_qkv;
}

static bool has_one_matrix(const clattn_problem *p) {
  return is_projected(p) && p->fused_qkv;
}

static bool has_bias(const clattn_problem *p, unsigned bias) {
  return (p->biases & bias) != 0;
}

static size_t qkv_columns(const clattn_problem *p) {
  return q_columns(p) + k_columns(p) + v_columns(p);
}

static int x_shape(const clattn_problem *p, size_t shape[4]) {
  return tokens(p, is_projected(p), false, p->model_dim, shape);
}

static int xkv_shape(const clattn_problem *p, size_t shape[4]) {
  return tokens(p, p->source == CLATTN_SOURCE_XKV, true, clattn_kv_model_dim(p), shape);
}

static int wq_shape(const clattn_problem *p, size_t shape[4]) {
  return matrix(p, has_three_matrices(p), p->model_dim, q_columns(p), shape);
}

static int wk_shape(const clattn_problem *p, size_t shape[4]) {
  return matrix(p, has_three_matrices(p), clattn_kv_model_dim(p), k_columns(p), shape);
}

static int wv_shape(const clattn_problem *p, size_t shape[4]) {
  return matrix(p, has_three_matrices(p), clattn_kv_model_dim(p), v_columns(p), shape);
}

static int wqkv_shape(const clattn_problem *p, size_t shape[4]) {
  return matrix(p, has_one_matrix(p), p->model_dim, qkv_columns(p), shape);
}

static int bq_shape(const clattn_problem *p, size_t shape[4]) {
  return vector(has_three_matrices(p) && has_bias(p, CLATTN_BIAS_Q), q_columns(p), shape);
}

static int bk_shape(const clattn_problem *p, size_t shape[4]) {
  return vector(has_three_matrices(p) && has_bias(p, CLATTN_BIAS_K), k_columns(p), shape);
}

static int bv_shape(const clattn_problem *p, size_t shape[4]) {
  return vector(has_three_matrices(p) && has_bias(p, CLATTN_BIAS_V), v_columns(p), shape);
}

/* With wqkv all three have a bias or none has: the bit of q tells. */
static int bqkv_shape(const clattn_problem *p, size_t shape[4]) {
  return vector(has_one_matrix(p) && has_bias(p, CLATTN_BIAS_Q), qkv_columns(p), shape);
}

static int wo_shape(const clattn_problem *p, size_t shape[4]) {
  return matrix(p, p->output_dim != 0, context_columns(p), p->output_dim, shape);
}

static int bo_shape(const clattn_problem *p, size_t shape[4]) {
  return vector(has_bias(p, CLATTN_BIAS_O), p->output_dim, shape);
}

static int mask_shape(const clattn_problem *p, size_t shape[4]) {
  memcpy(shape, p->mask_shape, sizeof p->mask_shape);
  return p->mask != CLATTN_MASK_NONE ? 4 : 0;
}

static int slopes_shape(const clattn_problem *p, size_t shape[4]) {
  return vector(p->alibi, p->heads, shape);
}

static int sinks_shape(const clattn_problem *p, size_t shape[4]) {
  return vector(p->sinks, p->heads, shape);
}

/* ---- shapes of q, k, v and of results ---------------------------------------------------------------------------- */

static int q_shape(const clattn_problem *p, size_t shape[4]) {
  return tokens(p, true, false, q_columns(p), shape);
}

static int k_shape(const clattn_problem *p, size_t shape[4]) {
  return tokens(p, true, true, k_columns(p), shape);
}

static int v_shape(const clattn_problem *p, size_t shape[4]) {
  return tokens(p, true, true, v_columns(p), shape);
}

static int scores_shape(const clattn_problem *p, size_t shape[4]) {
  shape[0] = p->batch;
  shape[1] = p->heads;
  shape[2] = p->query_len;
  shape[3] = p->key_len;
  return 4;
}

/* One number for each row of scores. */
static int rows_shape(const clattn_problem *p, size_t shape[4]) {
  scores_shape(p, shape);
  return 3;
}

/* The context, or an output of so many columns, in the order that the problem asks for. */
static int result(const clattn_problem *p, bool exists, size_t columns, size_t shape[4]) {
  if (p->context_order != CLATTN_ORDER_HEADS) return tokens(p, exists, false, columns, shape);
  shape[0] = p->batch;
  shape[1] = p->heads;
  shape[2] = p->query_len;
  shape[3] = p->value_dim;
  return exists ? 4 : 0;
}

static int context_shape(const clattn_problem *p, size_t shape[4]) {
  return result(p, true, context_columns(p), shape);
}

static int output_shape(const clattn_problem *p, size_t shape[4]) {
  return result(p, clattn_has_output(p), output_columns(p), shape);
}

static int cached(const clattn_problem *p, size_t columns, size_t shape[4]) {
  shape[0] = p->batch;
  shape[1] = p->key_len;
  shape[2] = columns;
  return p->cache.capacity != 0 ? 3 : 0;
}

static int cached_k_shape(const clattn_problem *p, size_t shape[4]) {
  return cached(p, k_columns(p), shape);
}

static int cached_v_shape(const clattn_problem *p, size_t shape[4]) {
  return cached(p, v_columns(p), shape);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define STORED CLATTN_ELEMENT_STORED
#define FLOAT CLATTN_ELEMENT_FLOAT
#define FIELDS(field, in, out) .name = #field, .input = in, .output = out, .buffer = offsetof(clattn_buffers, field)
#define INPUT(field) FIELDS(field, offsetof(clattn_inputs, field), CLATTN_NO_FIELD)
#define MATRIX(field) INPUT(field), .weight = true, .given = STORED
#define RESULT(field) FIELDS(field, CLATTN_NO_FIELD, offsetof(clattn_outputs, field))
#define EITHER(field) FIELDS(field, offsetof(clattn_inputs, field), offsetof(clattn_outputs, field))

static const clattn_tensor_facts facts[CLATTN_TENSOR_COUNT] = {
    [CLATTN_X] = {INPUT(x), .given = STORED, .shape = x_shape},
    [CLATTN_XKV] = {INPUT(xkv), .given = STORED, .shape = xkv_shape},
    [CLATTN_WQ] = {MATRIX(wq), .shape = wq_shape},
    [CLATTN_WK] = {MATRIX(wk), .shape = wk_shape},
    [CLATTN_WV] = {MATRIX(wv), .shape = wv_shape},
    [CLATTN_WQKV] = {MATRIX(wqkv), .shape = wqkv_shape},
    [CLATTN_BQ] = {MATRIX(bq), .shape = bq_shape},
    [CLATTN_BK] = {MATRIX(bk), .shape = bk_shape},
    [CLATTN_BV] = {MATRIX(bv), .shape = bv_shape},
    [CLATTN_BQKV] = {MATRIX(bqkv), .shape = bqkv_shape},
    [CLATTN_WO] = {MATRIX(wo), .shape = wo_shape},
    [CLATTN_BO] = {MATRIX(bo), .shape = bo_shape},
    [CLATTN_MASK] = {INPUT(mask), .given = CLATTN_ELEMENT_MASK, .shape = mask_shape},
    [CLATTN_SLOPES] = {INPUT(slopes), .given = FLOAT, .shape = slopes_shape},
    [CLATTN_SINKS] = {INPUT(sinks), .given = FLOAT, .shape = sinks_shape},

    [CLATTN_Q] = {EITHER(q), .given = STORED, .made = FLOAT, .shape = q_shape, .columns = q_columns, .turned = true},
    [CLATTN_K] = {EITHER(k), .given = STORED, .made = FLOAT, .shape = k_shape, .columns = k_columns, .turned = true,
                  .of_keys = true},
    [CLATTN_V] = {EITHER(v), .given = STORED, .made = FLOAT, .shape = v_shape, .columns = v_columns, .of_keys = true},

    [CLATTN_X_POSITIONED] = {RESULT(x_positioned), .made = FLOAT, .shape = x_shape, .home = CLATTN_HOME_X,
                             .traced = true},
    [CLATTN_PRODUCTS] = {RESULT(products), .made = FLOAT, .shape = scores_shape, .home = CLATTN_HOME_BLOCK,
                         .traced = true},
    [CLATTN_SCALED] = {RESULT(scaled), .made = FLOAT, .shape = scores_shape, .home = CLATTN_HOME_BLOCK},
    [CLATTN_SOFTCAPPED] = {RESULT(softcapped), .made = FLOAT, .shape = scores_shape, .home = CLATTN_HOME_BLOCK},
    [CLATTN_SCORES] = {RESULT(scores), .made = FLOAT, .shape = scores_shape, .home = CLATTN_HOME_BLOCK},
    [CLATTN_EXPS] = {RESULT(exps), .made = FLOAT, .shape = scores_shape, .home = CLATTN_HOME_BLOCK, .traced = true},
    [CLATTN_WEIGHTS] = {RESULT(weights), .made = FLOAT, .shape = scores_shape, .home = CLATTN_HOME_BLOCK},
    [CLATTN_ROW_MAX] = {RESULT(row_max), .made = FLOAT, .shape = rows_shape, .traced = true},
    [CLATTN_ROW_SUM] = {RESULT(row_sum), .made = FLOAT, .shape = rows_shape, .traced = true},
    [CLATTN_LSE] = {RESULT(lse), .made = FLOAT, .shape = rows_shape},
    [CLATTN_CONTEXT] = {RESULT(context), .made = FLOAT, .shape = context_shape, .columns = context_columns},
    [CLATTN_CACHED_K] = {RESULT(cached_k), .made = FLOAT, .shape = cached_k_shape, .columns = k_columns,
                         .of_keys = true, .home = CLATTN_HOME_CACHE},
    [CLATTN_CACHED_V] = {RESULT(cached_v), .made = FLOAT, .shape = cached_v_shape, .columns = v_columns,
                         .of_keys = true, .home = CLATTN_HOME_CACHE},
    [CLATTN_OUTPUT] = {RESULT(output), .made = STORED, .shape = output_shape, .columns = output_columns},
};

const clattn_tensor_facts *clattn_tensor_facts_of(clattn_tensor tensor) {
  return &facts[tensor];
}

const char *clattn_tensor_name(clattn_tensor tensor) {
  if ((int)tensor < 0 || tensor >= CLATTN_TENSOR_COUNT) return "unknown tensor";
  return facts[tensor].name;
}

bool clattn_tensor_has_rows(clattn_tensor tensor) {
  return facts[tensor].home == CLATTN_HOME_BLOCK;
}

bool clattn_grows_with_cache(clattn_tensor tensor) {
  return facts[tensor].home == CLATTN_HOME_BLOCK || facts[tensor].home == CLATTN_HOME_CACHE;
}

const clattn_problem *clattn_sizing_problem(const clattn_problem *problem, const clattn_problem *seen,
                                            clattn_tensor tensor) {
  return clattn_grows_with_cache(tensor) ? seen : problem;
}

bool clattn_is_weight(clattn_tensor tensor) {
  return facts[tensor].weight;
}

const clattn_tensor clattn_qkv[CLATTN_QKV] = {CLATTN_Q, CLATTN_K, CLATTN_V};

bool clattn_is_given_or_made(clattn_tensor tensor) {
  return facts[tensor].given != CLATTN_ELEMENT_NONE && facts[tensor].made != CLATTN_ELEMENT_NONE;
}

int clattn_problem_shape(const clattn_problem *given, clattn_tensor tensor, size_t shape[4]) {
  clattn_problem room;
  return facts[tensor].shape(clattn_current_problem(given, &room), shape);
}

size_t clattn_tensor_columns(const clattn_problem *problem, clattn_tensor tensor) {
  return facts[tensor].columns(problem);
}
