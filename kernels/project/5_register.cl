/* project, rung 5: each work-item keeps ITEM_ROWS x ITEM_COLS results in registers (target: GPU). Formula and arguments
 * as in rung 1.
 *
 * One work-group computes a BLOCK_ROWS x BLOCK_COLS tile of out; see common/product_register.cl for the picture. Rung 4
 * reads nine words of local memory for eight multiply-adds; here one word serves two.
 *
 * Wins on GPUs once the matrices have enough tiles to fill it (64 x 64 by default). Loses on small matrices, which
 * leave most of the GPU idle, and on CPU devices.
 */
#include "common/group.cl"
#include "common/projection.cl"
#include "common/product_register.cl"

kernel __attribute__((reqd_work_group_size(LOCAL_X, LOCAL_Y, 1))) void
project(global const float *x, global const float *wq, global const float *wk, global const float *wv,
        global const float *bq, global const float *bk, global const float *bv, global float *q, global float *k,
        global float *v, const projection p) {
  local float x_tile[TILE_DEPTH][BLOCK_ROWS + 1], w_tile[TILE_DEPTH][BLOCK_COLS + 1];
  result r;
  find_result(p, wq, wk, wv, bq, bk, bv, q, k, v, &r);
  const int column0 = group_id(0) * BLOCK_COLS, row0 = group_id(1) * BLOCK_ROWS;
  const matrix x_part = {x + (size_t)row0 * p.model_dim, p.model_dim, p.rows - row0};
  const matrix w_part = {w_corner(r, column0), r.w_row, r.columns - column0};
  if (column0 >= r.columns) return; /* with grouped queries q has more columns than k and v */

  float sum[ITEM_ROWS][ITEM_COLS];
  const product_tiles tiles = {x_tile, w_tile, 0};
  product_register(x_part, w_part, 0, p.model_dim, tiles, sum);

#pragma unroll
  for (int i = 0; i < ITEM_ROWS; ++i) {
#pragma unroll
    for (int c = 0; c < ITEM_COLS; ++c) {
      const int row = row0 + get_local_id(1) + i * LOCAL_Y, column = column0 + get_local_id(0) + c * LOCAL_X;
      if (row < p.rows && column < r.columns)
        store_stored(OUT_TYPE, sum[i][c] + bias_of(r, column), r.out, (size_t)row * r.columns + column);
    }
  }
}
