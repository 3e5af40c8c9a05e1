/* fused, rung 2: one pass over the keys, with a running maximum and sum. Arguments as in rung 1.
 *
 *     for (each key j of row i)
 *       score = (q[i] . k[j]) * scale, then softcap, bias and mask
 *       if (score > m) shrink s and context[i] by exp(m - score); m = score
 *       s          += exp(score - m)
 *       context[i] += exp(score - m) * v[j]
 *     context[i] /= s
 *
 * When a larger score arrives, the sums made under the smaller maximum are rescaled; see common/fused.cl. So the
 * maximum need not be known in advance, and each score is computed once. The work-item's number is (pair, row). The
 * sums are kept in the result, so that value_dim may have any size.
 *
 * Wins over rung 1: a third of the products of queries and keys. Loses to every other rung: each work-item reads all
 * keys and values of its head, and writes its result once for every key. Traffic between processor and caches is the
 * limit, and no work-item shares anything with another.
 */
#include "common/fused.cl"

kernel void fused(global const void *q, global const void *k, global const void *v, global float *context,
                  const attention a, global const int *sequences, global const void *mask, global const float *slopes,
                  global const float *sinks, global float *lse, global float *workspace) {
  const int pair = get_global_id(0), row = get_global_id(1);
  if (pair >= a.all_pairs || row >= a.query_len) return;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  row_view view;
  view_row(a, s, row, mask, slopes, &view);
  const int exists = row < s.query_len, headroom = headroom_of(s.key_len);
  const size_t q_row = query_offset(a, a.q, s) + row * a.q.row;
  global float *out = context + query_offset(a, a.context, s) + row * a.context.row;
  float largest = head_sink(sinks, s), sum = sink_part(largest, headroom);

  for (int c = 0; c < a.value_dim && exists; ++c) out[c] = 0.0f;
  for (int key = view.first; key < view.end && exists; ++key) {
    const size_t k_row = key_offset(a, a.k, s) + key * a.k.row, v_row = key_offset(a, a.v, s) + key * a.v.row;
    float dot_product = 0.0f;
    for (int c = 0; c < a.head_dim; ++c)
      dot_product += load_stored(Q_TYPE, q, q_row + c) * load_stored(K_TYPE, k, k_row + c);
    const float score = finish_score(a, view, key, dot_product * a.scale);
    if (score == -INFINITY) continue;
    /* exercise online-maximum: add this score to largest, sum and out; a larger score first shrinks sum and out */
    const float larger = fmax(largest, score), factor = larger > largest ? shrink(largest, larger) : 1.0f;
    const float part = live_part(score, larger, headroom);
    largest = larger;
    sum = sum * factor + part;
    for (int c = 0; c < a.value_dim; ++c) out[c] = out[c] * factor + part * load_stored(V_TYPE, v, v_row + c);
    /* end of exercise */
  }
  for (int c = 0; c < a.value_dim && exists && sum != 0.0f; ++c) out[c] /= sum;
  store_fused_lse(a, lse, pair, row, largest, sum, headroom);
}
