/* scores, rung 1: the formula. One work-item computes one element of the result.
 *
 *     for (query i ...) for (key j ...)
 *       scores[i][j] = finish(scale * (sum over c < head_dim of q[i][c] * k[j][c]))
 *
 * where finish is softcap, bias and mask, in this order (common/attention.cl); a masked key's score is -infinity.
 *
 * The strides in `a` describe q and k in memory. scores is a block (pairs, rows, key_len): queries a.first_row ...
 * a.first_row + a.rows - 1 of each pair from a.first_pair on. sequences, mask and slopes are NULL if the problem has
 * none. The work-item's number is (j, i, pair in the block).
 *
 * Wins nowhere. Neighbouring work-items read different rows of K, head_dim or more values apart: on a GPU no two of
 * these reads share a memory transaction.
 */
#include "common/attention.cl"

kernel void scores(global const float *q, global const float *k, global float *scores, const attention a,
                   global const int *sequences, global const void *mask, global const float *slopes) {
  const int key = get_global_id(0), row = get_global_id(1), pair = get_global_id(2);
  if (key >= a.key_len || row >= a.rows) return;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  global float *to = scores + ((size_t)pair * a.rows + row) * a.key_len + key;
  if (row >= rows_of(a, s) || !tile_is_seen(a, s, row, row + 1, key, 1) || key >= s.key_len) {
    *to = -INFINITY;
    return;
  }
  global const float *query_row = q + query_offset(a, a.q, s) + row * a.q.row;
  global const float *key_row = k + key_offset(a, a.k, s) + key * a.k.row;
  float sum = 0.0f;
  for (int c = 0; c < a.head_dim; ++c) sum = fma(query_row[c], key_row[c], sum);
  row_view view;
  view_row(a, s, row, mask, slopes, &view);
  *to = finish_score(a, view, key, sum * a.scale);
}
