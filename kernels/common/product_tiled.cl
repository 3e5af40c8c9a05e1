/* A product through local memory, for GPUs: one work-group computes one TILE x TILE tile of A*B, one work-item one
 * element.
 *
 *               depth            columns
 *            +---+---+        +---+---+
 *      rows  | # |   |  depth | # |   |     C[row][column] = sum over k of A[row][k] * B[k][column]
 *            +---+---+        +---+---+
 *                             |   |   |     The two marked tiles are fetched together, each element once, and then used
 *                             +---+---+     TILE times out of local memory; then the next two.
 *
 * A's rows are contiguous. B is contiguous along k (B_ALONG_DEPTH 1: a matrix stored transposed, like K or W of x.W^T)
 * or along its columns (0). Neighbouring work-items read neighbouring addresses in both cases.
 */
#ifndef TILE
#define TILE 16 /* 8, 16 */
#endif
#ifndef B_ALONG_DEPTH
#define B_ALONG_DEPTH 0
#endif

/* One column more than needed: without it the transposing store below would hit one memory bank TILE times. */
typedef float tile_row[TILE + 1];

/* The sum for this work-item's element of the tile whose corner a and b point to. `rows` and `columns` count what is
 * left from that corner; `depth` is common to the work-group (it decides how many barriers there are), `row_depth` <=
 * depth says how many terms this row takes: terms behind it are not multiplied by zero but left out, so that a NaN
 * behind a mask stays there. */
float product_tiled(global const float *a, size_t a_stride, int rows, global const float *b, size_t b_stride,
                    int columns, int depth, int row_depth, local tile_row *a_tile, local tile_row *b_tile) {
  const int x = get_local_id(0), y = get_local_id(1);
  float sum = 0.0f;
  for (int k0 = 0; k0 < depth; k0 += TILE) {
    a_tile[y][x] = y < rows && k0 + x < depth ? a[y * a_stride + k0 + x] : 0.0f;
#if B_ALONG_DEPTH
    b_tile[x][y] = y < columns && k0 + x < depth ? b[y * b_stride + k0 + x] : 0.0f;
#else
    b_tile[y][x] = x < columns && k0 + y < depth ? b[(k0 + y) * b_stride + x] : 0.0f;
#endif
    barrier(CLK_LOCAL_MEM_FENCE); /* the tiles are complete before anyone reads them */
    const int end = min(TILE, row_depth - k0);
    for (int k = 0; k < end; ++k) sum = fma(a_tile[y][k], b_tile[k][x], sum);
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
  return sum;
}
