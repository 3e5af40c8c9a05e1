/* trace, products: the raw products from which scores are made. One work-item computes one element.
 *
 *     for (query i ...) for (key j ...)
 *       products[i][j] = sum over c < head_dim of q[i][c] * k[j][c]
 *
 * Not scaled, not masked: every key of the sequence, visible or not. Arguments, block and work-items as in
 * scores/1_naive.cl. As in the scaled products, elements outside the sequence are -infinity.
 *
 * Made for inspection, not for speed. The kernels of scores never store these numbers: they scale each sum first.
 */
#include "common/attention.cl"

kernel void products(global const float *q, global const float *k, global float *products, const attention a,
                     global const int *sequences) {
  const int key = get_global_id(0), row = get_global_id(1), pair = get_global_id(2);
  if (key >= a.key_len || row >= a.rows) return;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  global float *to = products + ((size_t)pair * a.rows + row) * a.key_len + key;
  if (row >= rows_of(a, s) || key >= s.key_len) {
    *to = -INFINITY;
    return;
  }
  global const float *query_row = q + query_offset(a, a.q, s) + row * a.q.row;
  global const float *key_row = k + key_offset(a, a.k, s) + key * a.k.row;
  float sum = 0.0f;
  for (int c = 0; c < a.head_dim; ++c) sum = fma(query_row[c], key_row[c], sum);
  *to = sum;
}
