/* project, rung 7: packed panels and explicit vectors (target: CPU). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, computes ITEM_ROWS x PANEL_COLS results. It packs a strip of w into a panel
 * that stays in the cache and multiplies all its rows of x by the panel, ROWS at a time, before the next strip; see
 * common/product_panel.cl for the picture.
 *
 * Wins on CPU devices by one to two orders of magnitude over rungs 1 to 6. Loses on GPUs: a work-group of one leaves
 * all but one lane idle.
 */
#ifndef ITEM_ROWS
#define ITEM_ROWS 256 /* 64 ... 1024; more rows reuse a packed panel more often, fewer make more work-items */
#endif
#include "common/projection.cl"
#include "common/product_panel.cl"

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
project(global const float *x, global const float *wq, global const float *wk, global const float *wv,
        global const float *bq, global const float *bk, global const float *bv, global float *q, global float *k,
        global float *v, const projection p) {
  local float16 panel[STRIP * VECTORS];
  const int column0 = get_global_id(0) * PANEL_COLS, row0 = get_global_id(1) * ITEM_ROWS;
  result r;
  find_result(p, wq, wk, wv, bq, bk, bv, q, k, v, &r);
  const int row_end = min(row0 + ITEM_ROWS, p.rows), columns = r.columns - column0;
  float16 bias16[VECTORS];
  if (columns <= 0) return; /* with grouped queries q has more columns than k and v */
  load_columns(r.bias ? r.bias + column0 : 0, columns, bias16);

  for (int k0 = 0; k0 < p.model_dim; k0 += STRIP) {
    const int terms = min(STRIP, p.model_dim - k0), last = k0 + STRIP >= p.model_dim;
    pack_panel(w_corner(r, column0) + (W_TRANSPOSED ? k0 : k0 * r.w_row), r.w_row, columns, terms, panel);
    for (int row = row0; row < row_end; row += ROWS) {
      /* The last row is repeated to fill ROWS: computed and not stored, which is cheaper than a second loop. */
      global const float *x_rows[ROWS];
      for (int i = 0; i < ROWS; ++i) x_rows[i] = x + (size_t)min(row + i, row_end - 1) * p.model_dim + k0;
      float16 sum[ROWS][VECTORS];
      multiply_rows(x_rows, panel, 0, terms, sum);
      for (int i = 0; i < ROWS; ++i) {
        if (row + i >= row_end) continue;
        for (int n = 0; n < VECTORS && last; ++n) sum[i][n] += bias16[n];
        store_row(sum[i], columns, k0 > 0, r.out + (size_t)(row + i) * r.columns + column0);
      }
    }
  }
}
