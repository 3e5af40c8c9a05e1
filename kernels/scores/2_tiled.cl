/* scores, rung 2: tiles of Q and K are shared through local memory (GPU form). Formula and arguments as in rung 1.
 *
 * One work-group computes a TILE x TILE tile of scores, one work-item one element; see common/product_tiled.cl for the
 * picture, with A = Q and B = K^T. K is stored as rows, so its tile is transposed on the way into local memory.
 * A tile whose keys are all masked for all its queries is not computed.
 *
 * Wins over rung 1 on GPUs: the scattered reads of K become contiguous ones. Loses on CPU devices.
 */
#define B_ALONG_DEPTH 1
#include "common/layout.cl"
#include "common/product_tiled.cl"

kernel __attribute__((reqd_work_group_size(TILE, TILE, 1))) void
scores(global const float *q, global const float *k, global float *scores, ulong4 q_stride, ulong4 k_stride, int heads,
       int first_pair, int first_row, int rows, int key_len, int head_dim, float scale) {
  local float q_tile[TILE][TILE + 1], k_tile[TILE][TILE + 1];
  const int key0 = get_group_id(0) * TILE, row0 = get_group_id(1) * TILE, pair = get_global_id(2);
  const int key = get_global_id(0), row = get_global_id(1);
  global const float *q_corner = q + head_offset(q_stride, first_pair + pair, heads) + (first_row + row0) * q_stride.z;
  global const float *k_corner = k + head_offset(k_stride, first_pair + pair, heads) + key0 * k_stride.z;

  /* The last query of the tile sees the most keys. The choice is the same for the whole work-group. */
  const int depth = key0 < live_keys(first_row + row0 + TILE - 1, key_len) ? head_dim : 0;
  const float sum = product_tiled(q_corner, q_stride.z, rows - row0, k_corner, k_stride.z, key_len - key0, depth, depth,
                                  q_tile, k_tile);

  if (key < key_len && row < rows)
    scores[((size_t)pair * rows + row) * key_len + key] =
        key < live_keys(first_row + row, key_len) ? sum * scale : -INFINITY;
}
