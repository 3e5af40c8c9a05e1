/* fused, rung 10: both products on the GPU's matrix unit (target: GPU with a matrix unit). Formula and arguments as in
 * rung 1; q, k and v are all halves or all bfloat16 numbers, and the problem allows to round weights to that type.
 *
 * A work-group processes BLOCK_ROWS query rows of a pair, UNIT_ROWS for each of its sub-groups, and goes through their
 * keys, BLOCK_KEYS at a time. common/matrix_unit.cl says what fragments and sums are. For a sub-group:
 *
 *              head_dim              keys                   value_dim
 *            +----------+        +---+---+---+          +---+---+---+---+
 *      rows  |  queries |        |   | S |   |    rows  |   |   | C |   |    fragments of queries, sums S of scores and
 *            +----------+        +---+---+---+          +---+---+---+---+    sums C of context stay in registers
 *
 * 1. K into local memory; S = Q . K^T
 * 2. V over K; in registers the scores, the rows' maxima, the weights
 * 3. C = C * shrink + weights . V: sums of weights, rounded to the type of V, are the next product's left fragments
 *
 * Weights never pass through local memory, which rung 4 writes and reads for each of them. All sums, the maximum and
 * the softmax are float. Only the weights are rounded; the sum of a row is that of the weights before.
 *
 * Weights are at most 1. With halves no sum can leave the range of a float, so there is no headroom (common/fused.cl).
 * A bfloat16 has the exponents of a float: with them weights are smaller by the headroom, which costs no precision.
 *
 * The unit multiplies masked keys, too, and 0 times a NaN or an infinity is NaN. Where a tile of V has one, it gets a 0
 * instead, and the products of that value are added one by one, in float, with the keys that are not masked.
 *
 * Cost: local memory gives each element of K and V to UNIT_ROWS rows at a time, and global memory to BLOCK_ROWS rows.
 * Wins over rung 4 where the unit multiplies many times as fast as the lanes do. Loses with few rows (rung 6). Without
 * a unit of this number, common/matrix_unit_software.cl computes it in plain OpenCL C, very slowly.
 */
#ifndef MATRIX_UNIT
#define MATRIX_UNIT MATRIX_MMA_16 /* MATRIX_..., 1 to 7, of common/matrix_units.h */
#endif
#ifndef SUB_GROUPS
#define SUB_GROUPS 4 /* 1, 2, 4, 8 */
#endif
#ifndef ROW_TILES
#define ROW_TILES 1 /* 1, 2: row tiles of a sub-group */
#endif
#ifndef BLOCK_KEYS
#define BLOCK_KEYS 64 /* 16, 32, 64, 128 */
#endif
#include "common/fused.cl"
#include "common/matrix_unit.cl"
#include "common/group.cl"
#include "common/fused_matrix.cl"

kernel LANES_TOGETHER __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
fused(global const void *q, global const void *k, global const void *v, global void *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace) {
  local ushort8 memory[TILE_ELEMENTS / 8]; /* as vectors, so that rows begin at multiples of 16 bytes */
  local uint scratch[SUB_GROUPS * UNIT_SCRATCH];
  local float shown[BLOCK_ROWS];
  local int found[1];
  local ushort *const tile = (local ushort *)memory;
  const int sub_group = get_local_id(0) / UNIT_LANES;
  const matrix_unit unit = {get_local_id(0) % UNIT_LANES, scratch + sub_group * UNIT_SCRATCH};
  const block_rows block = find_block(a, sequences);
  const score_scale scale = find_scale(a, block.s, slopes, sinks);
  const tile_rows queries = {q, query_offset(a, a.q, block.s), a.q.row, block.end};
  const tile_rows keys = {k, key_offset(a, a.k, block.s), a.k.row, block.key_end};
  const tile_rows values = {v, key_offset(a, a.v, block.s), a.v.row, block.key_end};
  const int first = block.first + sub_group * GROUP_ROWS; /* the sub-group's first row */
  left_fragment query[ROW_TILES][DEPTH_STEPS];
  lane_sums sums[ROW_TILES];
  UNROLL
  for (int t = 0; t < ROW_TILES; ++t) begin_sums(unit, scale, &sums[t]);
  if (block.key_begin < block.key_end)
    load_queries(unit, queries, block.first, sub_group, tile, query); /* else there may be no row */
  sum_keys(a, scale, block, unit, first, keys, values, mask, slopes, query, tile, shown + sub_group * GROUP_ROWS, found,
           sums);
  UNROLL
  for (int t = 0; t < ROW_TILES; ++t) store_rows(a, scale, block, unit, first + t * UNIT_ROWS, &sums[t], context, lse);
}
