/* context, rung 2: tiles of weights and V are shared through local memory (GPU form). Formula and arguments as in
 * rung 1.
 *
 * One work-group computes TILE queries x TILE value columns, one work-item one element; see common/product_tiled.cl for
 * the picture, with A = weights and B = V. Keys that are masked for all queries of the tile are not read.
 *
 * Wins over rung 1 on GPUs. Loses on CPU devices.
 */
#include "common/layout.cl"
#include "common/product_tiled.cl"

kernel __attribute__((reqd_work_group_size(TILE, TILE, 1))) void
context(global const float *weights, global const float *v, global float *context, ulong4 v_stride,
        ulong4 context_stride, int heads, int first_pair, int first_row, int rows, int key_len, int value_dim) {
  local float weights_tile[TILE][TILE + 1], v_tile[TILE][TILE + 1];
  const int c0 = get_group_id(0) * TILE, row0 = get_group_id(1) * TILE, pair = get_global_id(2);
  const int c = get_global_id(0), row = get_global_id(1);
  global const float *weights_corner = weights + ((size_t)pair * rows + row0) * key_len;
  global const float *v_corner = v + head_offset(v_stride, first_pair + pair, heads) + c0;

  const int depth = live_keys(first_row + row0 + TILE - 1, key_len); /* the last query of the tile sees the most keys */
  const float sum = product_tiled(weights_corner, key_len, rows - row0, v_corner, v_stride.z, value_dim - c0, depth,
                                  live_keys(first_row + row, key_len), weights_tile, v_tile);

  if (c < value_dim && row < rows)
    context[head_offset(context_stride, first_pair + pair, heads) + (first_row + row) * context_stride.z + c] = sum;
}
