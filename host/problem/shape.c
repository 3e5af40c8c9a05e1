/* Sizes and strides of a problem: see shape.h. */
#include "problem/shape.h"

#include <math.h>

#include "problem/kernel_arguments.h"
#include "problem/problem.h"
#include "problem/tensors.h"

bool clattn_multiply(size_t a, size_t b, size_t *product) {
  if (b != 0 && a > SIZE_MAX / b) return false;
  *product = a * b;
  return true;
}

float clattn_problem_scale(const clattn_problem *given) {
  clattn_problem room;
  const clattn_problem *problem = clattn_current_problem(given, &room);
  if (problem->scale_mode == CLATTN_SCALE_GIVEN) return problem->scale;
  return (float)(1.0 / sqrt((double)problem->head_dim));
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

clattn_problem clattn_unscaled(const clattn_problem *problem) {
  clattn_problem unscaled = *problem;
  unscaled.scale_mode = CLATTN_SCALE_GIVEN;
  unscaled.scale = 1.0f;
  unscaled.softcap = 0.0f;
  return unscaled;
}

size_t clattn_cache_vector_bytes(clattn_cache_type type, size_t dim) {
  static const size_t bits[] = {32, 16, 16, 8, 8, 4};
  return dim * bits[type] / 8;
}

size_t clattn_cache_scale_bytes(clattn_cache_type type, size_t dim) {
  if (type == CLATTN_CACHE_Q4) return dim / Q4_GROUP * sizeof(uint16_t);
  return type == CLATTN_CACHE_I8_TOKEN ? sizeof(float) : 0;
}

/* ---- strides ----------------------------------------------------------------------------------------------------- */

/* Strides of a tensor that the library makes itself: (batch, tokens, heads, dim). */
static clattn_strides own_strides(const clattn_problem *problem, clattn_tensor tensor) {
  const bool of_keys = clattn_tensor_facts_of(tensor)->of_keys;
  const size_t heads = of_keys ? clattn_kv_heads(problem) : problem->heads;
  const size_t row = clattn_tensor_columns(problem, tensor), rows = of_keys ? problem->key_len : problem->query_len;
  const bool packed = problem->lengths == CLATTN_LENGTHS_PACKED;
  return (clattn_strides){.batch = packed ? 0 : rows * row, .head = row / heads, .row = row};
}

/* Strides of (batch, heads, tokens, dim). */
static clattn_strides heads_strides(const clattn_problem *problem, clattn_tensor tensor) {
  const clattn_strides own = own_strides(problem, tensor);
  const bool of_keys = clattn_tensor_facts_of(tensor)->of_keys;
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
  if (clattn_tensor_facts_of(tensor)->of_keys && problem->cache.capacity != 0)
    return (clattn_strides){.batch = problem->cache.capacity * own.row, .head = own.head, .row = own.row};
  if (tensor != CLATTN_CONTEXT) return clattn_new_strides(problem, tensor);
  return problem->context_order == CLATTN_ORDER_HEADS ? heads_strides(problem, tensor) : own;
}

size_t clattn_given_extent(const clattn_problem *problem, clattn_tensor tensor) {
  const clattn_strides s = clattn_given_strides(problem, tensor);
  const bool of_keys = clattn_tensor_facts_of(tensor)->of_keys, packed = problem->lengths == CLATTN_LENGTHS_PACKED;
  const size_t heads = of_keys ? clattn_kv_heads(problem) : problem->heads;
  const size_t dim = clattn_tensor_columns(problem, tensor) / heads;
  const size_t rows = packed ? (of_keys ? problem->packed_keys : problem->packed_queries)
                             : (of_keys ? problem->key_len : problem->query_len);
  const size_t batches = packed ? 1 : problem->batch;
  return (batches - 1) * s.batch + (heads - 1) * s.head + (rows - 1) * s.row + dim;
}

bool clattn_is_rotated(const clattn_problem *problem, clattn_tensor tensor) {
  return problem->rotary != CLATTN_ROTARY_NONE && clattn_tensor_facts_of(tensor)->turned;
}

bool clattn_has_plain_cache(const clattn_problem *problem) {
  return problem->cache.capacity != 0 && problem->cache.type == CLATTN_CACHE_F32 && problem->cache.page_len == 0;
}

bool clattn_is_separate(const clattn_problem *problem, clattn_tensor tensor) {
  if (problem->type != CLATTN_F32 || clattn_is_rotated(problem, tensor)) return true;
  return tensor == CLATTN_X && problem->positions != CLATTN_POSITIONS_NONE;
}

size_t clattn_most_keys(const clattn_problem *problem) {
  return problem->cache.capacity != 0 ? problem->cache.capacity : problem->key_len;
}
