/* project, rung 6: as rung 5, four floats at a time (target: GPU). Formula and arguments as in rung 1.
 *
 * One work-group computes a BLOCK_ROWS x BLOCK_COLS tile of out; see common/product_wide.cl for the picture. The
 * multiply-adds are those of rung 5, but a work-item's results are side by side. So x, w, both tiles and out are read
 * and written as float4, which takes a quarter of the load and store instructions.
 *
 * Wins over rung 5 on GPUs when model_dim and columns are multiples of 4. Otherwise most reads of global memory are
 * single floats again, and a little slower than in rung 5, since neighbours read addresses four floats apart. Loses on
 * small matrices and on CPU devices.
 */
#include "common/group.cl"
#include "common/projection.cl"
#include "common/product_wide.cl"

/* Stores the first `left` of four results side by side, from element `at` on. */
void store_results(float4 four, int left, global float *out, size_t at) {
#if OUT_TYPE
  if (left >= 4) {
    store_stored4(OUT_TYPE, four, out, at);
    return;
  }
  if (left > 0) store_stored(OUT_TYPE, four.x, out, at);
  if (left > 1) store_stored(OUT_TYPE, four.y, out, at + 1);
  if (left > 2) store_stored(OUT_TYPE, four.z, out, at + 2);
#else
  store4(four, left, out + at);
#endif
}

kernel __attribute__((reqd_work_group_size(LOCAL_X, LOCAL_Y, 1))) void
project(global const float *x, global const float *wq, global const float *wk, global const float *wv,
        global const float *bq, global const float *bk, global const float *bv, global float *q, global float *k,
        global float *v, const projection p) {
  local float4 x_tile[TILE_DEPTH * A_TILE_ROW], w_tile[TILE_DEPTH * B_TILE_ROW];
  result r;
  find_result(p, wq, wk, wv, bq, bk, bv, q, k, v, &r);
  const int column0 = group_id(0) * BLOCK_COLS, row0 = group_id(1) * BLOCK_ROWS;
  const matrix x_part = {x + (size_t)row0 * p.model_dim, p.model_dim, p.rows - row0};
  const matrix w_part = {w_corner(r, column0), r.w_row, r.columns - column0};
  if (column0 >= r.columns) return; /* with grouped queries q has more columns than k and v */

  float4 sum[ITEM_ROWS][ITEM_COLS / 4];
  const product_tiles tiles = {x_tile, w_tile};
  product_wide(x_part, w_part, p.model_dim, tiles, sum);

#pragma unroll
  for (int c = 0; c < ITEM_COLS / 4; ++c) {
    const int column = column0 + column_in_block(c), left = r.columns - column;
    const float4 bias = r.bias ? load4(r.bias + column, left) : (float4)0.0f;
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; ++i) {
      const int row = row0 + row_in_block(i);
      if (row < p.rows) store_results(sum[i][c] + bias, left, r.out, (size_t)row * r.columns + column);
    }
  }
}
