/* A product through local memory and registers, for GPUs: one work-group computes a (LOCAL_Y*ITEM_ROWS) x
 * (LOCAL_X*ITEM_COLS) block of A*B, one work-item ITEM_ROWS x ITEM_COLS elements of it.
 *
 *        . x . x     The elements of work-item (x, y) lie LOCAL_X columns and LOCAL_Y rows apart, so that neighbouring
 *        . . . .     work-items store to neighbouring addresses and read neighbouring words of local memory.
 *        . x . x
 *
 * Why: product_tiled reads two words of local memory for each multiply-add. Here ITEM_ROWS + ITEM_COLS words serve
 * ITEM_ROWS * ITEM_COLS multiply-adds, 8 for 16 by default.
 *
 * A's rows are contiguous; B_ALONG_DEPTH as in product_tiled.cl.
 */
#ifndef LOCAL_X
#define LOCAL_X 16
#endif
#ifndef LOCAL_Y
#define LOCAL_Y 16
#endif
#ifndef ITEM_ROWS
#define ITEM_ROWS 4 /* 1 ... 8 */
#endif
#ifndef ITEM_COLS
#define ITEM_COLS 4 /* 1 ... 8 */
#endif
#ifndef TILE_DEPTH
#define TILE_DEPTH 16 /* 8, 16, 32 */
#endif
#ifndef B_ALONG_DEPTH
#define B_ALONG_DEPTH 0
#endif
#define BLOCK_ROWS (LOCAL_Y * ITEM_ROWS)
#define BLOCK_COLS (LOCAL_X * ITEM_COLS)

/* Depth runs along the first index of both, so that the inner loop reads whole rows of them; the extra column keeps
 * the transposing stores on different memory banks. */
typedef float a_tile_row[BLOCK_ROWS + 1];
typedef float b_tile_row[BLOCK_COLS + 1];

void load_tiles(global const float *a, size_t a_stride, int rows, global const float *b, size_t b_stride, int columns,
                int k0, int depth, local a_tile_row *a_tile, local b_tile_row *b_tile) {
  const int me = get_local_id(1) * LOCAL_X + get_local_id(0);
  for (int i = me; i < BLOCK_ROWS * TILE_DEPTH; i += LOCAL_X * LOCAL_Y) {
    const int row = i / TILE_DEPTH, k = i - row * TILE_DEPTH;
    a_tile[k][row] = row < rows && k0 + k < depth ? a[row * a_stride + k0 + k] : 0.0f;
  }
  for (int i = me; i < BLOCK_COLS * TILE_DEPTH; i += LOCAL_X * LOCAL_Y) {
#if B_ALONG_DEPTH
    const int column = i / TILE_DEPTH, k = i - column * TILE_DEPTH;
    b_tile[k][column] = column < columns && k0 + k < depth ? b[column * b_stride + k0 + k] : 0.0f;
#else
    const int k = i / BLOCK_COLS, column = i - k * BLOCK_COLS;
    b_tile[k][column] = column < columns && k0 + k < depth ? b[(k0 + k) * b_stride + column] : 0.0f;
#endif
  }
}

/* Adds this work-item's elements of the block whose corner a and b point to into sum. `rows` and `columns` count what
 * is left from that corner, `depth` is common to the work-group, row_depth[r] <= depth is the number of terms of this
 * work-item's r-th row: terms behind it are left out, not multiplied by zero, so that a NaN behind a mask stays there.
 */
void product_register(global const float *a, size_t a_stride, int rows, global const float *b, size_t b_stride,
                      int columns, int depth, const int row_depth[ITEM_ROWS], local a_tile_row *a_tile,
                      local b_tile_row *b_tile, float sum[ITEM_ROWS][ITEM_COLS]) {
  const int x = get_local_id(0), y = get_local_id(1);
  int shortest = depth;
  for (int r = 0; r < ITEM_ROWS; ++r) shortest = min(shortest, row_depth[r]);
  for (int k0 = 0; k0 < depth; k0 += TILE_DEPTH) {
    load_tiles(a, a_stride, rows, b, b_stride, columns, k0, depth, a_tile, b_tile);
    barrier(CLK_LOCAL_MEM_FENCE); /* the tiles are complete before anyone reads them */
    const int whole = k0 + TILE_DEPTH <= shortest;
    for (int k = 0; k < TILE_DEPTH; ++k) {
      float b_value[ITEM_COLS];
      for (int c = 0; c < ITEM_COLS; ++c) b_value[c] = b_tile[k][x + c * LOCAL_X];
      for (int r = 0; r < ITEM_ROWS; ++r) {
        if (!whole && k0 + k >= row_depth[r]) continue;
        const float a_value = a_tile[k][y + r * LOCAL_Y];
        for (int c = 0; c < ITEM_COLS; ++c) sum[r][c] = fma(a_value, b_value[c], sum[r][c]);
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
}
