/* context, rung 4: packed panels of values and explicit vectors (target: CPU). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, computes ITEM_ROWS queries x ITEM_COLS value columns. It packs a strip of
 * STRIP keys into panels that stay in the cache and multiplies its rows of weights by them, ROWS at a time; see
 * common/product_panel.cl for the picture. The result accumulates the sums of the strips.
 *
 * A masked key's weight is 0, and 0 times its value is 0 if the value is finite. For panels that are not all finite, a
 * slower loop skips masked keys one by one.
 *
 * Wins on CPU devices. Loses on GPUs: a work-group of one leaves all but one lane idle.
 */
#ifndef ITEM_ROWS
#define ITEM_ROWS 128 /* 64 ... 1024; more rows reuse a packed panel more often, fewer make more work-items */
#endif
#define A_IS_WEIGHTS 1
#include "common/attention.cl"
#include "common/masked.cl"
#include "common/product_panel.cl"

/* As multiply_rows(), but skips the terms of masked keys. */
void multiply_live(global const float *const weights[ROWS], local const float16 *const panel[VECTORS], int first,
                   int end, float16 sum[ROWS][VECTORS]) {
  for (int r = 0; r < ROWS; ++r) {
    for (int v = 0; v < VECTORS; ++v) sum[r][v] = 0.0f;
    for (int key = first; key < end; ++key)
      if (!is_masked(weights[r][key]))
        for (int v = 0; v < VECTORS; ++v) sum[r][v] = fma((float16)weights[r][key], panel[v][key], sum[r][v]);
  }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void context(global const float *weights, global const float *v,
                                                                   global float *context, const attention a,
                                                                   global const int *sequences) {
  local float16 panels[STRIP * VECTORS];
  const int c0 = get_global_id(0) * ITEM_COLS, row0 = get_global_id(1) * WHOLE_ROWS, pair = get_global_id(2);
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int row_end = min(row0 + WHOLE_ROWS, rows_of(a, s)), columns = a.value_dim - c0;
  if (row0 >= row_end) return;
  global const float *weights_pair = weights + (size_t)pair * a.rows * a.key_len;
  global const float *v_corner = v + key_offset(a, a.v, s) + c0;
  local const float16 *panel[VECTORS];
  find_panels(panels, panel);
  global float *to = context + query_offset(a, a.context, s) + c0;

  /* At least one strip is processed, so that zeros are stored even if no key is visible. */
  const int begin = first_key(a, s, row0), end = end_key(a, s, row_end - 1);
  for (int key0 = begin; key0 == begin || key0 < end; key0 += STRIP) {
    const int terms = clamp(end - key0, 0, STRIP);
    const int finite = pack_panels(v_corner + key0 * a.v.row, a.v.row, columns, terms, panels);
    for (int row = row0; row < row_end; row += ROWS) {
      global const float *rows[ROWS];
      for (int r = 0; r < ROWS; ++r) rows[r] = weights_pair + (size_t)min(row + r, row_end - 1) * a.key_len + key0;
      /* The part of the strip that these rows can see; other keys are masked. */
      const int first = clamp(first_key(a, s, row) - key0, 0, terms);
      const int last = clamp(end_key(a, s, min(row + ROWS, row_end) - 1) - key0, 0, terms);
      float16 sum[ROWS][VECTORS];
      if (finite)
        multiply_rows(rows, panel, first, last, sum);
      else
        multiply_live(rows, panel, first, last, sum);
      for (int r = 0; r < ROWS; ++r)
        if (row + r < row_end) store_row(sum[r], columns, key0 > begin, to + (row + r) * a.context.row);
    }
  }
}
