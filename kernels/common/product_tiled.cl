/* A product that uses local memory, for GPUs. One work-group computes one TILE x TILE tile of A*B, one work-item one
 * element.
 *
 *               depth            columns
 *            +---+---+        +---+---+
 *      rows  | # |   |  depth | # |   |     C[row][column] = sum over k of A[row][k] * B[k][column]
 *            +---+---+        +---+---+
 *                             |   |   |     The two marked tiles are fetched together, each element once, and used TILE
 *                             +---+---+     times from local memory. Then the next two tiles follow.
 *
 * B is contiguous along k (B_ALONG_DEPTH 1: a matrix stored transposed, like K or the W of x.W^T) or along its columns
 * (0). Neighbouring work-items read neighbouring addresses in both cases.
 *
 * A_IS_WEIGHTS 1: terms of masked keys (common/masked.cl) are skipped, not multiplied, so that a NaN in such a key's
 * value does not spread.
 */
#ifndef TILE
#define TILE 16 /* 8, 16 */
#endif
#ifndef B_ALONG_DEPTH
#define B_ALONG_DEPTH 0
#endif
#ifndef A_IS_WEIGHTS
#define A_IS_WEIGHTS 0
#endif
#include "common/masked.cl"
#include "common/matrix.cl"

/* The extra column: without it, the transposing store below would hit one memory bank TILE times. */
typedef float tile_row[TILE + 1];

/* Returns the sum over first <= k < end for this work-item's element of the output tile. a and b start at the tile's
 * first row and column. first and end are the same in the whole work-group: they decide how many barriers there are. */
float product_tiled(const matrix a, const matrix b, int first, int end, local tile_row *a_tile,
                    local tile_row *b_tile) {
  const int x = get_local_id(0), y = get_local_id(1);
  float sum = 0.0f;
  for (int k0 = first; k0 < end; k0 += TILE) {
    /* exercise tile-load: load this work-item's element of each tile, from term k0 on; 0 outside the matrices */
    a_tile[y][x] = y < a.count && k0 + x < end ? a.at[y * a.row + k0 + x] : 0.0f;
#if B_ALONG_DEPTH
    b_tile[x][y] = y < b.count && k0 + x < end ? b.at[y * b.row + k0 + x] : 0.0f;
#else
    b_tile[y][x] = x < b.count && k0 + y < end ? b.at[(k0 + y) * b.row + x] : 0.0f;
#endif
    /* end of exercise */
    /* exercise tile-multiply: add the products of the two tiles to sum; who may read and write when? */
    barrier(CLK_LOCAL_MEM_FENCE); /* the tiles are complete before anyone reads them */
    const int terms = min(TILE, end - k0);
    for (int k = 0; k < terms; ++k)
      if (!A_IS_WEIGHTS || !is_masked(a_tile[y][k])) sum = fma(a_tile[y][k], b_tile[k][x], sum);
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
    /* end of exercise */
  }
  return sum;
}
