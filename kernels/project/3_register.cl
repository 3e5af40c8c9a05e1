/* project, rung 3: each work-item keeps ITEM_ROWS x ITEM_COLS results in registers (GPU form). Formula and arguments as
 * in rung 1.
 *
 * One work-group computes a BLOCK_ROWS x BLOCK_COLS block of out; see common/product_register.cl for the picture. Rung
 * 2 is limited by reads of local memory, two for each multiply-add; here it is one for two.
 *
 * Wins on GPUs once the matrices fill it with blocks (64 x 64 by default). Loses on small matrices, where most
 * work-groups would be idle, and on CPU devices.
 */
#ifndef W_TRANSPOSED
#define W_TRANSPOSED 0
#endif
#define B_ALONG_DEPTH W_TRANSPOSED
#include "common/product_register.cl"

kernel __attribute__((reqd_work_group_size(LOCAL_X, LOCAL_Y, 1))) void
project(global const float *x, global const float *w, global float *out, int rows, int model_dim, int columns) {
  local float x_tile[TILE_DEPTH][BLOCK_ROWS + 1], w_tile[TILE_DEPTH][BLOCK_COLS + 1];
  const int column0 = get_group_id(0) * BLOCK_COLS, row0 = get_group_id(1) * BLOCK_ROWS;
  const size_t w_stride = W_TRANSPOSED ? model_dim : columns;
  const size_t w_corner = W_TRANSPOSED ? column0 * w_stride : column0;

  float sum[ITEM_ROWS][ITEM_COLS];
  int row_depth[ITEM_ROWS];
  for (int r = 0; r < ITEM_ROWS; ++r) {
    row_depth[r] = model_dim;
    for (int c = 0; c < ITEM_COLS; ++c) sum[r][c] = 0.0f;
  }
  product_register(x + (size_t)row0 * model_dim, model_dim, rows - row0, w + w_corner, w_stride, columns - column0,
                   model_dim, row_depth, x_tile, w_tile, sum);

  for (int r = 0; r < ITEM_ROWS; ++r) {
    for (int c = 0; c < ITEM_COLS; ++c) {
      const int row = row0 + get_local_id(1) + r * LOCAL_Y, column = column0 + get_local_id(0) + c * LOCAL_X;
      if (row < rows && column < columns) out[(size_t)row * columns + column] = sum[r][c];
    }
  }
}
