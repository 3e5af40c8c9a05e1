/* Finds inputs, matrices and vectors for everything that computes on the host. */
#include "reference/linear.h"

#include <string.h>

#include "problem/shape.h"
#include "problem/tensors.h"

static clattn_linear output_linear(const clattn_problem *p) {
  const bool biased = (p->biases & CLATTN_BIAS_O) != 0;
  return (clattn_linear){.in = CLATTN_CONTEXT,
                         .w = CLATTN_WO,
                         .bias = biased ? CLATTN_BO : CLATTN_TENSOR_COUNT,
                         .rows = clattn_query_tokens(p),
                         .terms = p->heads * p->value_dim,
                         .all_columns = p->output_dim,
                         .columns = {0, p->output_dim},
                         .given = {0, p->output_dim, p->output_dim, 0},
                         .transposed = p->layout == CLATTN_LAYOUT_XWT};
}

clattn_linear clattn_linear_of(const clattn_problem *p, clattn_tensor tensor) {
  static const struct {
    clattn_tensor w, bias;
    unsigned bit;
  } parts[] = {{CLATTN_WQ, CLATTN_BQ, CLATTN_BIAS_Q},
               {CLATTN_WK, CLATTN_BK, CLATTN_BIAS_K},
               {CLATTN_WV, CLATTN_BV, CLATTN_BIAS_V}};
  if (tensor == CLATTN_OUTPUT) return output_linear(p);
  const int part = tensor == CLATTN_Q ? 0 : tensor == CLATTN_K ? 1 : 2;
  const bool of_queries = part == 0, biased = (p->biases & parts[part].bit) != 0;
  const size_t columns[] = {clattn_tensor_columns(p, CLATTN_Q), clattn_tensor_columns(p, CLATTN_K),
                            clattn_tensor_columns(p, CLATTN_V)};
  const size_t starts[] = {0, columns[0], columns[0] + columns[1]}, first = p->fused_qkv ? starts[part] : 0;
  const size_t all = columns[0] + columns[1] + columns[2], groups = clattn_kv_heads(p);
  const bool grouped = p->fused_qkv && p->fused_order == CLATTN_FUSED_GROUPS;
  return (clattn_linear){
      .in = !of_queries && p->source == CLATTN_SOURCE_XKV ? CLATTN_XKV : CLATTN_X,
      .w = p->fused_qkv ? CLATTN_WQKV : parts[part].w,
      .bias = !biased        ? CLATTN_TENSOR_COUNT
              : p->fused_qkv ? CLATTN_BQKV
                             : parts[part].bias,
      .rows = of_queries ? clattn_query_tokens(p) : clattn_key_tokens(p),
      .terms = of_queries ? p->model_dim : clattn_kv_model_dim(p),
      .all_columns = p->fused_qkv ? all : columns[part],
      .columns = {first, columns[part]},
      .given = grouped ? (clattn_column_runs){first / groups, columns[part], columns[part] / groups, all / groups}
                       : (clattn_column_runs){first, columns[part], columns[part], 0},
      .transposed = p->layout == CLATTN_LAYOUT_XWT,
  };
}

clattn_column_runs clattn_linear_vector(const clattn_linear *l, size_t first, size_t count) {
  const clattn_column_runs *g = &l->given;
  return (clattn_column_runs){g->first + first / g->run * g->step + first % g->run, count, count, 0};
}

clattn_linear_float clattn_linear_in_float(const clattn_linear *l, const clattn_floats *floats) {
  return (clattn_linear_float){.w = floats->tensor[l->w],
                               .bias = l->bias != CLATTN_TENSOR_COUNT ? floats->tensor[l->bias] : NULL,
                               .terms = l->terms,
                               .all_columns = l->all_columns,
                               .transposed = l->transposed};
}

size_t clattn_query_start(const clattn_problem *p, const clattn_score_row *s, clattn_tensor tensor) {
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED;
  const size_t columns = clattn_tensor_columns(p, tensor),
               first = packed ? s->sequence.first_query : s->batch * p->query_len;
  if (tensor != CLATTN_Q && p->context_order == CLATTN_ORDER_HEADS)
    return ((s->batch * p->heads + s->head) * p->query_len + s->query) * p->value_dim;
  return (first + s->query) * columns + s->head * (columns / p->heads);
}

size_t clattn_key_start(const clattn_problem *p, const clattn_score_row *s, clattn_tensor tensor) {
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED;
  const bool in_place = packed && p->cache.capacity == 0;
  const size_t columns = clattn_tensor_columns(p, tensor),
               first = in_place ? s->sequence.first_key : s->batch * p->key_len;
  return first * columns + s->kv_head * (columns / clattn_kv_heads(p));
}

void clattn_gather_given(const clattn_problem *p, clattn_tensor tensor, const float *from, float *to) {
  const clattn_strides s = clattn_given_strides(p, tensor);
  const bool of_queries = tensor == CLATTN_Q, packed = p->lengths == CLATTN_LENGTHS_PACKED;
  const size_t heads = of_queries ? p->heads : clattn_kv_heads(p), dim = clattn_tensor_columns(p, tensor) / heads;
  const size_t tokens = of_queries ? clattn_query_tokens(p) : clattn_key_tokens(p);
  const size_t rows = packed ? tokens : of_queries ? p->query_len : p->key_len;
  for (size_t token = 0; token < tokens; ++token)
    for (size_t head = 0; head < heads; ++head, to += dim)
      memcpy(to, from + token / rows * s.batch + head * s.head + token % rows * s.row, dim * sizeof *to);
}
