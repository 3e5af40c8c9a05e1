/* merge, rung 1: makes one context of two, of the same queries over different keys. One work-item merges one element.
 *
 *     m       = max(lse_a, lse_b)
 *     s       = exp(lse_a - m) + exp(lse_b - m)
 *     context = exp(lse_a - m) / s * a + exp(lse_b - m) / s * b
 *     lse     = m + log(s)
 *
 * A row's context is a weighted mean of values, and exp(lse) the sum of its weights before they are divided. So the sum
 * over all keys is that of both parts, and each part's mean counts by its share: the rescaling of FlashAttention
 * (Dao et al. 2022, section 3.1), which Flash-Decoding applies to parts of the keys (Dao et al. 2023). More parts are
 * merged one after the other.
 *
 * A part without a visible key has lse -infinity; its context does not count, whatever it holds. The weight of any
 * other part is multiplied with its context even if it has underflowed to 0, so that a NaN shows. Weights are divided
 * before they are multiplied: the sum of two contexts near the largest float would overflow.
 *
 * The work-item's number is (value column, query, pair). Traffic is all that it costs: three elements for each of the
 * result. a and the merged context may be the same buffer, but not the log-sum-exps: all work-items of a row read them.
 */
#include "common/softmax.cl"
#include "common/online.cl"
#include "common/stored.cl"

/* A part as a pair of common/online.cl: the sum of exp(score - lse) over its keys is 1. Of NaN and infinity it is NaN.
 */
float2 part_of(float lse) {
  return (float2)(lse, lse == -INFINITY ? 0.0f : isfinite(lse) ? 1.0f : NAN);
}

/* What a part adds to the merged element. */
float share_of(float2 part, float2 joined, int type, global const void *context, size_t at) {
  if (part.y == 0.0f) return 0.0f;
  return part.y * shrink(part.x, joined.x) / joined.y * load_stored(type, context, at);
}

kernel void merge(global const void *a, global const float *a_lse, global const void *b, global const float *b_lse,
                  global void *context, global float *lse, const merging m, global const int *query_offsets) {
  const int c = get_global_id(0), row = get_global_id(1), pair = get_global_id(2);
  if (c >= m.value_dim || row >= m.query_len || pair >= m.pairs) return;
  const size_t line = (size_t)pair * m.query_len + row;
  const float2 left = part_of(a_lse[line]), right = part_of(m.parts > 1 ? b_lse[line] : -INFINITY);
  const float2 joined = join_pair(left, right);
  if (lse && c == 0) lse[line] = joined.x + log(joined.y);

  const int batch = pair / m.heads, head = pair - batch * m.heads;
  const int first = query_offsets ? query_offsets[batch] : 0;
  if (query_offsets && row >= query_offsets[batch + 1] - first) return; /* past the end of its sequence */
  const size_t at = batch * m.context.batch + head * m.context.head + (size_t)(first + row) * m.context.row + c;
  const float from_a = share_of(left, joined, m.a_type, a, at), from_b = share_of(right, joined, m.b_type, b, at);
  store_stored(m.type, from_a + from_b, context, at);
}
