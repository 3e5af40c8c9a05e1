/* context, rung 3: each work-item keeps ITEM_ROWS x ITEM_COLS results in registers (target: GPU). Formula and arguments
 * as in rung 1.
 *
 * One work-group computes BLOCK_ROWS queries x BLOCK_COLS value columns; see common/product_register.cl for the
 * picture, with A = weights and B = V. Keys that no query of the tile sees are not read.
 *
 * Wins on GPUs when value_dim fills the tile's columns (64 by default). Loses on narrow values and on CPU devices.
 */
#define A_IS_WEIGHTS 1
#include "common/attention.cl"
#include "common/group.cl"
#include "common/product_register.cl"

kernel __attribute__((reqd_work_group_size(LOCAL_X, LOCAL_Y, 1))) void context(global const float *weights,
                                                                               global const float *v,
                                                                               global float *context, const attention a,
                                                                               global const int *sequences) {
  local float weights_tile[TILE_DEPTH][BLOCK_ROWS + 1], v_tile[TILE_DEPTH][BLOCK_COLS + 1];
  local int nonfinite;
  const int c0 = group_id(0) * BLOCK_COLS, row0 = group_id(1) * BLOCK_ROWS, pair = get_global_id(2);
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int rows = rows_of(a, s);
  const matrix weights_part = {weights + ((size_t)pair * a.rows + row0) * a.key_len, a.key_len, rows - row0};
  const matrix v_part = {v + key_offset(a, a.v, s) + c0, a.v.row, a.value_dim - c0};
  global float *to = context + query_offset(a, a.context, s);

  /* The tile's first query gives the first visible key, its last query the last. */
  float sum[ITEM_ROWS][ITEM_COLS];
  const product_tiles tiles = {weights_tile, v_tile, &nonfinite};
  product_register(weights_part, v_part, first_key(a, s, row0), end_key(a, s, row0 + BLOCK_ROWS - 1), tiles, sum);

#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) {
#pragma unroll
    for (int c = 0; c < ITEM_COLS; ++c) {
      const int row = row0 + get_local_id(1) + r * LOCAL_Y, column = c0 + get_local_id(0) + c * LOCAL_X;
      if (row < rows && column < a.value_dim) to[row * a.context.row + column] = sum[r][c];
    }
  }
}
