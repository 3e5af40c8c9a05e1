/* fused, rung 6: the keys of a row are divided into parts, each with its own work-group (target: GPU). Formula and
 * arguments as in rung 1; q has few rows, often one, as when a decoder generates one token after another.
 *
 *     keys       0 ......... | ......... | ......... n
 *                  part 0       part 1      part 2          fused: m, s and o of each part, into the workspace
 *                         \        |       /
 *                    m = max of m_p, and the sink           join: one row's parts become its context and lse
 *                    s = sum of exp(m_p - m) s_p
 *                    context = sum of exp(m_p - m) o_p / s
 *
 * With one query each head has one row, and its keys are read for that row only. What counts is to read K and V once,
 * with the whole GPU. A work-group therefore processes the rows of all query heads that share a KV head, BLOCK_ROWS at
 * a time, over one part of their keys; see common/fused_block.cl for the picture. There are enough parts to make GROUPS
 * work-groups, but no part has fewer than PART_KEYS keys (common/parts.h). Only keys that a row of the sequence can see
 * are divided; parts that get none are empty.
 *
 * A cache is read in place, as it is stored, and unpacked once for all rows of a work-group. k_scales and v_scales are
 * the scales of its vectors, for types that have some; with pages, `table` (batch, a.table_width) has the numbers of
 * those of each sequence.
 *
 * Wins on GPUs with few rows and many keys. Loses with many rows, which make enough work-groups without parts, while
 * parts must be written and read again; and loses on CPU devices.
 */
#ifndef LOCAL_X
#define LOCAL_X 32 /* 16, 32 */
#endif
#ifndef ITEM_ROWS
#define ITEM_ROWS 2 /* 1, 2, 4 */
#endif
#ifndef TILE_DEPTH
#define TILE_DEPTH 128 /* 32 ... 256 */
#endif
#ifndef PART_KEYS
#define PART_KEYS 128 /* 16 ... 512 */
#endif
#ifndef GROUPS
#define GROUPS 512 /* 128 ... 2048 */
#endif
#define LOCAL_Y SPLIT_LOCAL_Y
#define ITEM_KEYS 1
#define HEADS_TOGETHER 1
#include "common/parts.h"
#include "common/fused.cl"
#include "common/fused_block.cl"
#include "common/group.cl"
#include "common/split_join.cl"

kernel SUB_GROUP __attribute__((reqd_work_group_size(LOCAL_X, LOCAL_Y, 1) ASK_FOR_STEP)) void
fused(global const void *q, global const void *k, global const void *v, global void *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace, global const void *k_scales, global const void *v_scales,
      global const int *table) {
  local tile_vector tile[TILE_VECTORS], weights[BLOCK_ROWS * WEIGHT_ROW];
  local float4 part[BLOCK_ROWS * PART_ROW];
  local int flags[FLAGS];
#if PAGES
  local ulong places[BLOCK_KEYS];
#else
  local ulong *const places = 0;
#endif
  const int pair0 = group_id(0) * a.group, number = group_id(2), parts = parts_here(a);
  sequence s;
  find_sequence(a, sequences, pair0, &s);
  key_part keys;
  find_part(a, s, number, parts, &keys);
  const fused_block block = {s, group_id(1) * BLOCK_ROWS, a.group * a.query_len, 0, s.query_len, keys.first, keys.end};
  const fused_inputs in = {q, k, v, mask, slopes, k_scales, v_scales, table + s.batch * a.table_width};
  const block_memory memory = {tile, weights, part, flags, places, rows_in_step(flags)};
  block_sums sums;
  sum_block(a, block, in, -INFINITY, headroom_of(s.key_len), memory, &sums);
  join_sums(memory, &sums);

#pragma unroll
  for (int r = 0; r < ITEM_ROWS; ++r) {
    sequence of_row;
    const int row = place_row(a, block, row_in_block(r), &of_row);
    if (!is_row(of_row, row)) continue;
    global float *to = part_of_row(a, workspace, pair0, of_row.head - s.head, row, number, parts);
    store_context(sums.context[r], STORED_F32, to, 0);
    if (get_local_id(0) > 0) continue;
    to[VALUE_DIM] = sums.largest[r];
    to[VALUE_DIM + 1] = sums.sum[r];
  }
}
