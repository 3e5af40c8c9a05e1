/* fused, rung 12: rung 10 with the keys of a row in parts (target: GPU with a matrix unit). Formula and arguments as in
 * rung 1; q, k and v as in rung 10, and q has few rows, as in rung 6.
 *
 * What rung 6 is to rung 4, this is to rung 10: the rows of all query heads that share a KV head make the rows of a
 * tile, over one part of their keys, and the post-process joins the parts (common/split_join.cl). A model of 8 query
 * heads for each KV head fills half of a unit's 16 rows with one new token, all of them with two:
 *
 *     line    0 ........ query_len ........ group * query_len          UNIT_ROWS lines for each sub-group
 *             head 0     head 1       ...
 *
 * A cache is read in place, in pages or not, if it has the type of q. k_scales and v_scales belong to caches of other
 * types.
 *
 * Wins over rung 6 where keys and values arrive faster than float lanes multiply them: with several rows for each KV
 * head. Loses with one row, for which the unit computes UNIT_ROWS; and with many rows (rung 10).
 */
#ifndef MATRIX_UNIT
#define MATRIX_UNIT MATRIX_MMA_16 /* MATRIX_..., 1 to 7, of common/matrix_units.h */
#endif
#ifndef SUB_GROUPS
#define SUB_GROUPS 1 /* 1, 2, 4 */
#endif
#ifndef ROW_TILES
#define ROW_TILES 1 /* 1, 2 */
#endif
#ifndef BLOCK_KEYS
#define BLOCK_KEYS 32 /* 16, 32, 64, 128 */
#endif
#ifndef PART_KEYS
#define PART_KEYS 128 /* 16 ... 512 */
#endif
#ifndef GROUPS
#define GROUPS 512 /* 128 ... 2048 */
#endif
#define HEADS_TOGETHER 1
#include "common/parts.h"
#include "common/fused.cl"
#include "common/matrix_unit.cl"
#include "common/group.cl"
#include "common/fused_matrix.cl"
#define SPLIT_HEADROOM(keys) (BFLOAT16 ? headroom_of(keys) : 0) /* as in find_scale */
#include "common/split_join.cl"

kernel LANES_TOGETHER __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
fused(global const void *q, global const void *k, global const void *v, global void *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace, global const void *k_scales, global const void *v_scales,
      global const int *table) {
  local ushort8 memory[TILE_ELEMENTS / 8]; /* as vectors, so that rows begin at multiples of 16 bytes */
  local uint scratch[SUB_GROUPS * UNIT_SCRATCH];
  local float shown[BLOCK_ROWS];
  local int found[1];
  local ushort *const tile = (local ushort *)memory;
  const int sub_group = get_local_id(0) / UNIT_LANES;
  const matrix_unit unit = {get_local_id(0) % UNIT_LANES, scratch + sub_group * UNIT_SCRATCH};
  const int pair0 = group_id(0) * a.group, number = group_id(2), parts = parts_here(a);
  sequence s;
  find_sequence(a, sequences, pair0, &s);
  key_part part;
  find_part(a, s, number, parts, &part);
  const block_rows block = {s,          pair0,   group_id(1) * BLOCK_ROWS, a.group * a.query_len, 0, s.query_len,
                            part.first, part.end};
  const score_scale scale = find_scale(a, s, slopes, 0); /* the post-process adds the sinks */
  global const int *pages = PAGES ? table + s.batch * a.table_width : 0;
  const tile_rows queries = {q, query_offset(a, a.q, s), a.q.row, block.end, 0, 0, a.query_len, s.query_len, a.q.head};
  const tile_rows keys = {k, rows_offset(a, a.k, s), a.k.row, part.end, pages, a.page_len};
  const tile_rows values = {v, rows_offset(a, a.v, s), a.v.row, part.end, pages, a.page_len};
  const int first = block.first + sub_group * GROUP_ROWS; /* the sub-group's first line */
  left_fragment query[ROW_TILES][DEPTH_STEPS];
  lane_sums sums[ROW_TILES];
  UNROLL
  for (int t = 0; t < ROW_TILES; ++t) begin_sums(unit, scale, &sums[t]);
  if (part.first < part.end)
    load_queries(unit, queries, block.first, sub_group, tile, query); /* else there may be no row */
  sum_keys(a, scale, block, unit, first, keys, values, mask, slopes, query, tile, shown + sub_group * GROUP_ROWS, found,
           sums);

  UNROLL
  for (int t = 0; t < ROW_TILES; ++t) UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) {
    int exists;
    sequence of_row;
    const float sum = row_sum(unit, sums[t].sum[r]);
    const int line = first + t * UNIT_ROWS + sum_row(MATRIX_UNIT, unit.lane, FIRST_OF_ROW(r));
    const int row = place_row(a, block, line, &of_row, &exists);
    if (!exists) continue;
    global float *to = part_of_row(a, workspace, pair0, of_row.head - s.head, row, number, parts);
    UNROLL
    for (int n = 0; n < VALUE_SUMS; ++n) UNROLL
    for (int i = FIRST_OF_ROW(r); i < FIRST_OF_ROW(r + 1); ++i) {
      const int c = n * UNIT_COLUMNS + sum_column(MATRIX_UNIT, unit.lane, i);
      if (c < VALUE_DIM) to[c] = sums[t].context[n].value[i];
    }
    if (!is_first_of_row(unit)) continue;
    to[VALUE_DIM] = sums[t].largest[r] * scale.left;
    to[VALUE_DIM + 1] = sum;
  }
}
