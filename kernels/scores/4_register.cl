/* scores, rung 4: each work-item keeps ITEM_ROWS x ITEM_COLS scores in registers (target: GPU). Formula and arguments
 * as in rung 1.
 *
 * One work-group computes BLOCK_ROWS queries x BLOCK_COLS keys; see common/product_register.cl for the picture, with A
 * = Q and B = K^T. A tile is skipped if none of its queries sees any of its keys.
 *
 * Wins on GPUs with a few hundred tokens or more. Loses on short sequences and on CPU devices.
 */
#define B_ALONG_DEPTH 1
#include "common/attention.cl"
#include "common/group.cl"
#include "common/product_register.cl"

kernel __attribute__((reqd_work_group_size(LOCAL_X, LOCAL_Y, 1))) void
scores(global const float *q, global const float *k, global float *scores, const attention a,
       global const int *sequences, global const void *mask, global const float *slopes) {
  local float q_tile[TILE_DEPTH][BLOCK_ROWS + 1], k_tile[TILE_DEPTH][BLOCK_COLS + 1];
  const int key0 = group_id(0) * BLOCK_COLS, row0 = group_id(1) * BLOCK_ROWS, pair = get_global_id(2);
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int rows = rows_of(a, s);
  const matrix q_part = {q + query_offset(a, a.q, s) + row0 * a.q.row, a.q.row, rows - row0};
  const matrix k_part = {k + key_offset(a, a.k, s) + key0 * a.k.row, a.k.row, s.key_len - key0};

  /* The same in the whole work-group, because barriers follow. */
  const int depth = tile_is_seen(a, s, row0, row0 + BLOCK_ROWS, key0, BLOCK_COLS) ? a.head_dim : 0;
  float sum[ITEM_ROWS][ITEM_COLS];
  const product_tiles tiles = {q_tile, k_tile, 0};
  product_register(q_part, k_part, 0, depth, tiles, sum);

#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) {
    const int row = row0 + get_local_id(1) + r * LOCAL_Y;
    if (row >= a.rows) continue;
    row_view view;
    view_row(a, s, row, mask, slopes, &view);
#pragma unroll
    for (int c = 0; c < ITEM_COLS; ++c) {
      const int key = key0 + get_local_id(0) + c * LOCAL_X;
      if (key >= a.key_len) continue;
      scores[((size_t)pair * a.rows + row) * a.key_len + key] =
          row < rows && key < s.key_len ? finish_score(a, view, key, sum[r][c] * a.scale) : -INFINITY;
    }
  }
}
