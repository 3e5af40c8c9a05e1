/* project, rung 4: packed panels and explicit vectors (CPU form). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, computes ITEM_ROWS x PANEL_COLS results: it packs a strip of w into a panel
 * that stays in the cache and multiplies all its rows of x with it, ROWS at a time, before the next strip; see
 * common/product_panel.cl for the picture.
 *
 * Wins on CPU devices by one to two orders of magnitude over rungs 1 to 3. Loses on GPUs: a work-group of one leaves
 * all but one lane idle.
 */
#ifndef W_TRANSPOSED
#define W_TRANSPOSED 0
#endif
#ifndef ITEM_ROWS
#define ITEM_ROWS 256 /* 64 ... 1024; more rows use a packed panel more often, fewer make more work-items */
#endif
#define B_ALONG_DEPTH W_TRANSPOSED
#include "common/product_panel.cl"

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
project(global const float *x, global const float *w, global float *out, int rows, int model_dim, int columns) {
  local float16 panel[STRIP * VECTORS];
  const int column0 = get_global_id(0) * PANEL_COLS, row0 = get_global_id(1) * ITEM_ROWS;
  const int row_end = min(row0 + ITEM_ROWS, rows);
  const size_t w_stride = W_TRANSPOSED ? model_dim : columns;

  for (int k0 = 0; k0 < model_dim; k0 += STRIP) {
    const int terms = min(STRIP, model_dim - k0);
    const size_t w_corner = W_TRANSPOSED ? column0 * w_stride + k0 : k0 * w_stride + column0;
    pack_panel(w + w_corner, w_stride, columns - column0, terms, panel);
    for (int row = row0; row < row_end; row += ROWS) {
      /* Behind the last row the last row again: computed and not stored, which is cheaper than a second loop. */
      global const float *a[ROWS];
      for (int r = 0; r < ROWS; ++r) a[r] = x + (size_t)min(row + r, row_end - 1) * model_dim + k0;
      float16 sum[ROWS][VECTORS];
      multiply_rows(a, panel, terms, sum);
      for (int r = 0; r < ROWS; ++r)
        if (row + r < row_end)
          store_row(sum[r], columns - column0, k0 > 0, out + (size_t)(row + r) * columns + column0);
    }
  }
}
