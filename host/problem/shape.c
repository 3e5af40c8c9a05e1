/* Shapes and strides of a problem. Knows nothing of devices. */
#include "problem/shape.h"

#include <math.h>

bool clattn_multiply(size_t a, size_t b, size_t *product) {
  if (b != 0 && a > SIZE_MAX / b) return false;
  *product = a * b;
  return true;
}

float clattn_problem_scale(const clattn_problem *problem) {
  if (problem->scale_mode == CLATTN_SCALE_GIVEN) return problem->scale;
  return (float)(1.0 / sqrt((double)problem->head_dim));
}

const char *clattn_tensor_name(clattn_tensor tensor) {
  static const char *const names[CLATTN_TENSOR_COUNT] = {
      "x",       "xkv",     "wq",           "wk",       "wv",      "wqkv",       "bq",       "bk",
      "bv",      "bqkv",    "wo",           "bo",       "mask",    "slopes",     "sinks",    "q",
      "k",       "v",       "x_positioned", "products", "scaled",  "softcapped", "scores",   "exps",
      "weights", "row_max", "row_sum",      "lse",      "context", "cached_k",   "cached_v", "output"};
  if ((int)tensor < 0 || tensor >= CLATTN_TENSOR_COUNT) return "unknown tensor";
  return names[tensor];
}

const char *clattn_stage_name(clattn_stage stage) {
  static const char *const names[CLATTN_STAGE_COUNT] = {"convert", "project", "rotary", "cache",    "scores", "softmax",
                                                        "context", "fused",   "output", "products", "exps"};
  if ((int)stage < 0 || stage >= CLATTN_STAGE_COUNT) return "unknown stage";
  return names[stage];
}

const char *clattn_pipeline_name(clattn_pipeline pipeline) {
  static const char *const names[CLATTN_PIPELINE_COUNT] = {"staged", "blas", "fused"};
  if ((int)pipeline < 0 || pipeline >= CLATTN_PIPELINE_COUNT) return "unknown pipeline";
  return names[pipeline];
}

size_t clattn_kv_heads(const clattn_problem *problem) {
  return problem->kv_heads != 0 ? problem->kv_heads : problem->heads;
}

size_t clattn_kv_model_dim(const clattn_problem *problem) {
  const bool own = problem->source == CLATTN_SOURCE_XKV && problem->kv_model_dim != 0;
  return own ? problem->kv_model_dim : problem->model_dim;
}

size_t clattn_query_tokens(const clattn_problem *problem) {
  return problem->lengths == CLATTN_LENGTHS_PACKED ? problem->packed_queries : problem->batch * problem->query_len;
}

size_t clattn_key_tokens(const clattn_problem *problem) {
  return problem->lengths == CLATTN_LENGTHS_PACKED ? problem->packed_keys : problem->batch * problem->key_len;
}

clattn_order clattn_context_order(const clattn_problem *problem) {
  return problem->size > CLATTN_PROBLEM_SIZE_1 ? problem->context_order : CLATTN_ORDER_TOKENS;
}

bool clattn_has_output(const clattn_problem *problem) {
  return problem->output_dim != 0 || problem->type != CLATTN_F32;
}

const char *clattn_type_name(clattn_type type) {
  static const char *const names[] = {"f32", "f16", "bf16"};
  if ((int)type < 0 || (size_t)type >= sizeof names / sizeof names[0]) return "unknown type";
  return names[type];
}

size_t clattn_type_bytes(clattn_type type) {
  return type == CLATTN_F32 ? 4 : 2;
}

size_t clattn_tensor_columns(const clattn_problem *problem, clattn_tensor tensor) {
  switch (tensor) {
  case CLATTN_Q:
    return problem->heads * problem->head_dim;
  case CLATTN_K:
  case CLATTN_CACHED_K:
    return clattn_kv_heads(problem) * problem->head_dim;
  case CLATTN_V:
  case CLATTN_CACHED_V:
    return clattn_kv_heads(problem) * problem->value_dim;
  case CLATTN_OUTPUT:
    if (problem->output_dim != 0) return problem->output_dim;
    break;
  default:
    break;
  }
  return problem->heads * problem->value_dim;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static int vector_shape(bool exists, size_t length, size_t shape[4]) {
  shape[0] = length;
  return exists ? 1 : 0;
}

static int matrix_shape(const clattn_problem *problem, bool exists, size_t inputs, size_t columns, size_t shape[4]) {
  const bool transposed = problem->layout == CLATTN_LAYOUT_XWT;
  shape[0] = transposed ? columns : inputs;
  shape[1] = transposed ? inputs : columns;
  return exists ? 2 : 0;
}

static int tokens_shape(const clattn_problem *problem, bool exists, bool of_queries, size_t columns, size_t shape[4]) {
  if (!exists) return 0;
  if (problem->lengths == CLATTN_LENGTHS_PACKED) {
    shape[0] = of_queries ? problem->packed_queries : problem->packed_keys;
    shape[1] = columns;
    return 2;
  }
  shape[0] = problem->batch;
  shape[1] = of_queries ? problem->query_len : problem->key_len;
  shape[2] = columns;
  return 3;
}

/* Of context, and of an output. */
static int result_shape(const clattn_problem *p, bool exists, clattn_tensor tensor, size_t shape[4]) {
  const size_t columns = clattn_tensor_columns(p, tensor);
  if (clattn_context_order(p) != CLATTN_ORDER_HEADS) return tokens_shape(p, exists, true, columns, shape);
  shape[0] = p->batch;
  shape[1] = p->heads;
  shape[2] = p->query_len;
  shape[3] = p->value_dim;
  return exists ? 4 : 0;
}

static int rows_shape(const clattn_problem *problem, int rank, size_t shape[4]) {
  shape[0] = problem->batch;
  shape[1] = problem->heads;
  shape[2] = problem->query_len;
  shape[3] = problem->key_len;
  return rank;
}

static int input_shape(const clattn_problem *p, clattn_tensor tensor, size_t shape[4]) {
  const bool projected = p->source != CLATTN_SOURCE_QKV, fused = projected && p->fused_qkv;
  const bool own = projected && !fused;
  const size_t q = clattn_tensor_columns(p, CLATTN_Q), k = clattn_tensor_columns(p, CLATTN_K);
  const size_t v = clattn_tensor_columns(p, CLATTN_V), kv_dim = clattn_kv_model_dim(p);
  switch (tensor) {
  case CLATTN_X:
    return tokens_shape(p, projected, true, p->model_dim, shape);
  case CLATTN_XKV:
    return tokens_shape(p, p->source == CLATTN_SOURCE_XKV, false, kv_dim, shape);
  case CLATTN_WQ:
    return matrix_shape(p, own, p->model_dim, q, shape);
  case CLATTN_WK:
    return matrix_shape(p, own, kv_dim, k, shape);
  case CLATTN_WV:
    return matrix_shape(p, own, kv_dim, v, shape);
  case CLATTN_WQKV:
    return matrix_shape(p, fused, p->model_dim, q + k + v, shape);
  case CLATTN_BQ:
    return vector_shape(own && (p->biases & CLATTN_BIAS_Q) != 0, q, shape);
  case CLATTN_BK:
    return vector_shape(own && (p->biases & CLATTN_BIAS_K) != 0, k, shape);
  case CLATTN_BV:
    return vector_shape(own && (p->biases & CLATTN_BIAS_V) != 0, v, shape);
  case CLATTN_BQKV:
    return vector_shape(fused && (p->biases & CLATTN_BIAS_Q) != 0, q + k + v, shape);
  case CLATTN_WO:
    return matrix_shape(p, p->output_dim != 0, p->heads * p->value_dim, p->output_dim, shape);
  case CLATTN_BO:
    return vector_shape((p->biases & CLATTN_BIAS_O) != 0, p->output_dim, shape);
  case CLATTN_MASK:
    for (int i = 0; i < 4; ++i) shape[i] = p->mask_shape[i];
    return p->mask != CLATTN_MASK_NONE ? 4 : 0;
  case CLATTN_SLOPES:
    return vector_shape(p->alibi, p->heads, shape);
  case CLATTN_SINKS:
    return vector_shape(p->sinks, p->heads, shape);
  default:
    return 0;
  }
}

clattn_problem clattn_unscaled(const clattn_problem *problem) {
  clattn_problem unscaled = *problem;
  unscaled.scale_mode = CLATTN_SCALE_GIVEN;
  unscaled.scale = 1.0f;
  unscaled.softcap = 0.0f;
  return unscaled;
}

bool clattn_has_rows_of_keys(clattn_tensor tensor) {
  return tensor >= CLATTN_PRODUCTS && tensor <= CLATTN_WEIGHTS;
}

bool clattn_grows_with_cache(clattn_tensor tensor) {
  return clattn_has_rows_of_keys(tensor) || tensor == CLATTN_CACHED_K || tensor == CLATTN_CACHED_V;
}

const clattn_problem *clattn_sizing_problem(const clattn_problem *problem, const clattn_problem *seen,
                                            clattn_tensor tensor) {
  return clattn_grows_with_cache(tensor) ? seen : problem;
}

bool clattn_is_traced(clattn_tensor tensor) {
  return tensor == CLATTN_X_POSITIONED || tensor == CLATTN_PRODUCTS || tensor == CLATTN_EXPS ||
         tensor == CLATTN_ROW_MAX || tensor == CLATTN_ROW_SUM;
}

int clattn_problem_shape(const clattn_problem *problem, clattn_tensor tensor, size_t shape[4]) {
  switch (tensor) {
  case CLATTN_Q:
    return tokens_shape(problem, true, true, clattn_tensor_columns(problem, tensor), shape);
  case CLATTN_CONTEXT:
    return result_shape(problem, true, tensor, shape);
  case CLATTN_OUTPUT:
    return result_shape(problem, clattn_has_output(problem), tensor, shape);
  case CLATTN_K:
  case CLATTN_V:
    return tokens_shape(problem, true, false, clattn_tensor_columns(problem, tensor), shape);
  case CLATTN_X_POSITIONED:
    return tokens_shape(problem, problem->source != CLATTN_SOURCE_QKV, true, problem->model_dim, shape);
  case CLATTN_PRODUCTS:
  case CLATTN_SCALED:
  case CLATTN_SOFTCAPPED:
  case CLATTN_SCORES:
  case CLATTN_EXPS:
  case CLATTN_WEIGHTS:
    return rows_shape(problem, 4, shape);
  case CLATTN_ROW_MAX:
  case CLATTN_ROW_SUM:
  case CLATTN_LSE:
    return rows_shape(problem, 3, shape);
  case CLATTN_CACHED_K:
  case CLATTN_CACHED_V:
    shape[0] = problem->batch;
    shape[1] = problem->key_len;
    shape[2] = clattn_tensor_columns(problem, tensor);
    return problem->cache.capacity != 0 ? 3 : 0;
  default:
    return input_shape(problem, tensor, shape);
  }
}

size_t clattn_tensor_elements(const clattn_problem *problem, clattn_tensor tensor) {
  size_t shape[4], elements = 1;
  const int rank = clattn_problem_shape(problem, tensor, shape);
  for (int i = 0; i < rank; ++i) elements *= shape[i];
  return rank > 0 ? elements : 0;
}

size_t clattn_cache_element_bytes(clattn_cache_type type) {
  static const size_t bytes[] = {4, 2, 2, 1, 1};
  return bytes[type];
}

/* ---- strides and bytes ------------------------------------------------------------------------------------------- */

/* Of what the library makes itself: (batch, tokens, heads, dim). */
static clattn_strides own_strides(const clattn_problem *problem, clattn_tensor tensor) {
  const bool of_keys = tensor == CLATTN_K || tensor == CLATTN_V;
  const size_t heads = of_keys ? clattn_kv_heads(problem) : problem->heads;
  const size_t row = clattn_tensor_columns(problem, tensor), rows = of_keys ? problem->key_len : problem->query_len;
  const bool packed = problem->lengths == CLATTN_LENGTHS_PACKED;
  return (clattn_strides){.batch = packed ? 0 : rows * row, .head = row / heads, .row = row};
}

/* The same of (batch, heads, tokens, dim). */
static clattn_strides heads_strides(const clattn_problem *problem, clattn_tensor tensor) {
  const clattn_strides own = own_strides(problem, tensor);
  const bool of_keys = tensor == CLATTN_K || tensor == CLATTN_V;
  const size_t rows = of_keys ? problem->key_len : problem->query_len;
  return (clattn_strides){.batch = own.batch, .head = rows * own.head, .row = own.head};
}

clattn_strides clattn_given_strides(const clattn_problem *problem, clattn_tensor tensor) {
  const clattn_strides own = own_strides(problem, tensor);
  if (problem->source != CLATTN_SOURCE_QKV || problem->order == CLATTN_ORDER_TOKENS) return own;
  if (problem->order == CLATTN_ORDER_STRIDES)
    return tensor == CLATTN_Q ? problem->q_strides : tensor == CLATTN_K ? problem->k_strides : problem->v_strides;
  return heads_strides(problem, tensor);
}

clattn_strides clattn_new_strides(const clattn_problem *problem, clattn_tensor tensor) {
  return clattn_is_rotated(problem, tensor) ? own_strides(problem, tensor) : clattn_given_strides(problem, tensor);
}

clattn_strides clattn_tensor_strides(const clattn_problem *problem, clattn_tensor tensor) {
  const clattn_strides own = own_strides(problem, tensor);
  const bool of_keys = tensor == CLATTN_K || tensor == CLATTN_V;
  if (of_keys && problem->cache.capacity != 0)
    return (clattn_strides){.batch = problem->cache.capacity * own.row, .head = own.head, .row = own.row};
  if (tensor != CLATTN_CONTEXT) return clattn_new_strides(problem, tensor);
  return clattn_context_order(problem) == CLATTN_ORDER_HEADS ? heads_strides(problem, tensor) : own;
}

size_t clattn_given_extent(const clattn_problem *problem, clattn_tensor tensor) {
  const clattn_strides s = clattn_given_strides(problem, tensor);
  const bool of_queries = tensor == CLATTN_Q, packed = problem->lengths == CLATTN_LENGTHS_PACKED;
  const size_t heads = of_queries ? problem->heads : clattn_kv_heads(problem);
  const size_t dim = tensor == CLATTN_V ? problem->value_dim : problem->head_dim;
  const size_t rows = packed ? (of_queries ? problem->packed_queries : problem->packed_keys)
                             : (of_queries ? problem->query_len : problem->key_len);
  const size_t batches = packed ? 1 : problem->batch;
  return (batches - 1) * s.batch + (heads - 1) * s.head + (rows - 1) * s.row + dim;
}

size_t clattn_input_bytes(const clattn_problem *problem, clattn_tensor tensor) {
  const size_t stored = clattn_type_bytes(problem->type);
  if (tensor == CLATTN_MASK && problem->mask == CLATTN_MASK_BOOL) return clattn_tensor_elements(problem, tensor);
  if (tensor == CLATTN_MASK || tensor == CLATTN_SLOPES || tensor == CLATTN_SINKS)
    return clattn_tensor_elements(problem, tensor) * sizeof(float);
  if (tensor == CLATTN_Q || tensor == CLATTN_K || tensor == CLATTN_V)
    return problem->source == CLATTN_SOURCE_QKV ? clattn_given_extent(problem, tensor) * stored : 0;
  return tensor < CLATTN_Q ? clattn_tensor_elements(problem, tensor) * stored : 0;
}

size_t clattn_output_bytes(const clattn_problem *problem, clattn_tensor tensor) {
  if (tensor < CLATTN_Q) return 0;
  const size_t element = tensor == CLATTN_OUTPUT ? clattn_type_bytes(problem->type) : sizeof(float);
  return clattn_tensor_elements(problem, tensor) * element;
}

bool clattn_is_rotated(const clattn_problem *problem, clattn_tensor tensor) {
  return problem->rotary != CLATTN_ROTARY_NONE && (tensor == CLATTN_Q || tensor == CLATTN_K);
}

bool clattn_is_gathered(const clattn_problem *problem) {
  return problem->cache.capacity != 0 && (problem->cache.type != CLATTN_CACHE_F32 || problem->cache.page_len != 0);
}

bool clattn_is_separate(const clattn_problem *problem, clattn_tensor tensor) {
  if (problem->type != CLATTN_F32 || clattn_is_rotated(problem, tensor)) return true;
  return tensor == CLATTN_X && problem->positions != CLATTN_POSITIONS_NONE;
}

size_t clattn_most_keys(const clattn_problem *problem) {
  return problem->cache.capacity != 0 ? problem->cache.capacity : problem->key_len;
}

bool clattn_stage_used(const clattn_problem *problem, clattn_stage stage) {
  switch (stage) {
  case CLATTN_STAGE_CONVERT:
    return problem->type != CLATTN_F32 || problem->positions != CLATTN_POSITIONS_NONE;
  case CLATTN_STAGE_ROTARY:
    return problem->rotary != CLATTN_ROTARY_NONE;
  case CLATTN_STAGE_CACHE:
    return problem->cache.capacity != 0;
  case CLATTN_STAGE_PROJECT:
    return problem->source != CLATTN_SOURCE_QKV;
  case CLATTN_STAGE_OUTPUT:
    return problem->output_dim != 0;
  default:
    return true;
  }
}
