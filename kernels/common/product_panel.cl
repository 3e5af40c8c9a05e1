/* A product for CPU devices: each work-item is its own work-group, there are no barriers, and vectors are explicit. (A
 * CPU driver runs the work-items of a group one after another and turns each barrier into a loop over all of them. That
 * is cheap on a GPU and costs a factor of 40 here.)
 *
 *      B, STRIP terms x ITEM_COLS columns, is packed once,         then, for each tile of ROWS rows of A and VECTORS
 *      into panels of 16 columns:                                  panels:
 *
 *      panel 0 = | float16 of term 0 | of term 1 | ...             sum[r][v] += A[r][k] * panel v [k]
 *      panel 1 = | float16 of term 0 | of term 1 | ...
 *
 * The panels are read from the cache again and again, contiguously whatever B's layout. The ROWS x VECTORS sums stay in
 * registers, where ROWS + VECTORS loads serve ROWS * VECTORS vector multiply-adds. On a processor with 32 registers of
 * 16 floats (AVX-512) ROWS * VECTORS = 16 is fastest, and 24 comes within 5 %. With 16 registers of 8 floats (AVX2) a
 * float16 takes two: ROWS = 6, VECTORS = 1 fills them, and is 1.1 times as fast as ROWS = 4; VECTORS = 4 spills and
 * is less than half as fast. host/catalog/families.c has the sizes of each family.
 */
#ifndef ROWS
#define ROWS 4 /* 1, 2, 4, 6, 8 */
#endif
#ifndef VECTORS
#define VECTORS 4 /* 1, 2, 4 */
#endif
#ifndef STRIP
#define STRIP 256 /* 64, 128, 256, 512; the panels take STRIP * TILES * VECTORS * 64 bytes */
#endif
#ifndef B_ALONG_DEPTH
#define B_ALONG_DEPTH 0 /* 1: B is contiguous along k, 0: along its columns */
#endif
#ifndef A_IS_WEIGHTS
#define A_IS_WEIGHTS 0
#endif
#define TILE_COLS (VECTORS * 16)
#ifndef TILES
#define TILES 1 /* 1, 2, 4: tiles side by side, whose panels are packed together */
#endif
#define ITEM_COLS (TILES * TILE_COLS)
#define WHOLE_ROWS ((ITEM_ROWS + ROWS - 1) / ROWS * ROWS) /* of an item: ITEM_ROWS, and what fills its last tile */

#define MULTIPLY_ROWS multiply_rows
#define PANEL_SPACE local
#include "common/panel_rows.cl"
#if B_ALONG_DEPTH
#include "common/transpose.cl"

/* Packs 16 columns. Blocks of 8 columns x 8 terms are turned in registers: loads and stores of single floats would take
 * as long as 16 rows of the product. */
void pack_turned(global const float *b, size_t b_stride, int columns, int terms, local float16 *panel) {
  const int whole = columns >= 16 ? terms / 8 * 8 : 0;
  for (int k = 0; k < whole; k += 8)
    for (int part = 0; part < 2; ++part) {
      float8 block[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) block[i] = vload8(0, b + (part * 8 + i) * b_stride + k);
      transpose8(block);
#pragma unroll
      for (int i = 0; i < 8; ++i) ((local float8 *)(panel + k + i))[part] = block[i];
    }
  for (int column = 0; column < 16; ++column) {
    local float *to = (local float *)panel + column;
    for (int k = whole; k < terms; ++k) to[k * 16] = column < columns ? b[column * b_stride + k] : 0.0f;
  }
}
#endif

/* Packs `terms` <= STRIP terms of the columns that start at b. Of these, `columns` exist; the rest are filled with 0.
 * False if one of the values is not finite, because 0 times such a value is not 0. */
int pack_panels(global const float *b, size_t b_stride, int columns, int terms, local float16 *panels) {
#if B_ALONG_DEPTH
  for (int v = 0; v < TILES * VECTORS; ++v)
    pack_turned(b + v * 16 * b_stride, b_stride, columns - v * 16, terms, panels + v * STRIP);
  return 1; /* unused: A is not weights */
#else
  local float *to = (local float *)panels;
  int16 nonfinite = 0;
  for (int k = 0; k < terms; ++k) {
    global const float *from = b + k * b_stride;
    if (columns >= ITEM_COLS) {
#pragma unroll
      for (int v = 0; v < TILES * VECTORS; ++v) panels[v * STRIP + k] = vload16(v, from);
    } else {
      for (int column = 0; column < ITEM_COLS; ++column)
        to[(column / 16 * STRIP + k) * 16 + column % 16] = column < columns ? from[column] : 0.0f;
    }
    if (A_IS_WEIGHTS)
      for (int v = 0; v < TILES * VECTORS; ++v) nonfinite |= !isfinite(panels[v * STRIP + k]);
  }
  return !any(nonfinite);
#endif
}

/* The panels of a tile, packed or not yet. */
void find_panels(local const float16 *panels, local const float16 *panel[VECTORS]) {
  for (int v = 0; v < VECTORS; ++v) panel[v] = panels + v * STRIP;
}

/* Loads the first `columns` values at `from` and fills the rest with 0; all are 0 if `from` is NULL. */
void load_columns(global const float *from, int columns, float16 to[VECTORS]) {
  float values[TILE_COLS];
  for (int column = 0; column < TILE_COLS; ++column) values[column] = from && column < columns ? from[column] : 0.0f;
  for (int v = 0; v < VECTORS; ++v) to[v] = vload16(v, values);
}

/* Stores, or adds, the first `columns` of one row's sums. */
void store_row(const float16 sum[VECTORS], int columns, int add, global float *to) {
  if (columns >= TILE_COLS) {
#pragma unroll
    for (int v = 0; v < VECTORS; ++v) vstore16(add ? vload16(v, to) + sum[v] : sum[v], v, to);
    return;
  }
  float values[TILE_COLS];
#pragma unroll
  for (int v = 0; v < VECTORS; ++v) vstore16(sum[v], v, values);
  for (int column = 0; column < columns; ++column) to[column] = add ? to[column] + values[column] : values[column];
}
