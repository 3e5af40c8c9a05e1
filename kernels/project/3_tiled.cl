/* project, rung 3: work-items share tiles of x and w in local memory (target: GPU). Formula and arguments as in rung 1.
 *
 * One work-group computes a TILE x TILE tile of out, one work-item one element; see common/product_tiled.cl for the
 * picture. Each value of x and w is fetched from global memory once for TILE uses, not once for each use.
 *
 * Wins over rung 2 on GPUs whose caches are small. Loses badly on CPU devices, where local memory is ordinary memory
 * and barriers are expensive.
 */
#include "common/group.cl"
#include "common/projection.cl"
#include "common/product_tiled.cl"

kernel __attribute__((reqd_work_group_size(TILE, TILE, 1))) void
project(global const float *x, global const float *wq, global const float *wk, global const float *wv,
        global const float *bq, global const float *bk, global const float *bv, global float *q, global float *k,
        global float *v, const projection p) {
  local float x_tile[TILE][TILE + 1], w_tile[TILE][TILE + 1];
  result r;
  find_result(p, wq, wk, wv, bq, bk, bv, q, k, v, &r);
  const int column0 = group_id(0) * TILE, row0 = group_id(1) * TILE;
  const matrix x_part = {x + (size_t)row0 * p.model_dim, p.model_dim, p.rows - row0};
  const matrix w_part = {w_corner(r, column0), r.w_row, r.columns - column0};
  if (column0 >= r.columns) return; /* with grouped queries q has more columns than k and v */

  const float sum = product_tiled(x_part, w_part, 0, p.model_dim, x_tile, w_tile);

  const int column = get_global_id(0), row = get_global_id(1);
  if (column < r.columns && row < p.rows)
    store_stored(OUT_TYPE, sum + bias_of(r, column), r.out, (size_t)row * r.columns + column);
}
