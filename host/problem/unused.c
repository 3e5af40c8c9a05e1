/* The table of fields that have an effect only together with another field. */
#include "problem/unused.h"

#include <math.h>

#include "base/status.h"

static size_t largest(const size_t *sizes, size_t count) {
  size_t most = 0;
  for (size_t i = 0; i < count; ++i)
    if (sizes[i] > most) most = sizes[i];
  return most;
}

static double largest_stride(clattn_strides s) {
  return (double)largest((const size_t[]){s.batch, s.head, s.row}, 3);
}

static bool is_same(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

clattn_status clattn_check_unused(const clattn_problem *p, clattn_error *error) {
  const bool projected = p->source != CLATTN_SOURCE_QKV, strided = p->order == CLATTN_ORDER_STRIDES;
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED, cached = p->cache.capacity != 0;
  const bool computed = p->rotary != CLATTN_ROTARY_NONE && p->rotary_rows == 0; /* cosines and sines */
  const unsigned qkv_biases = p->biases & (CLATTN_BIAS_Q | CLATTN_BIAS_K | CLATTN_BIAS_V);
  const struct {
    const char *name;
    double value, initial;
    bool used;
    const char *needed;
  } fields[] = {
      {"model_dim", (double)p->model_dim, 0, projected, "source is CLATTN_SOURCE_X or _XKV"},
      {"kv_model_dim", (double)p->kv_model_dim, 0, p->source == CLATTN_SOURCE_XKV, "source is CLATTN_SOURCE_XKV"},
      {"fused_qkv", p->fused_qkv, 0, projected, "source is CLATTN_SOURCE_X"},
      {"fused_order", (double)p->fused_order, 0, p->fused_qkv, "fused_qkv is set"},
      {"biases (of q, k and v)", qkv_biases, 0, projected, "source is CLATTN_SOURCE_X or _XKV"},
      {"biases (CLATTN_BIAS_O)", p->biases & CLATTN_BIAS_O, 0, p->output_dim != 0, "output_dim is above 0"},
      {"q_strides", largest_stride(p->q_strides), 0, strided, "order is CLATTN_ORDER_STRIDES"},
      {"k_strides", largest_stride(p->k_strides), 0, strided, "order is CLATTN_ORDER_STRIDES"},
      {"v_strides", largest_stride(p->v_strides), 0, strided, "order is CLATTN_ORDER_STRIDES"},
      {"scale", (double)p->scale, NAN, p->scale_mode == CLATTN_SCALE_GIVEN, "scale_mode is CLATTN_SCALE_GIVEN"},
      {"offset", (double)p->offset, 0, p->alignment == CLATTN_ALIGN_OFFSET, "alignment is CLATTN_ALIGN_OFFSET"},
      {"mask_shape", (double)largest(p->mask_shape, 4), 0, p->mask != CLATTN_MASK_NONE,
       "mask is CLATTN_MASK_FLOAT or _BOOL"},
      {"rotary_dim", (double)p->rotary_dim, 0, p->rotary != CLATTN_ROTARY_NONE,
       "rotary is CLATTN_ROTARY_HALVES or _INTERLEAVED"},
      {"rotary_base", p->rotary_base, 10000, computed,
       "rotary is CLATTN_ROTARY_HALVES or _INTERLEAVED and rotary_rows 0"},
      {"rotary_rows", (double)p->rotary_rows, 0, p->rotary != CLATTN_ROTARY_NONE,
       "rotary is CLATTN_ROTARY_HALVES or _INTERLEAVED"},
      {"rotary_scaling.kind", (double)p->rotary_scaling.kind, 0, computed,
       "rotary is CLATTN_ROTARY_HALVES or _INTERLEAVED and rotary_rows 0"},
      {"position_ids", p->position_ids, 0, p->rotary != CLATTN_ROTARY_NONE || p->positions != CLATTN_POSITIONS_NONE,
       "positions is CLATTN_POSITIONS_SINUSOIDAL or rotary is CLATTN_ROTARY_HALVES or _INTERLEAVED"},
      {"packed_queries", (double)p->packed_queries, 0, packed, "lengths is CLATTN_LENGTHS_PACKED"},
      {"packed_keys", (double)p->packed_keys, 0, packed, "lengths is CLATTN_LENGTHS_PACKED"},
      {"cache.type", (double)p->cache.type, 0, cached, "cache.capacity is above 0"},
      {"cache.page_len", (double)p->cache.page_len, 0, cached, "cache.capacity is above 0"},
      {"cache.pages", (double)p->cache.pages, 0, cached && p->cache.page_len != 0,
       "cache.capacity and cache.page_len are above 0"},
      {"rolling", p->rolling, 0, cached && p->cache.page_len != 0 && p->window_left != CLATTN_UNBOUNDED,
       "there is a cache with pages and window_left is not CLATTN_UNBOUNDED"},
      {"math", (double)p->math, 0, p->type != CLATTN_F32, "type is CLATTN_F16 or CLATTN_BF16"},
  };
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; ++i)
    if (!fields[i].used && !is_same(fields[i].value, fields[i].initial))
      return clattn_fail(error, CLATTN_INVALID_PROBLEM,
                         "%s is %.15g, but has an effect only where %s (allowed otherwise: %g)", fields[i].name,
                         fields[i].value, fields[i].needed, fields[i].initial);
  return CLATTN_OK;
}
