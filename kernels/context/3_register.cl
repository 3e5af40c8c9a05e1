/* context, rung 3: each work-item keeps ITEM_ROWS x ITEM_COLS results in registers (GPU form). Formula and arguments as
 * in rung 1.
 *
 * One work-group computes BLOCK_ROWS queries x BLOCK_COLS value columns; see common/product_register.cl for the
 * picture, with A = weights and B = V. Keys that are masked for all queries of the block are not read.
 *
 * Wins on GPUs when value_dim fills the block's columns (64 by default). Loses on narrow values and on CPU devices.
 */
#include "common/layout.cl"
#include "common/product_register.cl"

kernel __attribute__((reqd_work_group_size(LOCAL_X, LOCAL_Y, 1))) void
context(global const float *weights, global const float *v, global float *context, ulong4 v_stride,
        ulong4 context_stride, int heads, int first_pair, int first_row, int rows, int key_len, int value_dim) {
  local float weights_tile[TILE_DEPTH][BLOCK_ROWS + 1], v_tile[TILE_DEPTH][BLOCK_COLS + 1];
  const int c0 = get_group_id(0) * BLOCK_COLS, row0 = get_group_id(1) * BLOCK_ROWS, pair = get_global_id(2);
  global const float *weights_corner = weights + ((size_t)pair * rows + row0) * key_len;
  global const float *v_corner = v + head_offset(v_stride, first_pair + pair, heads) + c0;
  global float *to = context + head_offset(context_stride, first_pair + pair, heads);

  float sum[ITEM_ROWS][ITEM_COLS];
  int row_depth[ITEM_ROWS];
  for (int r = 0; r < ITEM_ROWS; ++r) {
    row_depth[r] = live_keys(first_row + row0 + get_local_id(1) + r * LOCAL_Y, key_len);
    for (int c = 0; c < ITEM_COLS; ++c) sum[r][c] = 0.0f;
  }
  const int depth = live_keys(first_row + row0 + BLOCK_ROWS - 1, key_len); /* the last query sees the most keys */
  product_register(weights_corner, key_len, rows - row0, v_corner, v_stride.z, value_dim - c0, depth, row_depth,
                   weights_tile, v_tile, sum);

  for (int r = 0; r < ITEM_ROWS; ++r) {
    for (int c = 0; c < ITEM_COLS; ++c) {
      const int row = row0 + get_local_id(1) + r * LOCAL_Y, column = c0 + get_local_id(0) + c * LOCAL_X;
      if (row < rows && column < value_dim) to[(first_row + row) * context_stride.z + column] = sum[r][c];
    }
  }
}
