/* Compares problems field by field: memcmp of the whole struct would also compare its padding. */
#include "problem/same.h"

#include <string.h>

#define FIELD(name)                                                                                                    \
  { offsetof(clattn_problem, name), sizeof(((clattn_problem *)0)->name) }

static const struct {
  size_t offset, bytes;
} fields[] = {
    FIELD(batch),
    FIELD(query_len),
    FIELD(key_len),
    FIELD(model_dim),
    FIELD(heads),
    FIELD(kv_heads),
    FIELD(head_dim),
    FIELD(value_dim),
    FIELD(source),
    FIELD(kv_model_dim),
    FIELD(layout),
    FIELD(fused_qkv),
    FIELD(biases),
    FIELD(output_dim),
    FIELD(order),
    FIELD(q_strides),
    FIELD(k_strides),
    FIELD(v_strides),
    FIELD(type),
    FIELD(scale_mode),
    FIELD(scale),
    FIELD(softcap),
    FIELD(causal),
    FIELD(alignment),
    FIELD(offset),
    FIELD(window_left),
    FIELD(window_right),
    FIELD(mask),
    FIELD(mask_shape),
    FIELD(alibi),
    FIELD(sinks),
    FIELD(positions),
    FIELD(rotary),
    FIELD(rotary_dim),
    FIELD(rotary_base),
    FIELD(lengths),
    FIELD(packed_keys),
    FIELD(packed_queries),
    FIELD(cache.capacity),
    FIELD(cache.type),
    FIELD(cache.page_len),
    FIELD(cache.pages),
    FIELD(context_order),
    FIELD(math),
    FIELD(position_ids),
    FIELD(rotary_rows),
    FIELD(rotary_scaling.kind),
    FIELD(rotary_scaling.keep_fractions),
    FIELD(rotary_scaling.factor),
    FIELD(rotary_scaling.original_max_position_embeddings),
    FIELD(rotary_scaling.low_freq_factor),
    FIELD(rotary_scaling.high_freq_factor),
    FIELD(rotary_scaling.beta_fast),
    FIELD(rotary_scaling.beta_slow),
    FIELD(rotary_scaling.attention_factor),
    FIELD(rotary_scaling.mscale),
    FIELD(rotary_scaling.mscale_all_dim),
    FIELD(fused_order),
    FIELD(rolling),
};

bool clattn_is_same_problem(const clattn_problem *a, const clattn_problem *b) {
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; ++i)
    if (memcmp((const char *)a + fields[i].offset, (const char *)b + fields[i].offset, fields[i].bytes) != 0)
      return false;
  return true;
}
