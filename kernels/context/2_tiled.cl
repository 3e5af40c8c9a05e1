/* context, rung 2: work-items share tiles of weights and V in local memory (target: GPU). Formula and arguments as in
 * rung 1.
 *
 * One work-group computes TILE queries x TILE value columns, one work-item one element; see common/product_tiled.cl for
 * the picture, with A = weights and B = V. Keys that no query of the tile sees are not read.
 *
 * Wins over rung 1 on GPUs. Loses on CPU devices.
 */
#define A_IS_WEIGHTS 1
#include "common/attention.cl"
#include "common/group.cl"
#include "common/product_tiled.cl"

kernel __attribute__((reqd_work_group_size(TILE, TILE, 1))) void context(global const float *weights,
                                                                         global const float *v, global float *context,
                                                                         const attention a,
                                                                         global const int *sequences) {
  local float weights_tile[TILE][TILE + 1], v_tile[TILE][TILE + 1];
  const int c0 = group_id(0) * TILE, row0 = group_id(1) * TILE, pair = get_global_id(2);
  const int c = get_global_id(0), row = get_global_id(1);
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int rows = rows_of(a, s);
  const matrix weights_part = {weights + ((size_t)pair * a.rows + row0) * a.key_len, a.key_len, rows - row0};
  const matrix v_part = {v + key_offset(a, a.v, s) + c0, a.v.row, a.value_dim - c0};

  /* The tile's first query gives the first visible key, its last query the last. */
  const float sum =
      product_tiled(weights_part, v_part, first_key(a, s, row0), end_key(a, s, row0 + TILE - 1), weights_tile, v_tile);

  if (c < a.value_dim && row < rows) context[query_offset(a, a.context, s) + row * a.context.row + c] = sum;
}
