/* project, rung 7: packed panels and explicit vectors (target: CPU). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, computes up to ITEM_ROWS x ITEM_COLS results; fewer rows, where there would
 * be too few work-items for all compute units (host/catalog/group_rows.h). It packs a strip of w into
 * panels that stay in the cache and multiplies all its rows of x by the panels, ROWS at a time, before the next strip;
 * see common/product_panel.cl for the picture. A matrix of a clattn_weights comes in panels already, which are read in
 * place.
 *
 * Sums of a strip wait in out for the next strip. An output of f16 or bf16 has no room for them: then they wait beside
 * the panels, and only the last strip writes to out.
 *
 * Wins on CPU devices by one to two orders of magnitude over rungs 1 to 6. Loses on GPUs: a work-group of one leaves
 * all but one lane idle. Measured through PoCL on one core of a Zen 5, three products of 1024x512x512 (rows, terms,
 * columns): with AVX-512 242 GFLOP/s of 256 that the core can do, held to AVX2 122 of 128; of 128x512x512 235 and 118.
 * With few rows packing takes the time: of 16x512x512 155 and 89, of 1x512x512 17 and 11. Matrices that come in panels
 * are 1.02, 1.05, 1.4 and 2 times as fast (AVX2: 1.01, 1.05, 1.25 and 1.6).
 */
#ifndef ITEM_ROWS
#define ITEM_ROWS 256 /* 64 ... 1024: at most; more rows reuse packed panels more often, fewer make more work-items */
#endif
#include "common/projection.cl"
#include "common/product_panel.cl"
#define MULTIPLY_ROWS multiply_kept
#define PANEL_SPACE global
#include "common/panel_rows.cl"

/* The panels of a tile of a matrix that came in panels. Behind the last column the last panel stands for those that do
 * not exist: what it is multiplied with is not stored. */
void find_kept(const result r, int column, int model_dim, int k0, global const float16 *panel[VECTORS]) {
  for (int v = 0; v < VECTORS; ++v) {
    const size_t at = min(column / 16 + v, (r.columns - 1) / 16);
    panel[v] = (global const float16 *)r.w + at * model_dim + k0;
  }
}

#if OUT_TYPE
/* Of a tile's row, adds the sums of the strips before, which `kept` has, and stores the first `columns` results from
 * element `at` on; with more strips to come it keeps the sums instead. The output has no room for floats. */
void finish_row(float16 sum[VECTORS], int before, int last, local float16 *kept, int columns, global float *out,
                size_t at) {
#pragma unroll
  for (int v = 0; v < VECTORS; ++v) {
    if (before) sum[v] = kept[v] + sum[v];
    if (!last) kept[v] = sum[v];
    if (last && columns >= TILE_COLS) store_stored16(OUT_TYPE, sum[v], out, at + v * 16);
  }
  if (!last || columns >= TILE_COLS) return;
  float values[TILE_COLS];
#pragma unroll
  for (int v = 0; v < VECTORS; ++v) vstore16(sum[v], v, values);
  for (int column = 0; column < columns; ++column) store_stored(OUT_TYPE, values[column], out, at + column);
}
#endif

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
project(global const float *x, global const float *wq, global const float *wk, global const float *wv,
        global const float *bq, global const float *bk, global const float *bv, global float *q, global float *k,
        global float *v, const projection p) {
  local float16 panels[STRIP * TILES * VECTORS];
#if OUT_TYPE
  local float16 sums[WHOLE_ROWS * TILES * VECTORS];
#endif
  const int item_rows = min(p.item_rows, WHOLE_ROWS);
  const int column0 = get_global_id(0) * ITEM_COLS, row0 = get_global_id(1) * item_rows;
  result r;
  find_result(p, wq, wk, wv, bq, bk, bv, q, k, v, &r);
  const int row_end = min(row0 + item_rows, p.rows), columns = min(r.columns - column0, ITEM_COLS);
  if (columns <= 0) return; /* with grouped queries q has more columns than k and v */

  for (int k0 = 0; k0 < p.model_dim; k0 += STRIP) {
    const int terms = min(STRIP, p.model_dim - k0), last = k0 + STRIP >= p.model_dim;
    if (!r.in_panels)
      pack_panels(w_corner(r, column0) + (W_TRANSPOSED ? k0 : k0 * r.w_row), r.w_row, columns, terms, panels);
    for (int tile = 0; tile < columns; tile += TILE_COLS) {
      float16 bias16[VECTORS];
      load_columns(r.bias ? r.bias + column0 + tile : 0, columns - tile, bias16);
      local const float16 *panel[VECTORS];
      global const float16 *kept[VECTORS];
      find_panels(panels + tile / 16 * STRIP, panel);
      find_kept(r, column0 + tile, p.model_dim, k0, kept);
      for (int row = row0; row < row_end; row += ROWS) {
        /* The last row is repeated to fill ROWS: computed and not stored, which is cheaper than a second loop. */
        global const float *x_rows[ROWS];
        for (int i = 0; i < ROWS; ++i) x_rows[i] = x + (size_t)min(row + i, row_end - 1) * p.model_dim + k0;
        float16 sum[ROWS][VECTORS];
        if (r.in_panels)
          multiply_kept(x_rows, kept, 0, terms, sum);
        else
          multiply_rows(x_rows, panel, 0, terms, sum);
        for (int i = 0; i < ROWS; ++i) {
          if (row + i >= row_end) continue;
          for (int n = 0; n < VECTORS && last; ++n) sum[i][n] += bias16[n];
          const size_t at = (size_t)(row + i) * r.columns + column0 + tile;
#if OUT_TYPE
          local float16 *kept_sums = sums + ((row - row0 + i) * TILES * VECTORS + tile / 16);
          finish_row(sum[i], k0 > 0, last, kept_sums, columns - tile, r.out, at);
#else
          store_row(sum[i], columns - tile, k0 > 0, r.out + at);
#endif
        }
      }
    }
  }
}
