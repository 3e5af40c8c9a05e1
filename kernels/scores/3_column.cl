/* scores, rung 3: each work-item computes ITEM_ROWS scores of a key (target: GPU). Formula and arguments as in rung 1.
 *
 * One work-group computes BLOCK_ROWS queries x TILE keys; see common/product_column.cl for the picture, with A = Q and
 * B = K^T: an element of a key stays in a register for all queries. A tile is skipped if none of its queries sees any
 * of its keys.
 *
 * Wins over rung 2 on GPUs with a few hundred queries or more. Loses to rung 4; loses with few queries, because most of
 * a tile is empty then; and loses on CPU devices.
 */
#define B_ALONG_DEPTH 1
#include "common/attention.cl"
#include "common/group.cl"
#include "common/product_column.cl"

kernel __attribute__((reqd_work_group_size(TILE, TILE, 1))) void
scores(global const float *q, global const float *k, global float *scores, const attention a,
       global const int *sequences, global const void *mask, global const float *slopes) {
  local float q_tile[BLOCK_ROWS][TILE + 1], k_tile[TILE][TILE + 1];
  const int key0 = group_id(0) * TILE, row0 = group_id(1) * BLOCK_ROWS, pair = get_global_id(2);
  const int key = get_global_id(0);
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int rows = rows_of(a, s);
  const matrix q_part = {q + query_offset(a, a.q, s) + row0 * a.q.row, a.q.row, rows - row0};
  const matrix k_part = {k + key_offset(a, a.k, s) + key0 * a.k.row, a.k.row, s.key_len - key0};

  /* The same in the whole work-group, because barriers follow. */
  const int depth = tile_is_seen(a, s, row0, row0 + BLOCK_ROWS, key0, TILE) ? a.head_dim : 0;
  float sum[ITEM_ROWS];
  product_column(q_part, k_part, depth, q_tile, k_tile, sum);

#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) {
    const int row = row0 + get_local_id(1) + r * TILE;
    if (key >= a.key_len || row >= a.rows) continue;
    row_view view;
    view_row(a, s, row, mask, slopes, &view);
    scores[((size_t)pair * a.rows + row) * a.key_len + key] =
        row < rows && key < s.key_len ? finish_score(a, view, key, sum[r] * a.scale) : -INFINITY;
  }
}
