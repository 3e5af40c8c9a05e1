/* context, rung 4: packed panels of values and explicit vectors (CPU form). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, computes ITEM_ROWS queries x PANEL_COLS value columns: it packs a strip of
 * STRIP keys into a panel that stays in the cache and multiplies its rows of weights with it, ROWS at a time; see
 * common/product_panel.cl for the picture. The sums of the strips are added up in the result.
 *
 * Wins on CPU devices. Loses on GPUs: a work-group of one leaves all but one lane idle.
 */
#ifndef ITEM_ROWS
#define ITEM_ROWS 128 /* 64 ... 1024; more rows use a packed panel more often, fewer make more work-items */
#endif
#include "common/layout.cl"
#include "common/product_panel.cl"

/* Keys from ... to-1 of the panel, for one row: the few that only some of a group of rows may see. */
void add_keys(global const float *weights_row, local const float16 *panel, int from, int to, float16 sum[VECTORS]) {
  for (int key = from; key < to; ++key)
#pragma unroll
    for (int v = 0; v < VECTORS; ++v) sum[v] = fma((float16)weights_row[key], panel[key * VECTORS + v], sum[v]);
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
context(global const float *weights, global const float *v, global float *context, ulong4 v_stride,
        ulong4 context_stride, int heads, int first_pair, int first_row, int rows, int key_len, int value_dim) {
  local float16 panel[STRIP * VECTORS];
  const int c0 = get_global_id(0) * PANEL_COLS, row0 = get_global_id(1) * ITEM_ROWS, pair = get_global_id(2);
  const int row_end = min(row0 + ITEM_ROWS, rows);
  global const float *weights_pair = weights + (size_t)pair * rows * key_len;
  global const float *v_corner = v + head_offset(v_stride, first_pair + pair, heads) + c0;
  global float *to =
      context + head_offset(context_stride, first_pair + pair, heads) + first_row * context_stride.z + c0;

  for (int key0 = 0; key0 < live_keys(first_row + row_end - 1, key_len); key0 += STRIP) {
    const int terms = min(STRIP, key_len - key0);
    pack_panel(v_corner + key0 * v_stride.z, v_stride.z, value_dim - c0, terms, panel);
    for (int row = row0; row < row_end; row += ROWS) {
      global const float *a[ROWS];
      for (int r = 0; r < ROWS; ++r) a[r] = weights_pair + (size_t)min(row + r, row_end - 1) * key_len + key0;
      float16 sum[ROWS][VECTORS];
      /* All of these rows see the keys that the first of them sees. */
      const int shared_keys = clamp(live_keys(first_row + row, key_len) - key0, 0, terms);
      multiply_rows(a, panel, shared_keys, sum);
      for (int r = 0; r < ROWS; ++r) {
        if (row + r >= row_end) continue;
        const int live = clamp(live_keys(first_row + row + r, key_len) - key0, 0, terms);
        add_keys(a[r], panel, shared_keys, live, sum[r]);
        store_row(sum[r], value_dim - c0, key0 > 0, to + (row + r) * context_stride.z);
      }
    }
  }
}
