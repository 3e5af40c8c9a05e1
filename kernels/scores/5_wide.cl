/* scores, rung 5: as rung 4, four floats at a time (target: GPU). Formula and arguments as in rung 1.
 *
 * One work-group computes BLOCK_ROWS queries x BLOCK_COLS keys; see common/product_wide.cl for the picture, with A = Q
 * and B = K^T. Q, K, both tiles and the scores are read and written as float4. A tile is skipped if none of its queries
 * sees any of its keys.
 *
 * Wins over rung 4 on GPUs when head_dim and key_len are multiples of 4. Loses on short sequences and on CPU devices.
 */
#define B_ALONG_DEPTH 1
#include "common/attention.cl"
#include "common/group.cl"
#include "common/product_wide.cl"

/* Turns four scaled products of a row into scores; keys beyond the sequence's end are masked. */
float4 finish4(const attention a, const row_view view, int key_len, int key, float4 scaled) {
  return (float4)(key < key_len ? finish_score(a, view, key, scaled.x) : -INFINITY,
                  key + 1 < key_len ? finish_score(a, view, key + 1, scaled.y) : -INFINITY,
                  key + 2 < key_len ? finish_score(a, view, key + 2, scaled.z) : -INFINITY,
                  key + 3 < key_len ? finish_score(a, view, key + 3, scaled.w) : -INFINITY);
}

kernel __attribute__((reqd_work_group_size(LOCAL_X, LOCAL_Y, 1))) void
scores(global const float *q, global const float *k, global float *scores, const attention a,
       global const int *sequences, global const void *mask, global const float *slopes) {
  local float4 q_tile[TILE_DEPTH * A_TILE_ROW], k_tile[TILE_DEPTH * B_TILE_ROW];
  const int key0 = group_id(0) * BLOCK_COLS, row0 = group_id(1) * BLOCK_ROWS, pair = get_global_id(2);
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int rows = rows_of(a, s);
  const matrix q_part = {q + query_offset(a, a.q, s) + row0 * a.q.row, a.q.row, rows - row0};
  const matrix k_part = {k + key_offset(a, a.k, s) + key0 * a.k.row, a.k.row, s.key_len - key0};

  /* The same in the whole work-group, because barriers follow. */
  const int depth = tile_is_seen(a, s, row0, row0 + BLOCK_ROWS, key0, BLOCK_COLS) ? a.head_dim : 0;
  float4 sum[ITEM_ROWS][ITEM_COLS / 4];
  const product_tiles tiles = {q_tile, k_tile};
  product_wide(q_part, k_part, depth, tiles, sum);

#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) {
    const int row = row0 + row_in_block(r);
    if (row >= a.rows) continue;
    row_view view;
    view_row(a, s, row, mask, slopes, &view);
#pragma unroll
    for (int c = 0; c < ITEM_COLS / 4; ++c) {
      const int key = key0 + column_in_block(c), key_len = row < rows ? s.key_len : 0;
      store4(finish4(a, view, key_len, key, sum[r][c] * a.scale), a.key_len - key,
             scores + ((size_t)pair * a.rows + row) * a.key_len + key);
    }
  }
}
