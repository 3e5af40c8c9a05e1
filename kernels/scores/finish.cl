/* finish: turns a block of scaled products into scores, in place: softcap, bias and mask. Post-processes a product that
 * supports none of them (CLBlast's).
 *
 * Arguments as in scores/1_naive.cl, without q and k. The work-item's number is (key, row, pair in the block).
 */
#include "common/attention.cl"

kernel void finish(global float *scores, const attention a, global const int *sequences, global const void *mask,
                   global const float *slopes) {
  const int key = get_global_id(0), row = get_global_id(1), pair = get_global_id(2);
  if (key >= a.key_len || row >= a.rows) return;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  global float *to = scores + ((size_t)pair * a.rows + row) * a.key_len + key;
  row_view view;
  view_row(a, s, row, mask, slopes, &view);
  *to = row < rows_of(a, s) && key < s.key_len ? finish_score(a, view, key, *to) : -INFINITY;
}
