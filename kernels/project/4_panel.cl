/* project, rung 4: packed panels and explicit vectors (CPU form). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, computes ITEM_ROWS x PANEL_COLS results: it packs a strip of w into a panel
 * that stays in the cache and multiplies all its rows of x with it, ROWS at a time, before the next strip; see
 * common/product_panel.cl for the picture.
 *
 * Wins on CPU devices by one to two orders of magnitude over rungs 1 to 3. Loses on GPUs: a work-group of one leaves
 * all but one lane idle.
 */
#ifndef ITEM_ROWS
#define ITEM_ROWS 256 /* 64 ... 1024; more rows use a packed panel more often, fewer make more work-items */
#endif
#include "common/projection.cl"
#include "common/product_panel.cl"

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
project(global const float *x, global const float *w, global const float *bias, global float *out, const projection p) {
  local float16 panel[STRIP * VECTORS];
  const int column0 = get_global_id(0) * PANEL_COLS, row0 = get_global_id(1) * ITEM_ROWS;
  const int row_end = min(row0 + ITEM_ROWS, p.rows), columns = p.columns - column0;
  float16 bias16[VECTORS];
  load_columns(bias ? bias + p.bias_offset + column0 : 0, columns, bias16);

  for (int k0 = 0; k0 < p.model_dim; k0 += STRIP) {
    const int terms = min(STRIP, p.model_dim - k0), last = k0 + STRIP >= p.model_dim;
    const size_t corner = w_corner(p, column0) + (W_TRANSPOSED ? k0 : k0 * p.w_row);
    pack_panel(w + corner, p.w_row, columns, terms, panel);
    for (int row = row0; row < row_end; row += ROWS) {
      /* Behind the last row the last row again: computed and not stored, which is cheaper than a second loop. */
      global const float *x_rows[ROWS];
      for (int r = 0; r < ROWS; ++r) x_rows[r] = x + (size_t)min(row + r, row_end - 1) * p.model_dim + k0;
      float16 sum[ROWS][VECTORS];
      multiply_rows(x_rows, panel, 0, terms, sum);
      for (int r = 0; r < ROWS; ++r) {
        if (row + r >= row_end) continue;
        for (int v = 0; v < VECTORS && last; ++v) sum[r][v] += bias16[v];
        store_row(sum[r], columns, k0 > 0, out + (size_t)(row + r) * p.columns + column0);
      }
    }
  }
}
