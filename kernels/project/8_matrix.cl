/* project, rung 8: products in the GPU's matrix unit (target: GPU with a matrix unit). Formula and arguments as in
 * rung 1.
 *
 * One work-group computes a BLOCK_ROWS x BLOCK_COLS tile of out; see common/product_matrix.cl for the picture. The unit
 * multiplies halves or bfloat16s, with exact products and float sums. What the problem stores in the unit's type is one
 * of these (X_PARTS, W_PARTS 1). A float becomes three bfloat16s, for six products of the unit in place of one, and the
 * result is as accurate as that of the other rungs.
 *
 * Wins over rung 6 where the unit multiplies six times as fast as the lanes do, and where x and w were stored as halves
 * or bfloat16s, which takes one product. Loses on small matrices. Without a unit of this number,
 * common/matrix_unit_software.cl computes it in plain OpenCL C, very slowly.
 */
#ifdef X_PARTS
#define A_PARTS X_PARTS /* 1, 2, 3 */
#endif
#ifdef W_PARTS
#define B_PARTS W_PARTS
#endif
#include "common/group.cl"
#include "common/projection.cl"
#include "common/product_matrix.cl"

kernel LANES_TOGETHER __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
project(global const float *x, global const float *wq, global const float *wk, global const float *wv,
        global const float *bq, global const float *bk, global const float *bv, global float *q, global float *k,
        global float *v, const projection p) {
  /* As vectors, so that rows begin at multiples of 16 bytes. */
  local ushort8 x_tile[A_PARTS * A_PART / 8], w_tile[B_PARTS * B_PART / 8];
  local uint scratch[GROUPS_DOWN * GROUPS_ACROSS * UNIT_SCRATCH];
  local int others[2];
  const int sub_group = get_local_id(0) / UNIT_LANES;
  const matrix_unit unit = {get_local_id(0) % UNIT_LANES, scratch + sub_group * UNIT_SCRATCH};
  result r;
  find_result(p, wq, wk, wv, bq, bk, bv, q, k, v, &r);
  const int column0 = group_id(0) * BLOCK_COLS, row0 = group_id(1) * BLOCK_ROWS;
  const matrix x_part = {x + (size_t)row0 * p.model_dim, p.model_dim, p.rows - row0};
  const matrix w_part = {w_corner(r, column0), r.w_row, r.columns - column0};
  if (column0 >= r.columns) return; /* with grouped queries q has more columns than k and v */

  sum_fragment sum[ROW_SUMS][COLUMN_SUMS];
  const product_tiles tiles = {(local ushort *)x_tile, (local ushort *)w_tile, others};
  product_matrix(unit, x_part, w_part, p.model_dim, tiles, sum);

  UNROLL
  for (int i = 0; i < ROW_SUMS; ++i) UNROLL
  for (int c = 0; c < COLUMN_SUMS; ++c) UNROLL
  for (int n = 0; n < SUM_VALUES; ++n) {
    const int row = row0 + group_row() + i * UNIT_ROWS + sum_row(MATRIX_UNIT, unit.lane, n);
    const int column = column0 + group_column() + c * UNIT_COLUMNS + sum_column(MATRIX_UNIT, unit.lane, n);
    if (row < p.rows && column < r.columns)
      store_stored(OUT_TYPE, sum[i][c].value[n] + bias_of(r, column), r.out, (size_t)row * r.columns + column);
  }
}
