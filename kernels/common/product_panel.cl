/* A product for CPU devices: each work-item is its own work-group, there are no barriers, and vectors are explicit. (A
 * CPU driver runs the work-items of a group one after another and turns each barrier into a loop over all of them. That
 * is cheap on a GPU and costs a factor of 40 here.)
 *
 *      B, STRIP terms x PANEL_COLS columns, is packed once:        then, for each ROWS rows of A:
 *
 *      panel[k] = | float16 | float16 | ...  (VECTORS of them)     sum[r][v] += A[r][k] * panel[k][v]
 *
 * The panel is read from the cache again and again, contiguously whatever B's layout. The ROWS x VECTORS sums stay in
 * registers, where ROWS + VECTORS loads serve ROWS * VECTORS vector multiply-adds. Measured with AVX-512 through PoCL:
 * ROWS * VECTORS = 16 is fastest (about 205 GFLOP/s on two cores; 8 comes within 5 %); 24 spills and falls to 62.
 */
#ifndef ROWS
#define ROWS 4 /* 1, 2, 4, 8 */
#endif
#ifndef VECTORS
#define VECTORS 4 /* 1, 2, 4 */
#endif
#ifndef STRIP
#define STRIP 256 /* 64, 128, 256, 512; the panel takes STRIP * VECTORS * 64 bytes */
#endif
#ifndef B_ALONG_DEPTH
#define B_ALONG_DEPTH 0 /* 1: B is contiguous along k, 0: along its columns */
#endif
#ifndef A_IS_WEIGHTS
#define A_IS_WEIGHTS 0
#endif
#define PANEL_COLS (VECTORS * 16)

/* Packs `terms` <= STRIP terms of the columns that start at b. Of these, `columns` exist; the rest are filled with 0.
 * False if one of the values is not finite, because 0 times such a value is not 0. */
int pack_panel(global const float *b, size_t b_stride, int columns, int terms, local float16 *panel) {
  local float *to = (local float *)panel;
#if B_ALONG_DEPTH
  for (int column = 0; column < PANEL_COLS; ++column) {
    global const float *from = b + column * b_stride;
    if (column < columns) {
      for (int k = 0; k < terms; ++k) to[k * PANEL_COLS + column] = from[k];
    } else {
      for (int k = 0; k < terms; ++k) to[k * PANEL_COLS + column] = 0.0f;
    }
  }
  return 1; /* unused: A is not weights */
#else
  int16 nonfinite = 0;
  for (int k = 0; k < terms; ++k) {
    global const float *from = b + k * b_stride;
    if (columns >= PANEL_COLS) {
      for (int v = 0; v < VECTORS; ++v) panel[k * VECTORS + v] = vload16(v, from);
    } else {
      for (int column = 0; column < PANEL_COLS; ++column)
        to[k * PANEL_COLS + column] = column < columns ? from[column] : 0.0f;
    }
    if (A_IS_WEIGHTS)
      for (int v = 0; v < VECTORS; ++v) nonfinite |= !isfinite(panel[k * VECTORS + v]);
  }
  return !any(nonfinite);
#endif
}

/* sum[r][v] = sum over first <= k < end of a[r][k] * panel[k][v]. Each row that a[] points to is contiguous. */
void multiply_rows(global const float *const a[ROWS], local const float16 *panel, int first, int end,
                   float16 sum[ROWS][VECTORS]) {
#pragma unroll
  for (int r = 0; r < ROWS; ++r)
#pragma unroll
    for (int v = 0; v < VECTORS; ++v) sum[r][v] = 0.0f;
  /* exercise panel: for all k, add a[r][k] times the panel's vectors of term k to sum; keep the sums in registers */
  for (int k = first; k < end; ++k) {
#pragma unroll
    for (int r = 0; r < ROWS; ++r)
#pragma unroll
      for (int v = 0; v < VECTORS; ++v) sum[r][v] = fma((float16)a[r][k], panel[k * VECTORS + v], sum[r][v]);
  }
  /* end of exercise */
}

/* Loads the first `columns` values at `from` and fills the rest with 0; all are 0 if `from` is NULL. */
void load_columns(global const float *from, int columns, float16 to[VECTORS]) {
  float values[PANEL_COLS];
  for (int column = 0; column < PANEL_COLS; ++column) values[column] = from && column < columns ? from[column] : 0.0f;
  for (int v = 0; v < VECTORS; ++v) to[v] = vload16(v, values);
}

/* Stores, or adds, the first `columns` of one row's sums. */
void store_row(const float16 sum[VECTORS], int columns, int add, global float *to) {
  if (columns >= PANEL_COLS) {
#pragma unroll
    for (int v = 0; v < VECTORS; ++v) vstore16(add ? vload16(v, to) + sum[v] : sum[v], v, to);
    return;
  }
  float values[PANEL_COLS];
#pragma unroll
  for (int v = 0; v < VECTORS; ++v) vstore16(sum[v], v, values);
  for (int column = 0; column < columns; ++column) to[column] = add ? to[column] + values[column] : values[column];
}
