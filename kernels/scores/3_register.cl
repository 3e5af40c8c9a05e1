/* scores, rung 3: each work-item keeps ITEM_ROWS x ITEM_COLS scores in registers (GPU form). Formula and arguments as
 * in rung 1.
 *
 * One work-group computes BLOCK_ROWS queries x BLOCK_COLS keys; see common/product_register.cl for the picture, with
 * A = Q and B = K^T. A block whose keys are all masked for all its queries is not computed.
 *
 * Wins on GPUs with a few hundred tokens or more. Loses on short sequences and on CPU devices.
 */
#define B_ALONG_DEPTH 1
#include "common/layout.cl"
#include "common/product_register.cl"

kernel __attribute__((reqd_work_group_size(LOCAL_X, LOCAL_Y, 1))) void
scores(global const float *q, global const float *k, global float *scores, ulong4 q_stride, ulong4 k_stride, int heads,
       int first_pair, int first_row, int rows, int key_len, int head_dim, float scale) {
  local float q_tile[TILE_DEPTH][BLOCK_ROWS + 1], k_tile[TILE_DEPTH][BLOCK_COLS + 1];
  const int key0 = get_group_id(0) * BLOCK_COLS, row0 = get_group_id(1) * BLOCK_ROWS, pair = get_global_id(2);
  global const float *q_corner = q + head_offset(q_stride, first_pair + pair, heads) + (first_row + row0) * q_stride.z;
  global const float *k_corner = k + head_offset(k_stride, first_pair + pair, heads) + key0 * k_stride.z;

  /* The last query of the block sees the most keys. The choice is the same for the whole work-group. */
  const int depth = key0 < live_keys(first_row + row0 + BLOCK_ROWS - 1, key_len) ? head_dim : 0;
  float sum[ITEM_ROWS][ITEM_COLS];
  int row_depth[ITEM_ROWS];
  for (int r = 0; r < ITEM_ROWS; ++r) {
    row_depth[r] = depth;
    for (int c = 0; c < ITEM_COLS; ++c) sum[r][c] = 0.0f;
  }
  product_register(q_corner, q_stride.z, rows - row0, k_corner, k_stride.z, key_len - key0, depth, row_depth, q_tile,
                   k_tile, sum);

  for (int r = 0; r < ITEM_ROWS; ++r) {
    const int row = row0 + get_local_id(1) + r * LOCAL_Y;
    const int live = live_keys(first_row + row, key_len);
    for (int c = 0; c < ITEM_COLS; ++c) {
      const int key = key0 + get_local_id(0) + c * LOCAL_X;
      if (row < rows && key < key_len)
        scores[((size_t)pair * rows + row) * key_len + key] = key < live ? sum[r][c] * scale : -INFINITY;
    }
  }
}
