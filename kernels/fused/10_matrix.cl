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
#ifndef BLOCK_KEYS
#define BLOCK_KEYS 64 /* 16, 32, 64, 128 */
#endif
#include "common/fused.cl"
#include "common/matrix_unit.cl"
#include "common/group.cl"

#define BLOCK_ROWS (SUB_GROUPS * UNIT_ROWS)
#define ITEMS (SUB_GROUPS * UNIT_LANES)

/* Numbers of fragments and of sums that a lane has. */
#define ROUNDED_UP(size, step) (((size) + (step)-1) / (step) * (step))
#define DEPTH ROUNDED_UP(HEAD_DIM, UNIT_DEPTH)
#define WIDTH ROUNDED_UP(VALUE_DIM, UNIT_COLUMNS)
#define DEPTH_STEPS (DEPTH / UNIT_DEPTH)
#define KEY_SUMS (BLOCK_KEYS / UNIT_COLUMNS)
#define VALUE_SUMS (WIDTH / UNIT_COLUMNS)

/* Rows of a tile are 16 bytes longer than what they hold, so that the lanes that read eight of them at a time read
 * different banks. NVIDIA's unit loads right fragments from rows of V as they are. For the others a tile has V
 * transposed: a fragment's values then lie side by side. */
#define TRANSPOSED_VALUES (!MATRIX_IS_MMA(MATRIX_UNIT))
#define KEY_ROW (DEPTH + 8)
#if TRANSPOSED_VALUES
#define VALUE_ROW (BLOCK_KEYS + 8)
#define VALUES_END (WIDTH * VALUE_ROW)
#define LOAD_VALUES(unit, values, key, column) load_right(unit, (values) + (column)*VALUE_ROW + (key), VALUE_ROW)
#else
#define VALUE_ROW (WIDTH + 8)
#define VALUES_END (BLOCK_KEYS * VALUE_ROW)
#define LOAD_VALUES(unit, values, key, column) load_right_across(unit, (values) + (key)*VALUE_ROW + (column), VALUE_ROW)
#endif
#define KEYS_END (BLOCK_KEYS * KEY_ROW)
#define TILE_ELEMENTS (KEYS_END > VALUES_END ? KEYS_END : VALUES_END)

/* Sub-groups whose queries fit into the tile together. */
#define GROUPS_AT_ONCE (BLOCK_KEYS < BLOCK_ROWS ? BLOCK_KEYS / UNIT_ROWS : SUB_GROUPS)

/* Loops over fragments and sums are unrolled, which keeps these in registers. In plain OpenCL C they have barriers, of
 * which compilers would make too many. */
#if SOFTWARE_UNIT
#define UNROLL
#else
#define UNROLL _Pragma("unroll")
#endif

/* Elements that a work-item copies at a time. */
#ifndef ROWS_OF_8
#define ROWS_OF_8 0 /* 1: rows of q, k and v begin and end at multiples of eight elements */
#endif
#if ROWS_OF_8
#define CHUNK 8
typedef ushort8 chunk;
#else
#define CHUNK 1
typedef ushort chunk;
#endif
/* Copies in unrolled loops are under way together. Other compilers than NVIDIA's want the registers for other things.
 */
#if MATRIX_IS_MMA(MATRIX_UNIT)
#define UNROLL_COPIES UNROLL
#else
#define UNROLL_COPIES _Pragma("unroll 2")
#endif

/* ACROSS work-items share a row of a tile, which has `width` elements: each takes every ACROSS-th chunk of it, the same
 * chunks in each of its rows. All work-items together copy DOWN rows at a time. */
#define POWER_OF_2_FROM(n) ((n) <= 4 ? 4 : (n) <= 8 ? 8 : (n) <= 16 ? 16 : (n) <= 32 ? 32 : (n) <= 64 ? 64 : 128)
#define ACROSS(width) min(POWER_OF_2_FROM((width) / CHUNK), ITEMS)
#define DOWN(width) (ITEMS / ACROSS(width))
#define ROUNDS(rows, width) (((rows) + DOWN(width) - 1) / DOWN(width))

#if BFLOAT16
#define UNIT_TYPE STORED_BF16
#define EXPONENT 0x7f80 /* of a NaN or an infinity */
#else
#define UNIT_TYPE STORED_F16
#define EXPONENT 0x7c00
#endif

/* Rows of q, k or v in global memory. */
typedef struct tile_rows {
  global const void *from;
  size_t at, stride; /* where row 0 begins, and from one row to the next */
  int end;           /* rows from here on repeat the last; they are masked or not stored */
} tile_rows;

/* The rows of a work-group. */
typedef struct block_rows {
  sequence s;
  int first, end;
  int key_end; /* of the last row; the first row has the first key */
} block_rows;

/* The running results of a lane. */
typedef struct lane_sums {
  float largest[LANE_ROWS], sum[LANE_ROWS]; /* sum: over its own keys */
  sum_fragment context[VALUE_SUMS];
} lane_sums;

/* ---- into local memory ------------------------------------------------------------------------------------------- */

/* CHUNK elements, stored as `type`. Floats are what a cache held, and exact in the unit's type. */
chunk fetch(int type, global const void *from, size_t at) {
  if (type == UNIT_TYPE) return *(global const chunk *)((global const ushort *)from + at);
#if ROWS_OF_8
  const float4 lo = load_stored4(type, from, at), hi = load_stored4(type, from, at + 4);
  return (chunk)(to_operand(lo.x), to_operand(lo.y), to_operand(lo.z), to_operand(lo.w), to_operand(hi.x),
                 to_operand(hi.y), to_operand(hi.z), to_operand(hi.w));
#else
  return to_operand(load_stored(type, from, at));
#endif
}

/* The work-item's i-th row of a tile of rows of `width` elements, and the first of its columns. */
int copied_row(int i, const int width) {
  return get_local_id(0) / ACROSS(width) + i * DOWN(width);
}

int first_copied(const int width) {
  return get_local_id(0) % ACROSS(width) * CHUNK;
}

/* Copies `count` rows of `dim` elements, from row `first` on, to a tile. Its rows are `width` elements long; those
 * behind the end of a row are 0. */
void load_tile(int type, const tile_rows rows, int first, const int count, const int dim, const int width, int tile_row,
               local ushort *tile) {
  UNROLL_COPIES
  for (int i = 0; i < ROUNDS(count, width); ++i) {
    const int r = copied_row(i, width);
    if (count % DOWN(width) != 0 && r >= count) break;
    const size_t at = rows.at + (uint)min(first + r, rows.end - 1) * rows.stride;
    UNROLL
    for (int c = first_copied(width); c < width; c += ACROSS(width) * CHUNK)
      *(local chunk *)(tile + r * tile_row + c) = c < dim ? fetch(type, rows.from, at + c) : (chunk)(0);
  }
}

/* Replaces a NaN or an infinity by 0; true if there is one. Where all bits of an exponent are set, adding its lowest
 * bit carries into the sign's place. */
int replace_others(chunk *values) {
#if ROWS_OF_8
  const uint4 exponents = as_uint4(*values) & EXPONENT * 0x10001u;
  const uint4 carried = exponents + (EXPONENT & -EXPONENT) * 0x10001u;
  const int found = ((carried.x | carried.y | carried.z | carried.w) & 0x80008000u) != 0;
  if (found) *values &= ~as_ushort8((*values & (chunk)(EXPONENT)) == (chunk)(EXPONENT));
  return found;
#else
  const int other = (*values & EXPONENT) == EXPONENT;
  if (other) *values = 0;
  return other;
#endif
}

/* As load_tile, for a tile of values, transposed where the unit wants that. True if a value was replaced. */
int load_values(const tile_rows rows, int key0, local ushort *tile) {
  int found = 0;
  UNROLL_COPIES
  for (int i = 0; i < ROUNDS(BLOCK_KEYS, WIDTH); ++i) {
    const int key = copied_row(i, WIDTH);
    if (BLOCK_KEYS % DOWN(WIDTH) != 0 && key >= BLOCK_KEYS) break;
    const size_t at = rows.at + (uint)min(key0 + key, rows.end - 1) * rows.stride;
    UNROLL
    for (int c = first_copied(WIDTH); c < WIDTH; c += ACROSS(WIDTH) * CHUNK) {
      chunk values = c < VALUE_DIM ? fetch(V_TYPE, rows.from, at + c) : (chunk)(0);
      found |= replace_others(&values);
#if !TRANSPOSED_VALUES
      *(local chunk *)(tile + key * VALUE_ROW + c) = values;
#elif ROWS_OF_8
      tile[c * VALUE_ROW + key] = values.s0;
      tile[(c + 1) * VALUE_ROW + key] = values.s1;
      tile[(c + 2) * VALUE_ROW + key] = values.s2;
      tile[(c + 3) * VALUE_ROW + key] = values.s3;
      tile[(c + 4) * VALUE_ROW + key] = values.s4;
      tile[(c + 5) * VALUE_ROW + key] = values.s5;
      tile[(c + 6) * VALUE_ROW + key] = values.s6;
      tile[(c + 7) * VALUE_ROW + key] = values.s7;
#else
      tile[c * VALUE_ROW + key] = values;
#endif
    }
  }
  return found;
}

/* Sets a lane's fragments of queries. They pass through the tile, as many sub-groups' at a time as it holds. */
void load_queries(const matrix_unit unit, const tile_rows rows, int first, int sub_group, local ushort *tile,
                  left_fragment query[DEPTH_STEPS]) {
  for (int done = 0; done < SUB_GROUPS; done += GROUPS_AT_ONCE) {
    load_tile(Q_TYPE, rows, first + done * UNIT_ROWS, GROUPS_AT_ONCE * UNIT_ROWS, HEAD_DIM, DEPTH, KEY_ROW, tile);
    barrier(CLK_LOCAL_MEM_FENCE); /* they are complete before anyone reads them */
    if (sub_group / GROUPS_AT_ONCE == done / GROUPS_AT_ONCE) {
      UNROLL
      for (int d = 0; d < DEPTH_STEPS; ++d)
        query[d] = load_left(unit, tile + (sub_group - done) * UNIT_ROWS * KEY_ROW + d * UNIT_DEPTH, KEY_ROW);
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
}

/* ---- scores and weights ------------------------------------------------------------------------------------------ */

/* The first of a lane's elements of its r-th row. */
#define FIRST_OF_ROW(r) ((r) * (SUM_VALUES / LANE_ROWS))

/* Whether this lane is the first of those that share its rows. */
int is_first_of_row(const matrix_unit unit) {
  return (unit.lane & (MATRIX_END_BIT(MATRIX_UNIT) - MATRIX_FIRST_BIT(MATRIX_UNIT))) == 0;
}

/* score = Q . K^T for a tile of keys. */
void multiply_keys(const matrix_unit unit, const left_fragment query[DEPTH_STEPS], local const ushort *keys,
                   sum_fragment score[KEY_SUMS]) {
  UNROLL
  for (int n = 0; n < KEY_SUMS; ++n) {
    UNROLL
    for (int i = 0; i < SUM_VALUES; ++i) score[n].value[i] = 0.0f;
    UNROLL
    for (int d = 0; d < DEPTH_STEPS; ++d)
      multiply_add(unit, query[d], load_right(unit, keys + n * UNIT_COLUMNS * KEY_ROW + d * UNIT_DEPTH, KEY_ROW),
                   &score[n]);
  }
}

/* From products to scores, times `scale`; as in common/fused_block.cl. `first`: the sub-group's first row. */
void finish_scores(const attention a, float scale, const block_rows b, const matrix_unit unit, int first, int key0,
                   global const void *mask, global const float *slopes, sum_fragment score[KEY_SUMS]) {
  key_span span;
  find_span(a, b.s, &span);
  /* If the last row sees the first key, and the first row the last key, all rows see all keys. */
  if (is_plain(a, slopes) && key0 + BLOCK_KEYS <= b.key_end && is_seen(span, b.end - 1, key0) &&
      is_seen(span, b.first, key0 + BLOCK_KEYS - 1)) {
    if (scale == 1.0f) return;
    UNROLL
    for (int n = 0; n < KEY_SUMS; ++n) UNROLL
    for (int i = 0; i < SUM_VALUES; ++i) score[n].value[i] *= scale;
    return;
  }
  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) {
    const int row = first + sum_row(MATRIX_UNIT, unit.lane, FIRST_OF_ROW(r));
    row_view view;
    view_row(a, b.s, min(row, b.end - 1), mask, slopes, &view);
    UNROLL
    for (int n = 0; n < KEY_SUMS; ++n) UNROLL
    for (int i = FIRST_OF_ROW(r); i < FIRST_OF_ROW(r + 1); ++i) {
      const int key = key0 + n * UNIT_COLUMNS + sum_column(MATRIX_UNIT, unit.lane, i);
      const float scaled = score[n].value[i] * scale;
      const int seen = (key < b.key_end) & is_seen(span, row, key);
      score[n].value[i] = seen ? mask_score(a, view, key, softcap_score(a, scaled)) : -INFINITY;
    }
  }
}

/* Turns scores into weights: exps are 2^(power * (score - largest)). Where a maximum has grown, the row's sums so far
 * shrink. */
void find_weights(const matrix_unit unit, float power, int headroom, sum_fragment score[KEY_SUMS], lane_sums *sums) {
  float larger[LANE_ROWS], factor[LANE_ROWS];
  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) larger[r] = sums->largest[r];
  UNROLL
  for (int n = 0; n < KEY_SUMS; ++n) find_largest(score[n], larger);
  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) {
    larger[r] = row_max(unit, larger[r]);
    factor[r] = larger[r] > sums->largest[r] ? power_of_2((sums->largest[r] - larger[r]) * power) : 1.0f;
    sums->largest[r] = larger[r];
    sums->sum[r] *= factor[r];
  }
  UNROLL
  for (int n = 0; n < VALUE_SUMS; ++n) scale_rows(factor, &sums->context[n]);
  UNROLL
  for (int n = 0; n < KEY_SUMS; ++n) UNROLL
  for (int i = 0; i < SUM_VALUES; ++i) {
    const int r = MATRIX_LANE_ROW(MATRIX_UNIT, i);
    const float live = power_of_2((score[n].value[i] - larger[r]) * power - headroom);
    score[n].value[i] = score[n].value[i] == -INFINITY ? MASKED_WEIGHT : live;
    sums->sum[r] += score[n].value[i];
  }
}

/* ---- context ----------------------------------------------------------------------------------------------------- */

/* context += weights . V for a tile of values. */
void multiply_values(const matrix_unit unit, const sum_fragment weight[KEY_SUMS], local const ushort *values,
                     lane_sums *sums) {
  UNROLL
  for (int key = 0; key < BLOCK_KEYS; key += UNIT_DEPTH) {
    const left_fragment left = left_of_sums(unit, weight + key / UNIT_COLUMNS);
    UNROLL
    for (int n = 0; n < VALUE_SUMS; ++n)
      multiply_add(unit, left, LOAD_VALUES(unit, values, key, n * UNIT_COLUMNS), &sums->context[n]);
  }
}

/* Adds the products of values that are not finite, which the tile has not, key by key. `shown` is local memory for one
 * weight of each row. */
void add_others(const matrix_unit unit, const tile_rows rows, int key0, const sum_fragment weight[KEY_SUMS],
                local float *shown, lane_sums *sums) {
  for (int key = 0; key < BLOCK_KEYS; ++key) {
    const size_t at = rows.at + (uint)min(key0 + key, rows.end - 1) * rows.stride;
    UNROLL
    for (int n = 0; n < KEY_SUMS; ++n) UNROLL
    for (int i = 0; i < SUM_VALUES; ++i)
      if (n * UNIT_COLUMNS + sum_column(MATRIX_UNIT, unit.lane, i) == key)
        shown[sum_row(MATRIX_UNIT, unit.lane, i)] = weight[n].value[i];
    barrier(CLK_LOCAL_MEM_FENCE); /* the weights of this key are shown */
    UNROLL
    for (int n = 0; n < VALUE_SUMS; ++n) UNROLL
    for (int i = 0; i < SUM_VALUES; ++i) {
      const int c = n * UNIT_COLUMNS + sum_column(MATRIX_UNIT, unit.lane, i);
      const float of_row = shown[sum_row(MATRIX_UNIT, unit.lane, i)];
      const float value = c < VALUE_DIM && !is_masked(of_row) ? load_stored(V_TYPE, rows.from, at + c) : 0.0f;
      if (!isfinite(value)) sums->context[n].value[i] += of_row * value;
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

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
  const int blocks = (a.query_len + BLOCK_ROWS - 1) / BLOCK_ROWS;
  const int pair = group_id(0), row0 = (blocks - 1 - (int)group_id(1)) * BLOCK_ROWS;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  /* The block's first row gives the first visible key, its last row the last. */
  const int row_end = min(row0 + BLOCK_ROWS, s.query_len), headroom = BFLOAT16 ? headroom_of(s.key_len) : 0;
  const block_rows block = {s, row0, row_end, row0 < row_end ? end_key(a, s, row_end - 1) : 0};
  const tile_rows queries = {q, query_offset(a, a.q, s), a.q.row, row_end};
  const tile_rows keys = {k, key_offset(a, a.k, s), a.k.row, block.key_end};
  const tile_rows values = {v, key_offset(a, a.v, s), a.v.row, block.key_end};
  const float sink = head_sink(sinks, s), no_sum = sink_part(sink, headroom);
  /* Plain scores stay products: exp multiplies its argument by log2 e, and with that by the scale. A scale above 0
   * keeps their order. A sink is a score. */
  const int are_products = is_plain(a, slopes) && !sinks && a.scale > 0.0f;
  const float scale = are_products ? 1.0f : a.scale, scale_left = are_products ? a.scale : 1.0f;
  const int first = row0 + sub_group * UNIT_ROWS; /* the sub-group's first row */
  const int first_of_row = is_first_of_row(unit), key_begin = first_key(a, s, row0);

  left_fragment query[DEPTH_STEPS];
  lane_sums sums;
  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) {
    sums.largest[r] = sink;
    sums.sum[r] = first_of_row ? no_sum : 0.0f;
  }
  UNROLL
  for (int n = 0; n < VALUE_SUMS; ++n) UNROLL
  for (int i = 0; i < SUM_VALUES; ++i) sums.context[n].value[i] = 0.0f;

  if (key_begin < block.key_end)
    load_queries(unit, queries, row0, sub_group, tile, query); /* else there may be no row */
  for (int key0 = key_begin; key0 < block.key_end; key0 += BLOCK_KEYS) {
    sum_fragment score[KEY_SUMS];
    load_tile(K_TYPE, keys, key0, BLOCK_KEYS, HEAD_DIM, DEPTH, KEY_ROW, tile);
    if (get_local_id(0) == 0) found[0] = 0;
    barrier(CLK_LOCAL_MEM_FENCE); /* the keys are complete before anyone reads them, and found is 0 */
    multiply_keys(unit, query, tile, score);
    barrier(CLK_LOCAL_MEM_FENCE);                      /* everyone has read them before they are overwritten */
    if (load_values(values, key0, tile)) found[0] = 1; /* all writers write the same value */
    finish_scores(a, scale, block, unit, first, key0, mask, slopes, score);
    find_weights(unit, scale_left * M_LOG2E_F, headroom, score, &sums);
    barrier(CLK_LOCAL_MEM_FENCE); /* the values are complete */
    multiply_values(unit, score, tile, &sums);
    if (found[0]) add_others(unit, values, key0, score, shown + sub_group * UNIT_ROWS, &sums);
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read the values before they are overwritten */
  }

  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) {
    const int row = first + sum_row(MATRIX_UNIT, unit.lane, FIRST_OF_ROW(r)), exists = row < row_end;
    const float all = row_sum(unit, sums.sum[r]), sum = exists ? all : no_sum;
    const float largest = exists ? sums.largest[r] : sink;
    const size_t at = query_offset(a, a.context, s) + row * a.context.row;
    if (row >= a.query_len) continue;
    UNROLL
    for (int n = 0; n < VALUE_SUMS; ++n) UNROLL
    for (int i = FIRST_OF_ROW(r); i < FIRST_OF_ROW(r + 1); ++i) {
      const int c = n * UNIT_COLUMNS + sum_column(MATRIX_UNIT, unit.lane, i);
      if (exists && c < VALUE_DIM)
        store_stored(a.context_type, sums.context[n].value[i] / (sum == 0.0f ? 1.0f : sum), context, at + c);
    }
    if (first_of_row) store_fused_lse(a, lse, pair, row, largest * scale_left, sum, headroom);
  }
}
