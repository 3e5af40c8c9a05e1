/* A product that uses local memory and registers, four floats at a time, for GPUs. One work-group computes a tile of
 * BLOCK_ROWS x BLOCK_COLS elements of A*B, as in product_register.cl. Only a work-item's share differs: 4 x 4 elements
 * side by side, and as many such squares as ITEM_ROWS and ITEM_COLS have fours.
 *
 *        0 0 0 0 1 1 1 1 .
 *        0 0 0 0 1 1 1 1 .     Work-items 0 and 1 along x. With ITEM_COLS 8 their second squares are 4*LOCAL_X
 *        0 0 0 0 1 1 1 1 .     columns further on, with ITEM_ROWS 8 4*LOCAL_Y rows. So neighbours always read
 *        0 0 0 0 1 1 1 1 .     neighbouring words of local memory.
 *
 * Why: a GPU's lane fetches 16 bytes with one instruction, the same as 4. For 16 multiply-adds, product_register reads
 * 8 times 4 bytes of local memory, this kernel 2 times 16; loading the tiles takes a quarter of the instructions.
 *
 * Four floats are read at once where their address is a multiple of 16 bytes, as in all rows if the row length is a
 * multiple of 4; elsewhere, and at the borders, they are read one by one.
 *
 * B_ALONG_DEPTH has the meaning it has in product_tiled.cl.
 */
#ifndef LOCAL_X
#define LOCAL_X 16
#endif
#ifndef LOCAL_Y
#define LOCAL_Y 16
#endif
#ifndef ITEM_ROWS
#define ITEM_ROWS 4 /* 4, 8 */
#endif
#ifndef ITEM_COLS
#define ITEM_COLS 4 /* 4, 8 */
#endif
#ifndef TILE_DEPTH
#define TILE_DEPTH 16 /* 8, 16, 32 */
#endif
#ifndef B_ALONG_DEPTH
#define B_ALONG_DEPTH 0
#endif
#define BLOCK_ROWS (LOCAL_Y * ITEM_ROWS)
#define BLOCK_COLS (LOCAL_X * ITEM_COLS)
#include "common/fours.cl"
#include "common/matrix.cl"

/* In float4s. Depth is the first index of both tiles. One extra float4 in each row keeps the transposing stores on
 * different memory banks. */
#define A_TILE_ROW (BLOCK_ROWS / 4 + 1)
#define B_TILE_ROW (BLOCK_COLS / 4 + 1)

/* Local memory that a work-group shares. */
typedef struct product_tiles {
  local float4 *a; /* [TILE_DEPTH * A_TILE_ROW] */
  local float4 *b; /* [TILE_DEPTH * B_TILE_ROW] */
} product_tiles;

/* Position in the tile of this work-item's r-th row, and of the first of its c-th four columns. */
int row_in_block(int r) {
  return 4 * (get_local_id(1) + r / 4 * LOCAL_Y) + r % 4;
}

int column_in_block(int c) {
  return 4 * (get_local_id(0) + c * LOCAL_X);
}

/* Loads terms k0 ... of `lines` rows of a matrix whose rows run along the depth, and transposes them. Terms from
 * `depth` on are 0. */
void load_turned(const matrix m, int lines, int k0, int depth, local float4 *tile) {
  const int me = get_local_id(1) * LOCAL_X + get_local_id(0), tile_row = lines + 4;
  for (int i = me; i < lines * (TILE_DEPTH / 4); i += LOCAL_X * LOCAL_Y) {
    const int line = i / (TILE_DEPTH / 4), k = 4 * (i - line * (TILE_DEPTH / 4));
    const float4 four = load4(m.at + line * m.row + k0 + k, line < m.count ? depth - k0 - k : 0);
    local float *to = (local float *)tile + k * tile_row + line;
    to[0] = four.x;
    to[tile_row] = four.y;
    to[2 * tile_row] = four.z;
    to[3 * tile_row] = four.w;
  }
}

/* Loads a B whose rows run along its columns. The tile has the same order, so nothing is transposed. */
void load_straight(const matrix b, int k0, int depth, local float4 *tile) {
  const int me = get_local_id(1) * LOCAL_X + get_local_id(0);
  for (int i = me; i < TILE_DEPTH * (BLOCK_COLS / 4); i += LOCAL_X * LOCAL_Y) {
    const int k = i / (BLOCK_COLS / 4), four = i - k * (BLOCK_COLS / 4);
    tile[k * B_TILE_ROW + four] = load4(b.at + (k0 + k) * b.row + 4 * four, k0 + k < depth ? b.count - 4 * four : 0);
  }
}

/* Computes the sums over `depth` terms for this work-item's elements of the output tile; sum[r][c] holds four columns.
 * a and b start at the tile's first row and column. depth is the same in the whole work-group. */
void product_wide(const matrix a, const matrix b, int depth, const product_tiles tiles,
                  float4 sum[ITEM_ROWS][ITEM_COLS / 4]) {
  const int x = get_local_id(0), y = get_local_id(1);
#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r)
#pragma unroll
    for (int c = 0; c < ITEM_COLS / 4; ++c) sum[r][c] = 0.0f;
  for (int k0 = 0; k0 < depth; k0 += TILE_DEPTH) {
    load_turned(a, BLOCK_ROWS, k0, depth, tiles.a);
#if B_ALONG_DEPTH
    load_turned(b, BLOCK_COLS, k0, depth, tiles.b);
#else
    load_straight(b, k0, depth, tiles.b);
#endif
    barrier(CLK_LOCAL_MEM_FENCE); /* the tiles are complete before anyone reads them */
    for (int k = 0; k < TILE_DEPTH; ++k) {
      float4 b_value[ITEM_COLS / 4];
#pragma unroll
      for (int c = 0; c < ITEM_COLS / 4; ++c) b_value[c] = tiles.b[k * B_TILE_ROW + x + c * LOCAL_X];
#pragma unroll
      for (int r = 0; r < ITEM_ROWS; r += 4) {
        const float4 a_value = tiles.a[k * A_TILE_ROW + y + r / 4 * LOCAL_Y];
#pragma unroll
        for (int c = 0; c < ITEM_COLS / 4; ++c) {
          sum[r][c] = fma((float4)a_value.x, b_value[c], sum[r][c]);
          sum[r + 1][c] = fma((float4)a_value.y, b_value[c], sum[r + 1][c]);
          sum[r + 2][c] = fma((float4)a_value.z, b_value[c], sum[r + 2][c]);
          sum[r + 3][c] = fma((float4)a_value.w, b_value[c], sum[r + 3][c]);
        }
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
}
