/* Facts of a problem: see facts.h. */
#include "problem/facts.h"

#include "problem/shape.h"
#include "problem/tensors.h"

size_t clattn_rows_of_kv_head(const clattn_problem *problem) {
  return problem->query_len * (problem->heads / clattn_kv_heads(problem));
}

/* Measured with 8 heads of 64 and 4096 keys on a CPU: with more than 8 rows per KV head a query a lane is faster. */
#define FEW_ROWS 8

bool clattn_has_few_rows(const clattn_problem *problem) {
  return clattn_rows_of_kv_head(problem) <= FEW_ROWS;
}

/* Measured with 1 to 8 heads of 64 to 256 on a CPU whose cores have 1 MiB of cache each. */
#define NEAR_BYTES ((size_t)1 << 20)

bool clattn_has_far_rows(const clattn_problem *problem) {
  const clattn_strides k = clattn_tensor_strides(problem, CLATTN_K);
  const size_t row_bytes = (problem->head_dim + problem->value_dim) * sizeof(float);
  return k.row > problem->head_dim && clattn_most_keys(problem) >= NEAR_BYTES / row_bytes;
}

bool clattn_hides_keys(const clattn_problem *problem) {
  return problem->causal || problem->window_left != CLATTN_UNBOUNDED || problem->window_right != CLATTN_UNBOUNDED;
}

bool clattn_has_plain_scores(const clattn_problem *problem) {
  return problem->softcap == 0.0f && problem->mask == CLATTN_MASK_NONE && !problem->alibi;
}

bool clattn_has_rows_of(const clattn_problem *problem, size_t elements) {
  size_t all = problem->head_dim | problem->value_dim;
  for (size_t i = 0; i < CLATTN_QKV; ++i) {
    const clattn_strides s = clattn_tensor_strides(problem, clattn_qkv[i]);
    all |= s.batch | s.head | s.row;
  }
  return all % elements == 0;
}

/* Keys and values that a kernel reads from a cache in place have the cache's type. */
static bool are_stored_as(const clattn_problem *p, clattn_type type, clattn_tensor tensor) {
  if (tensor != CLATTN_Q && p->cache.capacity != 0)
    return p->cache.type == (type == CLATTN_F16 ? CLATTN_CACHE_F16 : CLATTN_CACHE_BF16);
  return p->type == type && clattn_fused_reads_stored(p, tensor);
}

bool clattn_has_stored_products(const clattn_problem *problem, clattn_type type) {
  return problem->math == CLATTN_MATH_STORED && are_stored_as(problem, type, CLATTN_Q) &&
         are_stored_as(problem, type, CLATTN_K) && are_stored_as(problem, type, CLATTN_V);
}

bool clattn_has_half_products(const clattn_problem *problem) {
  return clattn_has_stored_products(problem, CLATTN_F16);
}

bool clattn_has_weights(const clattn_problem *problem) {
  return problem->source != CLATTN_SOURCE_QKV || problem->output_dim != 0;
}

bool clattn_has_sequences(const clattn_problem *problem) {
  return problem->lengths != CLATTN_LENGTHS_FULL || problem->cache.capacity != 0;
}

bool clattn_stores_projections(const clattn_problem *problem) {
  return problem->source != CLATTN_SOURCE_QKV && problem->math == CLATTN_MATH_STORED && problem->type != CLATTN_F32 &&
         problem->cache.capacity == 0 && problem->rotary == CLATTN_ROTARY_NONE;
}

bool clattn_fused_reads_stored(const clattn_problem *problem, clattn_tensor tensor) {
  if (!clattn_is_given_or_made(tensor)) return false;
  if (problem->source != CLATTN_SOURCE_QKV) return clattn_stores_projections(problem);
  return problem->type != CLATTN_F32 && (tensor == CLATTN_Q || problem->cache.capacity == 0) &&
         !clattn_is_rotated(problem, tensor);
}

clattn_stage clattn_stage_of_output(const clattn_problem *problem) {
  return problem->output_dim != 0 ? CLATTN_STAGE_OUTPUT : CLATTN_STAGE_FUSED;
}

bool clattn_makes_stored(const clattn_problem *problem, clattn_stage stage) {
  if (stage == CLATTN_STAGE_PROJECT) return clattn_stores_projections(problem);
  return problem->type != CLATTN_F32 && stage == clattn_stage_of_output(problem);
}
