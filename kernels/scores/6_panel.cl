/* scores, rung 6: packed panels of keys and explicit vectors (target: CPU). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, computes ITEM_ROWS queries x ITEM_COLS keys. It packs those keys,
 * transposed, into panels that stay in the cache, and multiplies its queries by the panels, ROWS at a time; see
 * common/product_panel.cl for the picture. If head_dim exceeds STRIP, strips are processed in turn and added up in the
 * result. Softcap, bias and mask are applied to the result at the end, while it is still in the cache.
 *
 * Wins on CPU devices. Loses on GPUs: a work-group of one leaves all but one lane idle.
 */
#ifndef ITEM_ROWS
#define ITEM_ROWS 256 /* 64 ... 1024; more rows reuse a packed panel more often, fewer make more work-items */
#endif
#define B_ALONG_DEPTH 1
#include "common/attention.cl"
#include "common/product_panel.cl"

void fill_masked(global float *row, int from, int to) {
  for (int key = from; key < to; ++key) row[key] = -INFINITY;
}

/* Turns scaled products of a row, keys key0 ... key0 + columns - 1, into scores. */
void finish_row(const attention a, const row_view view, int plain, int key0, int columns, global float *row) {
  if (plain && a.until == UNTIL_MASKED) {
    fill_masked(row, 0, clamp(view.first - key0, 0, columns));
    fill_masked(row, clamp(view.end - key0, 0, columns), columns);
  } else if (!plain) {
    for (int i = 0; i < columns; ++i) row[i] = finish_score(a, view, key0 + i, row[i]);
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void scores(global const float *q, global const float *k,
                                                                  global float *scores, const attention a,
                                                                  global const int *sequences, global const void *mask,
                                                                  global const float *slopes) {
  local float16 panels[STRIP * VECTORS];
  const int key0 = get_global_id(0) * ITEM_COLS, row0 = get_global_id(1) * WHOLE_ROWS, pair = get_global_id(2);
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int row_end = min(row0 + WHOLE_ROWS, rows_of(a, s)), columns = min(ITEM_COLS, s.key_len - key0);
  global const float *q_head = q + query_offset(a, a.q, s);
  global const float *k_corner = k + key_offset(a, a.k, s) + key0 * a.k.row;
  local const float16 *panel[VECTORS];
  find_panels(panels, panel);
  global float *to = scores + ((size_t)pair * a.rows) * a.key_len + key0;

  for (int c0 = 0; c0 < a.head_dim && columns > 0 && row0 < row_end; c0 += STRIP) {
    const int terms = min(STRIP, a.head_dim - c0);
    pack_panels(k_corner + c0, a.k.row, columns, terms, panels);
    for (int row = row0; row < row_end; row += ROWS) {
      if (!tile_is_seen(a, s, row, min(row + ROWS, row_end), key0, columns)) continue;
      global const float *q_rows[ROWS];
      for (int r = 0; r < ROWS; ++r) q_rows[r] = q_head + min(row + r, row_end - 1) * a.q.row + c0;
      float16 sum[ROWS][VECTORS];
      multiply_rows(q_rows, panel, 0, terms, sum);
      for (int r = 0; r < ROWS; ++r) {
        if (row + r >= row_end) continue;
        for (int v = 0; v < VECTORS; ++v) sum[r][v] *= a.scale;
        store_row(sum[r], columns, c0 > 0, to + (size_t)(row + r) * a.key_len);
      }
    }
  }

  /* Most panels are finished now: every key is visible, and the scaled product is the score. */
  const int plain = is_plain(a, slopes), all_columns = min(ITEM_COLS, a.key_len - key0);
  const int all_row_end = min(row0 + WHOLE_ROWS, a.rows), whole = columns == all_columns && row_end == all_row_end;
  if (plain && whole && all_are_seen(a, s, row0, row_end, key0, columns)) return;
  for (int row = row0; row < all_row_end; ++row) {
    global float *scores_row = to + (size_t)row * a.key_len;
    row_view view;
    view_row(a, s, row, mask, slopes, &view);
    if (row < row_end && columns > 0) finish_row(a, view, plain, key0, columns, scores_row);
    fill_masked(scores_row, row < row_end ? max(columns, 0) : 0, all_columns);
  }
}
