/* Costs of a problem's stages: see costs.h. */
#include "problem/costs.h"

#include "problem/facts.h"
#include "problem/sequence.h"
#include "problem/shape.h"
#include "problem/stages.h"
#include "problem/tensors.h"

static double limit(double value, double least, double most) {
  return value < least ? least : value > most ? most : value;
}

/* The sum over query = 0 ... queries-1 of query + shift, limited to 0 ... keys. */
static double sum_of_borders(double queries, double keys, double shift) {
  const double rise = limit(-shift, 0.0, queries), level = limit(keys - shift, rise, queries);
  return (level - rise) * (shift + (rise + level - 1.0) / 2.0) + (queries - level) * keys;
}

/* Number of (query, key) pairs that causality and window allow, over all batches and heads, with
 * full lengths. */
static double live_pairs(const clattn_problem *problem) {
  const double position = (double)clattn_sequence_of(problem, NULL, 0).position;
  const double queries = (double)problem->query_len, keys = (double)problem->key_len;
  const double live = sum_of_borders(queries, keys, position + (double)clattn_window_right(problem) + 1.0) -
                      sum_of_borders(queries, keys, position - (double)clattn_window_left(problem));
  return live * (double)problem->batch * (double)problem->heads;
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

double clattn_project_flops(const clattn_problem *problem) {
  if (problem->source == CLATTN_SOURCE_QKV) return 0.0;
  const double q = (double)clattn_tensor_columns(problem, CLATTN_Q);
  const double kv = (double)(clattn_tensor_columns(problem, CLATTN_K) + clattn_tensor_columns(problem, CLATTN_V));
  return 2.0 * ((double)clattn_query_tokens(problem) * (double)problem->model_dim * q +
                (double)clattn_key_tokens(problem) * (double)clattn_kv_model_dim(problem) * kv);
}

/* 4 products and 2 sums for each pair of elements. */
double clattn_rotary_flops(const clattn_problem *problem) {
  return 3.0 * (double)(problem->rotary_dim != 0 ? problem->rotary_dim : problem->head_dim) *
         ((double)clattn_query_tokens(problem) * (double)problem->heads +
          (double)clattn_key_tokens(problem) * (double)clattn_kv_heads(problem));
}

double clattn_scores_flops(const clattn_problem *problem) {
  return 2.0 * live_pairs(problem) * (double)problem->head_dim;
}

/* A subtraction, an exp, an addition and a division for each weight. */
double clattn_softmax_flops(const clattn_problem *problem) {
  return 4.0 * live_pairs(problem);
}

double clattn_context_flops(const clattn_problem *problem) {
  return 2.0 * live_pairs(problem) * (double)problem->value_dim;
}

double clattn_fused_flops(const clattn_problem *problem) {
  return live_pairs(problem) * (2.0 * (double)(problem->head_dim + problem->value_dim) + 4.0);
}

double clattn_output_flops(const clattn_problem *problem) {
  return 2.0 * (double)clattn_query_tokens(problem) * (double)problem->heads * (double)problem->value_dim *
         (double)problem->output_dim;
}

/* Products are computed for masked keys, too. */
double clattn_products_flops(const clattn_problem *problem) {
  return 2.0 * (double)problem->batch * (double)problem->heads * (double)problem->query_len * (double)problem->key_len *
         (double)problem->head_dim;
}

/* A subtraction, an exp and an addition. */
double clattn_exps_flops(const clattn_problem *problem) {
  return 3.0 * live_pairs(problem);
}

double clattn_stage_flops(const clattn_problem *problem, clattn_stage stage) {
  return clattn_stage_facts_of(stage)->flops(problem);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

double clattn_narrowing_bytes(const clattn_problem *problem) {
  if (problem->type == CLATTN_F32) return 0.0;
  return (double)clattn_tensor_elements(problem, CLATTN_OUTPUT) *
         (double)(sizeof(float) + clattn_type_bytes(problem->type));
}

/* Inputs that are widened and the output that is narrowed: each is read in one type and written in
 * the other. */
double clattn_convert_bytes(const clattn_problem *problem, bool fused) {
  if (problem->type == CLATTN_F32) return 0.0;
  double bytes = clattn_narrowing_bytes(problem);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const bool converted = clattn_tensor_facts_of(tensor)->given == CLATTN_ELEMENT_STORED;
    if (converted && !(fused && clattn_fused_reads_stored(problem, tensor)))
      bytes += (double)clattn_input_bytes(problem, tensor) * 3.0;
  }
  return bytes;
}

double clattn_weights_convert_bytes(const clattn_problem *problem) {
  double bytes = 0.0;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && problem->type != CLATTN_F32; ++t)
    if (clattn_is_weight((clattn_tensor)t)) bytes += (double)clattn_input_bytes(problem, (clattn_tensor)t) * 3.0;
  return bytes;
}

/* Bytes of the keys and values of one token, with their scales, as a cache of this type holds them. */
static double token_bytes(const clattn_problem *problem, clattn_cache_type type) {
  const size_t k = problem->head_dim, v = problem->value_dim;
  const size_t bytes = clattn_cache_vector_bytes(type, k) + clattn_cache_scale_bytes(type, k) +
                       clattn_cache_vector_bytes(type, v) + clattn_cache_scale_bytes(type, v);
  return (double)clattn_kv_heads(problem) * (double)bytes;
}

/* New keys and values are read as floats and written in the cache's type. */
double clattn_append_bytes(const clattn_problem *problem, bool fused) {
  (void)fused;
  if (problem->cache.capacity == 0) return 0.0;
  return (double)clattn_key_tokens(problem) *
         (token_bytes(problem, CLATTN_CACHE_F32) + token_bytes(problem, problem->cache.type));
}

double clattn_cached_bytes(const clattn_problem *seen, clattn_cache_type type) {
  return (double)seen->batch * (double)seen->key_len * token_bytes(seen, type);
}

double clattn_stage_bytes(const clattn_problem *problem, clattn_stage stage, bool fused) {
  const clattn_stage_facts *facts = clattn_stage_facts_of(stage);
  if (facts->bytes != NULL) return facts->bytes(problem, fused);
  if (!facts->used(problem)) return 0.0;
  double bytes = 0.0;
  for (const clattn_tensor *tensor = facts->touches; *tensor != CLATTN_TENSOR_COUNT; ++tensor) {
    const bool stored = facts->reads_stored && clattn_fused_reads_stored(problem, *tensor);
    bytes += (double)clattn_tensor_elements(problem, *tensor) *
             (double)clattn_type_bytes(stored ? problem->type : CLATTN_F32);
  }
  return bytes + (facts->masks ? (double)clattn_input_bytes(problem, CLATTN_MASK) : 0.0);
}
