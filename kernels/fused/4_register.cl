/* fused, rung 4: scores, weights and context of a block of rows in registers (target: GPU). Formula and arguments as in
 * rung 1.
 *
 * One work-group processes BLOCK_ROWS query rows of a pair and goes through their keys, BLOCK_KEYS at a time, LOCAL_X
 * work-items per row; see common/fused_block.cl for the picture. Keys that no row of the block sees are not read. If
 * all rows see a whole tile of keys, and there is no softcap, mask or ALiBi, the tile needs no checks key by key.
 *
 * With a causal mask the last rows have the most keys: their blocks come first, so that no long one is left to the end.
 *
 * Cost: each element of K and V is read once for BLOCK_ROWS rows. Q is read once for BLOCK_KEYS keys or, if TILE_DEPTH
 * is at least head_dim, only once. Local memory: 27 KiB for a head_dim and value_dim of 128.
 *
 * Wins on GPUs with hundreds of rows. Loses with few rows (most of a block is empty then, and few blocks leave most of
 * the GPU idle; see rung 6), with very wide values (they no longer fit into registers) and on CPU devices.
 */
#ifndef LOCAL_X
#define LOCAL_X 8 /* 8, 16 */
#endif
#ifndef LOCAL_Y
#define LOCAL_Y 16 /* 8, 16, 32 */
#endif
#ifndef ITEM_ROWS
#define ITEM_ROWS 4 /* 1, 2, 4, 8 */
#endif
#ifndef ITEM_KEYS
#define ITEM_KEYS 4 /* 1, 2, 4, 8 */
#endif
#ifndef TILE_DEPTH
#define TILE_DEPTH 32 /* 16 ... 256 */
#endif
#include "common/fused.cl"
#include "common/fused_block.cl"
#include "common/group.cl"

kernel SUB_GROUP __attribute__((reqd_work_group_size(LOCAL_X, LOCAL_Y, 1) ASK_FOR_STEP)) void
fused(global const void *q, global const void *k, global const void *v, global void *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace) {
  local tile_vector tile[TILE_VECTORS], weights[BLOCK_ROWS * WEIGHT_ROW];
  local float4 part[BLOCK_ROWS * PART_ROW];
  local int flags[FLAGS];
  const int blocks = (a.query_len + BLOCK_ROWS - 1) / BLOCK_ROWS;
  const int pair = group_id(0), row0 = (blocks - 1 - (int)group_id(1)) * BLOCK_ROWS;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  /* The block's first row gives the first visible key, its last row the last. */
  const int row_end = min(row0 + BLOCK_ROWS, s.query_len), headroom = headroom_of(s.key_len);
  const fused_block block = {
      s, row0, a.query_len, row0, row_end, first_key(a, s, row0), row0 < row_end ? end_key(a, s, row_end - 1) : 0};
  const fused_inputs in = {q, k, v, mask, slopes};
  const block_memory memory = {tile, weights, part, flags, 0, rows_in_step(flags)};
  const float sink = head_sink(sinks, s), no_sum = sink_part(sink, headroom);
  block_sums sums;
  sum_block(a, block, in, sink, headroom, memory, &sums);
  join_sums(memory, &sums);

#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) {
    const int row = row0 + row_in_block(r), exists = row < row_end;
    const float sum = exists ? sums.sum[r] : no_sum, largest = exists ? sums.largest[r] : sink;
    if (row >= a.query_len) continue;
#pragma unroll
    for (int i = 0; i < VALUE_VECTORS; ++i) sums.context[r][i] /= sum == 0.0f ? 1.0f : sum;
    if (exists)
      store_context(sums.context[r], a.context_type, context, query_offset(a, a.context, s) + row * a.context.row);
    if (get_local_id(0) == 0) store_fused_lse(a, lse, pair, row, largest, sum, headroom);
  }
}
