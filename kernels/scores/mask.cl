/* mask: overwrites the masked places of a block of scores with -infinity. Runs behind a product that knows of no mask
 * (CLBlast). It overwrites, it does not add: whatever a masked key holds, NaN included, is gone.
 *
 * scores (pairs, rows, key_len), the queries first_row ... of each pair. Work-item (key, row, pair in the block).
 */
#include "common/layout.cl"

kernel void mask(global float *scores, int first_row, int rows, int key_len) {
  const int key = get_global_id(0), row = get_global_id(1), pair = get_global_id(2);
  if (key >= key_len || row >= rows) return;
  if (key >= live_keys(first_row + row, key_len)) scores[((size_t)pair * rows + row) * key_len + key] = -INFINITY;
}
