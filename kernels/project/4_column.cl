/* project, rung 4: each work-item computes ITEM_ROWS results of a column (target: GPU). Formula and arguments as in
 * rung 1.
 *
 * One work-group computes a BLOCK_ROWS x TILE tile of out; see common/product_column.cl for the picture. Rung 3 reads
 * two words of local memory for each multiply-add. Here nine words serve eight, since an element of w stays in a
 * register for all rows.
 *
 * Wins over rung 3 on GPUs once there are enough work-groups (a tile is 128 x 16 by default). Loses to rung 5, which
 * keeps both sides in registers; loses with few rows, because most of a tile is empty then; and loses on CPU devices.
 */
#include "common/group.cl"
#include "common/projection.cl"
#include "common/product_column.cl"

kernel __attribute__((reqd_work_group_size(TILE, TILE, 1))) void
project(global const float *x, global const float *wq, global const float *wk, global const float *wv,
        global const float *bq, global const float *bk, global const float *bv, global float *q, global float *k,
        global float *v, const projection p) {
  local float x_tile[BLOCK_ROWS][TILE + 1], w_tile[TILE][TILE + 1];
  result r;
  find_result(p, wq, wk, wv, bq, bk, bv, q, k, v, &r);
  const int column0 = group_id(0) * TILE, row0 = group_id(1) * BLOCK_ROWS;
  const matrix x_part = {x + (size_t)row0 * p.model_dim, p.model_dim, p.rows - row0};
  const matrix w_part = {w_corner(r, column0), r.w_row, r.columns - column0};
  if (column0 >= r.columns) return; /* with grouped queries q has more columns than k and v */

  float sum[ITEM_ROWS];
  product_column(x_part, w_part, p.model_dim, x_tile, w_tile, sum);

  const int column = get_global_id(0);
#pragma unroll
  for (int i = 0; i < ITEM_ROWS; ++i) {
    const int row = row0 + get_local_id(1) + i * TILE;
    if (column < r.columns && row < p.rows)
      store_stored(OUT_TYPE, sum[i] + bias_of(r, column), r.out, (size_t)row * r.columns + column);
  }
}
