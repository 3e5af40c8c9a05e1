/* A product that uses local memory and one register more, for GPUs. One work-group computes a tile of TILE*ITEM_ROWS
 * rows x TILE columns of A*B. One work-item computes ITEM_ROWS elements of one column, TILE rows apart.
 *
 *               depth            columns
 *            +-------+          +-------+
 *            |   #   |   depth  |   #   |    TILE x TILE work-items, as in product_tiled.cl, but A's tile is
 *      rows  |   #   |          +-------+    ITEM_ROWS times as high. At step k a work-item loads B[k][column]
 *            |   #   |                       into a register and multiplies A[row][k] of all its rows by it.
 *            +-------+
 *
 * Why: product_tiled reads two words of local memory for each multiply-add. Here 1 + ITEM_ROWS words serve ITEM_ROWS
 * multiply-adds, and neighbouring work-items read the same words of A. Each element of B is fetched from global memory
 * once for TILE*ITEM_ROWS uses instead of TILE.
 *
 * B_ALONG_DEPTH has the meaning it has in product_tiled.cl.
 */
#ifndef TILE
#define TILE 16 /* 8, 16 */
#endif
#ifndef ITEM_ROWS
#define ITEM_ROWS 8 /* 2, 4, 8 */
#endif
#ifndef B_ALONG_DEPTH
#define B_ALONG_DEPTH 0
#endif
#define BLOCK_ROWS (TILE * ITEM_ROWS)
#include "common/matrix.cl"

/* The extra column: without it, the transposing store below would hit one memory bank TILE times. */
typedef float tile_row[TILE + 1];

/* Computes the sums over `depth` terms for this work-item's elements of the output tile. a and b start at the tile's
 * first row and column. depth is the same in the whole work-group: it decides how many barriers there are. */
void product_column(const matrix a, const matrix b, int depth, local tile_row *a_tile, local tile_row *b_tile,
                    float sum[ITEM_ROWS]) {
  const int x = get_local_id(0), y = get_local_id(1);
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) sum[r] = 0.0f;
  for (int k0 = 0; k0 < depth; k0 += TILE) {
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r) {
      const int row = y + r * TILE;
      a_tile[row][x] = row < a.count && k0 + x < depth ? a.at[row * a.row + k0 + x] : 0.0f;
    }
#if B_ALONG_DEPTH
    b_tile[x][y] = y < b.count && k0 + x < depth ? b.at[y * b.row + k0 + x] : 0.0f;
#else
    b_tile[y][x] = x < b.count && k0 + y < depth ? b.at[(k0 + y) * b.row + x] : 0.0f;
#endif
    barrier(CLK_LOCAL_MEM_FENCE); /* the tiles are complete before anyone reads them */
    const int terms = min(TILE, depth - k0);
    for (int k = 0; k < terms; ++k) {
      const float b_value = b_tile[k][x];
#pragma unroll
      for (int r = 0; r < ITEM_ROWS; ++r) sum[r] = fma(a_tile[y + r * TILE][k], b_value, sum[r]);
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
}
