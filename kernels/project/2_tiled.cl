/* project, rung 2: tiles of x and w are shared through local memory (GPU form). Formula and arguments as in rung 1.
 *
 * One work-group computes a TILE x TILE tile of out, one work-item one element; see common/product_tiled.cl for the
 * picture. Each value of x and w is fetched from global memory once for TILE uses instead of once for one.
 *
 * Wins over rung 1 on GPUs whose caches are small. Loses badly on CPU devices, where local memory is only more memory
 * and barriers are expensive.
 */
#ifndef W_TRANSPOSED
#define W_TRANSPOSED 0
#endif
#define B_ALONG_DEPTH W_TRANSPOSED
#include "common/product_tiled.cl"

kernel __attribute__((reqd_work_group_size(TILE, TILE, 1))) void
project(global const float *x, global const float *w, global float *out, int rows, int model_dim, int columns) {
  local float x_tile[TILE][TILE + 1], w_tile[TILE][TILE + 1];
  const int column0 = get_group_id(0) * TILE, row0 = get_group_id(1) * TILE;
  const size_t w_stride = W_TRANSPOSED ? model_dim : columns;
  const size_t w_corner = W_TRANSPOSED ? column0 * w_stride : column0;

  const float sum = product_tiled(x + (size_t)row0 * model_dim, model_dim, rows - row0, w + w_corner, w_stride,
                                  columns - column0, model_dim, model_dim, x_tile, w_tile);

  const int column = get_global_id(0), row = get_global_id(1);
  if (column < columns && row < rows) out[(size_t)row * columns + column] = sum;
}
