/* A product that uses local memory and registers, for GPUs. One work-group computes a tile of BLOCK_ROWS =
 * LOCAL_Y*ITEM_ROWS rows x BLOCK_COLS = LOCAL_X*ITEM_COLS columns of A*B, one work-item ITEM_ROWS x ITEM_COLS elements.
 *
 *        . x . x     The elements of work-item (x, y) are LOCAL_X columns and LOCAL_Y rows apart, so that neighbouring
 *        . . . .     work-items store to neighbouring addresses and read neighbouring words of local memory.
 *        . x . x
 *
 * Why: product_tiled reads two words of local memory for each multiply-add. product_column, which keeps one side in a
 * register, reads a little more than one. Here ITEM_ROWS + ITEM_COLS words serve ITEM_ROWS * ITEM_COLS multiply-adds, 8
 * for 16 by default.
 *
 * B_ALONG_DEPTH and A_IS_WEIGHTS have the meaning they have in product_tiled.cl. A masked key's value needs care only
 * if it is not finite, since 0 times anything else is 0. Once a work-item has found a NaN or an infinity in a tile of
 * B, the work-group skips masked terms one by one, from that tile on.
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
#ifndef A_IS_WEIGHTS
#define A_IS_WEIGHTS 0
#endif
#define BLOCK_ROWS (LOCAL_Y * ITEM_ROWS)
#define BLOCK_COLS (LOCAL_X * ITEM_COLS)
#include "common/masked.cl"
#include "common/matrix.cl"

/* Depth is the first index of both tiles, so that the inner loop reads whole rows of them. The extra column keeps the
 * transposing stores on different memory banks. */
typedef float a_tile_row[BLOCK_ROWS + 1];
typedef float b_tile_row[BLOCK_COLS + 1];

/* Local memory that a work-group shares. */
typedef struct product_tiles {
  local a_tile_row *a;  /* [TILE_DEPTH] */
  local b_tile_row *b;  /* [TILE_DEPTH] */
  local int *nonfinite; /* used with A_IS_WEIGHTS */
} product_tiles;

/* B's element at (k, column); 0 outside B. */
float load_b(const matrix b, int column, int k, int end) {
  if (column >= b.count || k >= end) return 0.0f;
#if B_ALONG_DEPTH
  return b.at[column * b.row + k];
#else
  return b.at[k * b.row + column];
#endif
}

/* Loads terms k0 ... of both tiles, 0 from `end` on; true if this work-item found a non-finite value in B. */
int load_tiles(const matrix a, const matrix b, int k0, int end, const product_tiles tiles) {
  const int me = get_local_id(1) * LOCAL_X + get_local_id(0);
  int nonfinite = 0;
  for (int i = me; i < BLOCK_ROWS * TILE_DEPTH; i += LOCAL_X * LOCAL_Y) {
    const int row = i / TILE_DEPTH, k = i - row * TILE_DEPTH;
    tiles.a[k][row] = row < a.count && k0 + k < end ? a.at[row * a.row + k0 + k] : 0.0f;
  }
  for (int i = me; i < BLOCK_COLS * TILE_DEPTH; i += LOCAL_X * LOCAL_Y) {
#if B_ALONG_DEPTH
    const int column = i / TILE_DEPTH, k = i - column * TILE_DEPTH;
#else
    const int k = i / BLOCK_COLS, column = i - k * BLOCK_COLS;
#endif
    const float value = load_b(b, column, k0 + k, end);
    tiles.b[k][column] = value;
    if (A_IS_WEIGHTS && !isfinite(value)) nonfinite = 1;
  }
  return nonfinite;
}

/* Adds the products of the tiles. */
void add_products(const product_tiles tiles, float sum[ITEM_ROWS][ITEM_COLS]) {
  const int x = get_local_id(0), y = get_local_id(1);
  /* exercise register-block: add the products of the tiles; read each word of local memory once for several sums */
#pragma unroll 4
  for (int k = 0; k < TILE_DEPTH; ++k) {
    float b_value[ITEM_COLS];
#pragma unroll
    for (int c = 0; c < ITEM_COLS; ++c) b_value[c] = tiles.b[k][x + c * LOCAL_X];
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r) {
      const float a_value = tiles.a[k][y + r * LOCAL_Y];
#pragma unroll
      for (int c = 0; c < ITEM_COLS; ++c) sum[r][c] = fma(a_value, b_value[c], sum[r][c]);
    }
  }
  /* end of exercise */
}

/* The same without the terms of masked keys. */
void add_live_products(const product_tiles tiles, float sum[ITEM_ROWS][ITEM_COLS]) {
  const int x = get_local_id(0), y = get_local_id(1);
  for (int k = 0; k < TILE_DEPTH; ++k) {
    float b_value[ITEM_COLS];
#pragma unroll
    for (int c = 0; c < ITEM_COLS; ++c) b_value[c] = tiles.b[k][x + c * LOCAL_X];
#pragma unroll
    for (int r = 0; r < ITEM_ROWS; ++r) {
      const float a_value = tiles.a[k][y + r * LOCAL_Y];
      if (is_masked(a_value)) continue;
#pragma unroll
      for (int c = 0; c < ITEM_COLS; ++c) sum[r][c] = fma(a_value, b_value[c], sum[r][c]);
    }
  }
}

/* Computes the sums over first <= k < end for this work-item's elements of the output tile. a and b start at the tile's
 * first row and column. first and end are the same in the whole work-group. */
void product_register(const matrix a, const matrix b, int first, int end, const product_tiles tiles,
                      float sum[ITEM_ROWS][ITEM_COLS]) {
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r)
#pragma unroll
    for (int c = 0; c < ITEM_COLS; ++c) sum[r][c] = 0.0f;
#if A_IS_WEIGHTS
  if (get_local_id(0) == 0 && get_local_id(1) == 0) *tiles.nonfinite = 0;
  barrier(CLK_LOCAL_MEM_FENCE); /* it is 0 before any work-item sets it */
#endif
  for (int k0 = first; k0 < end; k0 += TILE_DEPTH) {
    const int found = load_tiles(a, b, k0, end, tiles);
    if (A_IS_WEIGHTS && found) *tiles.nonfinite = 1; /* all writers write the same value */
    barrier(CLK_LOCAL_MEM_FENCE);                    /* the tiles are complete before anyone reads them */
    if (A_IS_WEIGHTS && *tiles.nonfinite)
      add_live_products(tiles, sum);
    else
      add_products(tiles, sum);
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
}
