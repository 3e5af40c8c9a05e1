/* scores, rung 1: the formula, one work-item an element of the result.
 *
 *     for (query i ...) for (key j ...)
 *       scores[i][j] = j is live for i ? scale * (sum over c < head_dim of q[i][c] * k[j][c]) : -infinity
 *
 * q and k lie in memory as q_stride and k_stride say (common/layout.cl). scores is a block, (pairs, rows, key_len): the
 * pairs first_pair ..., of each pair the queries first_row ... first_row + rows - 1. Work-item (j, i, pair in the
 * block).
 *
 * Wins nowhere. Neighbouring work-items read rows of K, head_dim or more values apart: on a GPU no two of these reads
 * share a memory transaction.
 */
#include "common/layout.cl"

kernel void scores(global const float *q, global const float *k, global float *scores, ulong4 q_stride, ulong4 k_stride,
                   int heads, int first_pair, int first_row, int rows, int key_len, int head_dim, float scale) {
  const int key = get_global_id(0), row = get_global_id(1), pair = get_global_id(2);
  if (key >= key_len || row >= rows) return;
  global const float *query_row = q + head_offset(q_stride, first_pair + pair, heads) + (first_row + row) * q_stride.z;
  global const float *key_row = k + head_offset(k_stride, first_pair + pair, heads) + key * k_stride.z;
  float sum = 0.0f;
  for (int c = 0; c < head_dim; ++c) sum = fma(query_row[c], key_row[c], sum);
  scores[((size_t)pair * rows + row) * key_len + key] =
      key < live_keys(first_row + row, key_len) ? sum * scale : -INFINITY;
}
