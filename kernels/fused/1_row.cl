/* fused, rung 1: the formula. One work-item computes one row and stores no row of scores, so each score is computed
 * three times.
 *
 *     score(j)   = (q[i] . k[j]) * scale, then softcap, bias and mask
 *     m          = max over j of score(j), and of the sink
 *     s          = sum over j of exp(score(j) - m), and exp(sink - m)
 *     context[i] = sum over j of exp(score(j) - m) / s * v[j]
 *     lse[i]     = m + log(s)
 *
 * The strides in `a` describe q, k, v and context; lse (batch, heads, query_len) or NULL; workspace is not used. The
 * work-item's number is (pair, row). The sums over v are kept in the result, so that value_dim may have any size.
 *
 * Only m and s are kept of a row, and both are final before they are used, so nothing is corrected afterwards.
 * common/softmax.cl describes how masked keys are handled.
 *
 * Wins nowhere: 6*head_dim operations per key for scores instead of 2*head_dim, and all keys are read three times.
 */
#include "common/fused.cl"
#include "common/softmax.cl"

/* What the scores of a row depend on. */
typedef struct row_inputs {
  row_view view;
  global const void *q, *k;
  size_t q_row, k_head; /* where the row begins in q, and key 0 of the head in k */
} row_inputs;

/* Inlined, so that each of the three passes has its own loads: neighbours then read the same key at the same time. */
static __attribute__((always_inline)) float score_of(const attention a, const row_inputs in, int key) {
  const size_t k_row = in.k_head + key * a.k.row;
  float sum = 0.0f;
  for (int c = 0; c < a.head_dim; ++c)
    sum = fma(load_stored(Q_TYPE, in.q, in.q_row + c), load_stored(K_TYPE, in.k, k_row + c), sum);
  return finish_score(a, in.view, key, sum * a.scale);
}

kernel void fused(global const void *q, global const void *k, global const void *v, global float *context,
                  const attention a, global const int *sequences, global const void *mask, global const float *slopes,
                  global const float *sinks, global float *lse, global float *workspace) {
  const int pair = get_global_id(0), row = get_global_id(1);
  if (pair >= a.all_pairs || row >= a.query_len) return;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  row_inputs in = {.q = q, .k = k, .q_row = query_offset(a, a.q, s) + row * a.q.row, .k_head = key_offset(a, a.k, s)};
  view_row(a, s, row, mask, slopes, &in.view);
  const int exists = row < s.query_len, first = in.view.first, end = exists ? in.view.end : first;
  const float sink = head_sink(sinks, s);

  float largest = sink;
  for (int key = first; key < end; ++key) largest = fmax(largest, score_of(a, in, key));
  float sum = sink_exp(sink, largest);
  for (int key = first; key < end; ++key) sum += live_exp(score_of(a, in, key), largest);
  store_fused_lse(a, lse, pair, row, largest, sum, 0);
  if (!exists) return;

  global float *out = context + query_offset(a, a.context, s) + row * a.context.row;
  for (int c = 0; c < a.value_dim; ++c) out[c] = 0.0f;
  for (int key = first; key < end; ++key) {
    const float weight = live_weight(live_exp(score_of(a, in, key), largest), sum);
    const size_t v_row = key_offset(a, a.v, s) + key * a.v.row;
    if (is_masked(weight)) continue;
    for (int c = 0; c < a.value_dim; ++c) out[c] = fma(weight, load_stored(V_TYPE, v, v_row + c), out[c]);
  }
}
