/* fused, rung 11: copies while the matrix unit multiplies (target: GPU with a matrix unit). Formula, arguments and the
 * steps of the products as in rung 10.
 *
 * Keys and values have a tile each, and one is copied while the other is multiplied:
 *
 *     copy of      V(0)          K(1)         V(1)          K(2)
 *     products     Q . K(0)^T    w . V(0)     Q . K(1)^T    w . V(1)
 *
 * NVIDIA's GPUs copy by themselves from compute capability 8.0 on (common/async_copy.cl), and then a NaN or an infinity
 * in V is replaced in the tile, by the work-item that copied it. Elsewhere, and where rows do not begin at multiples of
 * eight elements, a work-item fetches its elements into registers before the product, and stores them after it.
 *
 * Cost: as rung 10, with two barriers a tile of keys instead of four, and twice the local memory.
 * Wins over rung 10 where few sub-groups reside, so that no other one multiplies while one waits for memory.
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
#include "common/async_copy.cl"

/* Whether the GPU copies what is stored as `type` by itself. */
#define COPIES(type) (COPIES_BY_ITSELF && ROWS_OF_8 && (type) == UNIT_TYPE)

/* Chunks of a tile that a work-item copies: of each of its rows, and of all of them. */
#define CHUNKS_OF_ROW(width) (((width) / CHUNK + ACROSS(width) - 1) / ACROSS(width))
#define CHUNKS(width) (ROUNDS(BLOCK_KEYS, width) * CHUNKS_OF_ROW(width))

/* The place of a work-item's n-th chunk in a tile; false if it has not so many. */
int find_chunk(int n, const int width, int *key, int *column) {
  *key = copied_row(n / CHUNKS_OF_ROW(width), width);
  *column = first_copied(width) + n % CHUNKS_OF_ROW(width) * ACROSS(width) * CHUNK;
  return *key < BLOCK_KEYS && *column < width;
}

/* Starts to copy a work-item's part of a tile of rows of `dim` elements: to its place, or else to `held`. */
void start_copy(int type, const tile_rows rows, int key0, const int dim, const int width, int tile_row,
                local ushort *tile, chunk *held) {
  int key, column;
#if COPIES_BY_ITSELF
  if (COPIES(type)) {
    UNROLL_COPIES
    for (int n = 0; n < CHUNKS(width); ++n) {
      if (!find_chunk(n, width, &key, &column)) continue;
      const size_t at = row_begin(rows, key0 + key);
      copy_16(tile + key * tile_row + column, (global const ushort *)rows.from + at + (column < dim ? column : 0),
              column < dim);
    }
    return;
  }
#endif
  UNROLL
  for (int n = 0; n < CHUNKS(width); ++n) {
    if (!find_chunk(n, width, &key, &column)) continue;
    const size_t at = row_begin(rows, key0 + key);
    held[n] = column < dim ? fetch(type, rows.from, at + column) : (chunk)(0);
  }
}

/* Completes a work-item's part of a tile of keys. */
void finish_keys(const chunk *held, local ushort *tile) {
  int key, column;
#if COPIES_BY_ITSELF
  if (COPIES(K_TYPE)) {
    await_copies();
    return;
  }
#endif
  UNROLL
  for (int n = 0; n < CHUNKS(DEPTH); ++n)
    if (find_chunk(n, DEPTH, &key, &column)) *(local chunk *)(tile + key * KEY_ROW + column) = held[n];
}

/* The same for values; true if one was replaced. */
int finish_values(chunk *held, local ushort *tile) {
  int found = 0, key, column;
#if COPIES_BY_ITSELF
  if (COPIES(V_TYPE)) {
    await_copies();
    UNROLL_COPIES
    for (int n = 0; n < CHUNKS(WIDTH); ++n) {
      if (!find_chunk(n, WIDTH, &key, &column)) continue;
      local chunk *const place = (local chunk *)(tile + key * VALUE_ROW + column);
      chunk values = *place;
      if (!replace_others(&values)) continue;
      *place = values;
      found = 1;
    }
    return found;
  }
#endif
  UNROLL
  for (int n = 0; n < CHUNKS(WIDTH); ++n) {
    if (!find_chunk(n, WIDTH, &key, &column)) continue;
    found |= replace_others(&held[n]);
    store_values(held[n], key, column, tile);
  }
  return found;
}

kernel LANES_TOGETHER __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
fused(global const void *q, global const void *k, global const void *v, global void *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace) {
  local ushort8 key_memory[KEYS_END / 8], value_memory[VALUES_END / 8]; /* rows begin at multiples of 16 bytes */
  local uint scratch[SUB_GROUPS * UNIT_SCRATCH];
  local float shown[BLOCK_ROWS];
  local int found[2]; /* for this tile, and for the next */
  local ushort *const key_tile = (local ushort *)key_memory, *const value_tile = (local ushort *)value_memory;
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
  int now = 0;
  chunk held_keys[CHUNKS(DEPTH)], held_values[CHUNKS(WIDTH)];
  UNROLL
  for (int t = 0; t < ROW_TILES; ++t) begin_sums(unit, scale, &sums[t]);
  if (block.key_begin < block.key_end) { /* else there may be no row */
    load_queries(unit, queries, block.first, sub_group, key_tile, query);
    start_copy(K_TYPE, keys, block.key_begin, HEAD_DIM, DEPTH, KEY_ROW, key_tile, held_keys);
    if (get_local_id(0) == 0) found[0] = 0;
    finish_keys(held_keys, key_tile);
    barrier(CLK_LOCAL_MEM_FENCE); /* the first keys are complete, and found is 0 */
  }
  for (int key0 = block.key_begin; key0 < block.key_end; key0 += BLOCK_KEYS) {
    sum_fragment score[ROW_TILES][KEY_SUMS];
    start_copy(V_TYPE, values, key0, VALUE_DIM, WIDTH, VALUE_ROW, value_tile, held_values);
    if (get_local_id(0) == 0) found[1 - now] = 0;
    multiply_keys(unit, query, key_tile, score);
    UNROLL
    for (int t = 0; t < ROW_TILES; ++t) {
      finish_scores(a, scale, block, unit, first + t * UNIT_ROWS, key0, mask, slopes, score[t]);
      find_weights(unit, scale, score[t], &sums[t]);
    }
    const int more = key0 + BLOCK_KEYS < block.key_end;
    if (finish_values(held_values, value_tile)) found[now] = 1; /* all writers write the same value */
    barrier(CLK_LOCAL_MEM_FENCE); /* the values are complete, and everyone has read the keys */
    if (more) start_copy(K_TYPE, keys, key0 + BLOCK_KEYS, HEAD_DIM, DEPTH, KEY_ROW, key_tile, held_keys);
    multiply_values(unit, score, value_tile, sums);
    if (found[now]) add_others(unit, values, key0, score, shown + sub_group * GROUP_ROWS, sums);
    if (more) finish_keys(held_keys, key_tile);
    now = 1 - now;
    barrier(CLK_LOCAL_MEM_FENCE); /* the next keys are complete, and everyone has read the values */
  }
  UNROLL
  for (int t = 0; t < ROW_TILES; ++t) store_rows(a, scale, block, unit, first + t * UNIT_ROWS, &sums[t], context, lse);
}
