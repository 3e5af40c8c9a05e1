/* scores, rung 4: packed panels of keys and explicit vectors (CPU form). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, computes ITEM_ROWS queries x PANEL_COLS keys: it packs those keys,
 * transposed, into a panel that stays in the cache and multiplies its queries with it, ROWS at a time; see
 * common/product_panel.cl for the picture. head_dim beyond STRIP is worked off in strips whose sums are added up in the
 * result.
 *
 * Wins on CPU devices. Loses on GPUs: a work-group of one leaves all but one lane idle.
 */
#ifndef ITEM_ROWS
#define ITEM_ROWS 256 /* 64 ... 1024; more rows use a packed panel more often, fewer make more work-items */
#endif
#define B_ALONG_DEPTH 1
#include "common/layout.cl"
#include "common/product_panel.cl"

void fill_masked(global float *row, int from, int to) {
  for (int key = from; key < to; ++key) row[key] = -INFINITY;
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
scores(global const float *q, global const float *k, global float *scores, ulong4 q_stride, ulong4 k_stride, int heads,
       int first_pair, int first_row, int rows, int key_len, int head_dim, float scale) {
  local float16 panel[STRIP * VECTORS];
  const int key0 = get_global_id(0) * PANEL_COLS, row0 = get_global_id(1) * ITEM_ROWS, pair = get_global_id(2);
  const int row_end = min(row0 + ITEM_ROWS, rows), columns = min(PANEL_COLS, key_len - key0);
  global const float *q_head = q + head_offset(q_stride, first_pair + pair, heads) + first_row * q_stride.z;
  global const float *k_corner = k + head_offset(k_stride, first_pair + pair, heads) + key0 * k_stride.z;
  global float *to = scores + ((size_t)pair * rows) * key_len + key0;

  for (int c0 = 0; c0 < head_dim; c0 += STRIP) {
    const int terms = min(STRIP, head_dim - c0);
    pack_panel(k_corner + c0, k_stride.z, columns, terms, panel);
    for (int row = row0; row < row_end; row += ROWS) {
      /* Live keys of this panel for the last of these queries; it sees the most. */
      if (live_keys(first_row + min(row + ROWS, row_end) - 1, key_len) <= key0) continue;
      global const float *a[ROWS];
      for (int r = 0; r < ROWS; ++r) a[r] = q_head + min(row + r, row_end - 1) * q_stride.z + c0;
      float16 sum[ROWS][VECTORS];
      multiply_rows(a, panel, terms, sum);
      for (int r = 0; r < ROWS; ++r) {
        if (row + r >= row_end) continue;
        for (int v = 0; v < VECTORS; ++v) sum[r][v] *= scale;
        store_row(sum[r], columns, c0 > 0, to + (size_t)(row + r) * key_len);
      }
    }
  }
#if CAUSAL
  for (int row = row0; row < row_end; ++row)
    fill_masked(to + (size_t)row * key_len, max(0, live_keys(first_row + row, key_len) - key0), columns);
#endif
}
