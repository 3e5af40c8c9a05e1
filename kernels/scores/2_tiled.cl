/* scores, rung 2: work-items share tiles of Q and K in local memory (target: GPU). Formula and arguments as in rung 1.
 *
 * One work-group computes a TILE x TILE tile of scores, one work-item one element; see common/product_tiled.cl for the
 * picture, with A = Q and B = K^T. K is stored as rows, so its tile is transposed on the way into local memory. A tile
 * is skipped if none of its queries sees any of its keys.
 *
 * Wins over rung 1 on GPUs: the scattered reads of K become contiguous ones. Loses on CPU devices.
 */
#define B_ALONG_DEPTH 1
#include "common/attention.cl"
#include "common/group.cl"
#include "common/product_tiled.cl"

kernel __attribute__((reqd_work_group_size(TILE, TILE, 1))) void
scores(global const float *q, global const float *k, global float *scores, const attention a,
       global const int *sequences, global const void *mask, global const float *slopes) {
  local float q_tile[TILE][TILE + 1], k_tile[TILE][TILE + 1];
  const int key0 = group_id(0) * TILE, row0 = group_id(1) * TILE, pair = get_global_id(2);
  const int key = get_global_id(0), row = get_global_id(1);
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int rows = rows_of(a, s);
  const matrix q_part = {q + query_offset(a, a.q, s) + row0 * a.q.row, a.q.row, rows - row0};
  const matrix k_part = {k + key_offset(a, a.k, s) + key0 * a.k.row, a.k.row, s.key_len - key0};

  /* The same in the whole work-group, because barriers follow. */
  const int depth = tile_is_seen(a, s, row0, row0 + TILE, key0, TILE) ? a.head_dim : 0;
  const float sum = product_tiled(q_part, k_part, 0, depth, q_tile, k_tile);

  /* exercise guard: finish this work-item's score if it exists: the last tiles reach beyond the matrix */
  if (key >= a.key_len || row >= a.rows) return;
  row_view view;
  view_row(a, s, row, mask, slopes, &view);
  scores[((size_t)pair * a.rows + row) * a.key_len + key] =
      row < rows && key < s.key_len ? finish_score(a, view, key, sum * a.scale) : -INFINITY;
  /* end of exercise */
}
