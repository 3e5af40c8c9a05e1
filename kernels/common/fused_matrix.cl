/* What rungs of fused that multiply in a matrix unit share. Include common/fused.cl and common/matrix_unit.cl first;
 * compile with SUB_GROUPS, ROW_TILES and BLOCK_KEYS. A work-group processes BLOCK_ROWS query rows of a pair, GROUP_ROWS
 * for each of its sub-groups, and goes through their keys, BLOCK_KEYS at a time.
 *
 * HEADS_TOGETHER 1: the rows come from all query heads that share a KV head, head after head; 0: from one head. A line
 * is a row, numbered through the heads.
 */
#ifndef HEADS_TOGETHER
#define HEADS_TOGETHER 0
#endif
#define GROUP_ROWS (ROW_TILES * UNIT_ROWS)
#define BLOCK_ROWS (SUB_GROUPS * GROUP_ROWS)
#define ITEMS (SUB_GROUPS * UNIT_LANES)

/* Numbers of fragments and of sums that a lane has. */
#define ROUNDED_UP(size, step) (((size) + (step)-1) / (step) * (step))
#define DEPTH ROUNDED_UP(HEAD_DIM, UNIT_DEPTH)
#define WIDTH ROUNDED_UP(VALUE_DIM, STRIP *UNIT_COLUMNS)
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
#define LOAD_VALUES(unit, values, key, column) load_strip(unit, (values) + (column)*VALUE_ROW + (key), VALUE_ROW)
#else
#define VALUE_ROW (WIDTH + 8)
#define VALUES_END (BLOCK_KEYS * VALUE_ROW)
#define LOAD_VALUES(unit, values, key, column) load_strip_across(unit, (values) + (key)*VALUE_ROW + (column), VALUE_ROW)
#endif
#define KEYS_END (BLOCK_KEYS * KEY_ROW)
#define TILE_ELEMENTS (KEYS_END > VALUES_END ? KEYS_END : VALUES_END)

/* Row tiles whose queries fit into the tile together. */
#define QUERIES_AT_ONCE (BLOCK_KEYS < BLOCK_ROWS ? BLOCK_KEYS / UNIT_ROWS : SUB_GROUPS * ROW_TILES)

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
/* Copies in unrolled loops are under way together. NVIDIA's compiler has registers for all of them if context leaves it
 * these; others want them for other things, and Intel's has none left at head_dim 128. */
#if MATRIX_IS_MMA(MATRIX_UNIT) && ROW_TILES * WIDTH < 128
#define UNROLL_COPIES UNROLL
#elif MATRIX_IS_DPAS(MATRIX_UNIT)
#define UNROLL_COPIES _Pragma("unroll 1")
#else
#define UNROLL_COPIES _Pragma("unroll 2")
#endif

/* ACROSS work-items share a row of a tile, which has `width` elements: each takes every ACROSS-th chunk of it, the same
 * chunks in each of its rows. All work-items together copy DOWN rows at a time. */
#define POWER_OF_2_FROM(n) ((n) <= 4 ? 4 : (n) <= 8 ? 8 : (n) <= 16 ? 16 : (n) <= 32 ? 32 : (n) <= 64 ? 64 : 128)
#define ACROSS(width) (POWER_OF_2_FROM((width) / CHUNK) < ITEMS ? POWER_OF_2_FROM((width) / CHUNK) : ITEMS)
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
  size_t at, stride;       /* where row 0 begins, and from one row to the next */
  int end;                 /* rows from here on repeat the last; they are masked or not stored */
  global const int *table; /* with PAGES, of keys and values: the numbers of the sequence's pages */
  int page_len;
  int head_lines, head_rows; /* with HEADS_TOGETHER, of queries: lines of a head, and how many of them exist */
  size_t head;               /* from one head to the next */
} tile_rows;

/* The rows of a work-group. */
typedef struct block_rows {
  sequence s;             /* its head is the first of the block's heads */
  int pair, first, end;   /* the pair of this head; lines */
  int first_row, row_end; /* of each head; all rows of the block are among them */
  int key_begin, key_end; /* the first key that a row sees, and behind the last, or those of a part of the keys */
} block_rows;

/* How products become weights. Plain scores stay products: exp multiplies its argument by log2 e, and with that by the
 * scale. A scale above 0 keeps their order. A sink is a score. */
typedef struct score_scale {
  float now, left; /* what scores are multiplied by, and what is left for exp */
  int headroom;
  float sink, no_sum; /* of a row without keys: the maximum, and the sum */
} score_scale;

/* The running results of a lane for a row tile. */
typedef struct lane_sums {
  float largest[LANE_ROWS], sum[LANE_ROWS]; /* sum: over its own keys */
  float shrink[LANE_ROWS];                  /* by which the context so far is still to be multiplied */
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

/* The row's number in its head, in a block that has rows; *s becomes that head's. There may be no such row: then the
 * nearest, which is computed twice and stored once, and *exists is 0. */
int place_row(const attention a, const block_rows b, int line, sequence *s, int *exists) {
  *s = b.s;
#if HEADS_TOGETHER
  const int nearest = min(line, b.end - 1), head = nearest / a.query_len, row = nearest - head * a.query_len;
  s->head += head;
  *exists = line < b.end && row < b.row_end;
  return min(row, b.row_end - 1);
#else
  *exists = line < b.end;
  return min(line, b.end - 1);
#endif
}

/* Where a row begins. */
size_t row_begin(const tile_rows rows, int row) {
  const int nearest = min(row, rows.end - 1);
#if HEADS_TOGETHER
  if (rows.head_lines > 0) {
    const int head = nearest / rows.head_lines;
    return rows.at + head * rows.head + (uint)min(nearest - head * rows.head_lines, rows.head_rows - 1) * rows.stride;
  }
#endif
#if PAGES
  if (rows.table) return rows.at + place_in_pages(rows.table, rows.page_len, nearest) * rows.stride;
#endif
  return rows.at + (uint)nearest * rows.stride;
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
    const size_t at = row_begin(rows, first + r);
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

/* Values of a key, from column c on, into a tile, transposed where the unit wants that. */
void store_values(const chunk values, int key, int c, local ushort *tile) {
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

/* As load_tile, for a tile of values. True if a value was replaced. */
int load_values(const tile_rows rows, int key0, local ushort *tile) {
  int found = 0;
  UNROLL_COPIES
  for (int i = 0; i < ROUNDS(BLOCK_KEYS, WIDTH); ++i) {
    const int key = copied_row(i, WIDTH);
    if (BLOCK_KEYS % DOWN(WIDTH) != 0 && key >= BLOCK_KEYS) break;
    const size_t at = row_begin(rows, key0 + key);
    UNROLL
    for (int c = first_copied(WIDTH); c < WIDTH; c += ACROSS(WIDTH) * CHUNK) {
      chunk values = c < VALUE_DIM ? fetch(V_TYPE, rows.from, at + c) : (chunk)(0);
      found |= replace_others(&values);
      store_values(values, key, c, tile);
    }
  }
  return found;
}

/* Sets a lane's fragments of queries. They pass through the tile, those of as many row tiles at a time as it holds. */
void load_queries(const matrix_unit unit, const tile_rows rows, int first, int sub_group, local ushort *tile,
                  left_fragment query[ROW_TILES][DEPTH_STEPS]) {
  for (int done = 0; done < SUB_GROUPS * ROW_TILES; done += QUERIES_AT_ONCE) {
    load_tile(Q_TYPE, rows, first + done * UNIT_ROWS, QUERIES_AT_ONCE * UNIT_ROWS, HEAD_DIM, DEPTH, KEY_ROW, tile);
    barrier(CLK_LOCAL_MEM_FENCE); /* they are complete before anyone reads them */
    UNROLL
    for (int t = 0; t < ROW_TILES; ++t) {
      const int row_tile = sub_group * ROW_TILES + t;
      if (row_tile / QUERIES_AT_ONCE != done / QUERIES_AT_ONCE) continue;
      UNROLL
      for (int d = 0; d < DEPTH_STEPS; ++d)
        query[t][d] = load_left(unit, tile + (row_tile - done) * UNIT_ROWS * KEY_ROW + d * UNIT_DEPTH, KEY_ROW);
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
}

/* ---- scores and weights ------------------------------------------------------------------------------------------ */

/* The first of a lane's elements of its r-th row. */
#define FIRST_OF_ROW(r) ((r) * (SUM_VALUES / LANE_ROWS))

/* Below this, rounding the exponent of a row's largest score changes all its weights alike, by less than 2^-17 of each;
 * to round a weight to half changes it by up to 2^-12. */
#define USUAL_EXPONENT 256.0f

/* Whether this lane is the first of those that share its rows. */
int is_first_of_row(const matrix_unit unit) {
  return (unit.lane & (MATRIX_END_BIT(MATRIX_UNIT) - MATRIX_FIRST_BIT(MATRIX_UNIT))) == 0;
}

/* score = Q . K^T for a tile of keys. Each fragment of keys is loaded once for all row tiles. */
void multiply_keys(const matrix_unit unit, const left_fragment query[ROW_TILES][DEPTH_STEPS], local const ushort *keys,
                   sum_fragment score[ROW_TILES][KEY_SUMS]) {
  UNROLL
  for (int t = 0; t < ROW_TILES; ++t) UNROLL
  for (int n = 0; n < KEY_SUMS; ++n) UNROLL
  for (int i = 0; i < SUM_VALUES; ++i) score[t][n].value[i] = 0.0f;
  UNROLL
  for (int n = 0; n < KEY_SUMS; n += STRIP) {
    UNROLL
    for (int d = 0; d < DEPTH_STEPS; ++d) {
      const right_strip strip = load_strip(unit, keys + n * UNIT_COLUMNS * KEY_ROW + d * UNIT_DEPTH, KEY_ROW);
      UNROLL
      for (int t = 0; t < ROW_TILES; ++t) UNROLL
      for (int i = 0; i < STRIP; ++i) multiply_add(unit, query[t][d], strip.right[i], &score[t][n + i]);
    }
  }
}

/* From products to scores of a row tile, whose first row is `first`; as in common/fused_block.cl. */
void finish_scores(const attention a, const score_scale scale, const block_rows b, const matrix_unit unit, int first,
                   int key0, global const void *mask, global const float *slopes, sum_fragment score[KEY_SUMS]) {
  key_span span;
  find_span(a, b.s, &span);
  /* If the last row sees the first key, and the first row the last key, all rows see all keys. */
  if (is_plain(a, slopes) && key0 + BLOCK_KEYS <= b.key_end && is_seen(span, b.row_end - 1, key0) &&
      is_seen(span, b.first_row, key0 + BLOCK_KEYS - 1)) {
    if (scale.now == 1.0f) return;
    UNROLL
    for (int n = 0; n < KEY_SUMS; ++n) UNROLL
    for (int i = 0; i < SUM_VALUES; ++i) score[n].value[i] *= scale.now;
    return;
  }
  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) {
    int exists;
    sequence of_row;
    row_view view;
    const int row = place_row(a, b, first + sum_row(MATRIX_UNIT, unit.lane, FIRST_OF_ROW(r)), &of_row, &exists);
    view_row(a, of_row, row, mask, slopes, &view);
    UNROLL
    for (int n = 0; n < KEY_SUMS; ++n) UNROLL
    for (int i = FIRST_OF_ROW(r); i < FIRST_OF_ROW(r + 1); ++i) {
      const int key = key0 + n * UNIT_COLUMNS + sum_column(MATRIX_UNIT, unit.lane, i);
      const float scaled = score[n].value[i] * scale.now;
      const int seen = (key < b.key_end) & is_seen(span, row, key);
      score[n].value[i] = seen ? mask_score(a, view, key, softcap_score(a, scaled)) : -INFINITY;
    }
  }
}

/* Turns the scores of a lane's r-th row into weights, 2^(power * (score - largest) - headroom). */
void weigh_row(const matrix_unit unit, int r, float power, int headroom, sum_fragment score[KEY_SUMS],
               lane_sums *sums) {
  const float exponent = sums->largest[r] * power + headroom;
  float total = 0.0f; /* not finite if a score is -infinity, that of a masked key; quicker than to look at each */
  UNROLL
  for (int n = 0; n < KEY_SUMS; ++n) UNROLL
  for (int i = FIRST_OF_ROW(r); i < FIRST_OF_ROW(r + 1); ++i) total += score[n].value[i];
  if (any_lane(unit, !isfinite(total) || fabs(exponent) >= USUAL_EXPONENT)) {
    UNROLL
    for (int n = 0; n < KEY_SUMS; ++n) UNROLL
    for (int i = FIRST_OF_ROW(r); i < FIRST_OF_ROW(r + 1); ++i) {
      const float live = power_of_2((score[n].value[i] - sums->largest[r]) * power - headroom);
      score[n].value[i] = score[n].value[i] == -INFINITY ? MASKED_WEIGHT : live;
    }
  } else {
    UNROLL
    for (int n = 0; n < KEY_SUMS; ++n) UNROLL
    for (int i = FIRST_OF_ROW(r); i < FIRST_OF_ROW(r + 1); ++i)
      score[n].value[i] = power_of_2(fma(score[n].value[i], power, -exponent));
  }
  UNROLL
  for (int n = 0; n < KEY_SUMS; ++n) UNROLL
  for (int i = FIRST_OF_ROW(r); i < FIRST_OF_ROW(r + 1); ++i) sums->sum[r] += score[n].value[i];
}

/* Turns scores of a row tile into weights. Where a maximum has grown, the row's sums so far shrink: sum here, context
 * in multiply_values. */
void find_weights(const matrix_unit unit, const score_scale scale, sum_fragment score[KEY_SUMS], lane_sums *sums) {
  const float power = scale.left * M_LOG2E_F;
  float larger[LANE_ROWS];
  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) larger[r] = sums->largest[r];
  UNROLL
  for (int n = 0; n < KEY_SUMS; ++n) find_largest(score[n], larger);
  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) {
    larger[r] = row_max(unit, larger[r]);
    sums->shrink[r] = larger[r] > sums->largest[r] ? power_of_2((sums->largest[r] - larger[r]) * power) : 1.0f;
    sums->largest[r] = larger[r];
    sums->sum[r] *= sums->shrink[r];
  }
  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) weigh_row(unit, r, power, scale.headroom, score, sums);
}

/* ---- context ----------------------------------------------------------------------------------------------------- */

/* context = context * shrink + weights . V for a tile of values. Sums shrink right before the first product is added:
 * if all do at once, Intel's compiler holds the old ones and the new ones, and spills. */
void multiply_values(const matrix_unit unit, const sum_fragment weight[ROW_TILES][KEY_SUMS], local const ushort *values,
                     lane_sums sums[ROW_TILES]) {
  UNROLL
  for (int key = 0; key < BLOCK_KEYS; key += UNIT_DEPTH) {
    left_fragment left[ROW_TILES];
    UNROLL
    for (int t = 0; t < ROW_TILES; ++t) left[t] = left_of_sums(unit, weight[t] + key / UNIT_COLUMNS);
    UNROLL
    for (int n = 0; n < VALUE_SUMS; n += STRIP) {
      const right_strip strip = LOAD_VALUES(unit, values, key, n * UNIT_COLUMNS);
      UNROLL
      for (int t = 0; t < ROW_TILES; ++t) UNROLL
      for (int i = 0; i < STRIP; ++i) {
        if (key == 0) scale_rows(sums[t].shrink, &sums[t].context[n + i]);
        multiply_add(unit, left[t], strip.right[i], &sums[t].context[n + i]);
      }
    }
  }
}

/* Adds the products of values that are not finite, which the tile has not, key by key. `shown` is local memory for one
 * weight of each row of the sub-group. */
void add_others(const matrix_unit unit, const tile_rows rows, int key0, const sum_fragment weight[ROW_TILES][KEY_SUMS],
                local float *shown, lane_sums sums[ROW_TILES]) {
  for (int key = 0; key < BLOCK_KEYS; ++key) {
    const size_t at = row_begin(rows, key0 + key);
    UNROLL
    for (int t = 0; t < ROW_TILES; ++t) UNROLL
    for (int n = 0; n < KEY_SUMS; ++n) UNROLL
    for (int i = 0; i < SUM_VALUES; ++i)
      if (n * UNIT_COLUMNS + sum_column(MATRIX_UNIT, unit.lane, i) == key)
        shown[t * UNIT_ROWS + sum_row(MATRIX_UNIT, unit.lane, i)] = weight[t][n].value[i];
    barrier(CLK_LOCAL_MEM_FENCE); /* the weights of this key are shown */
    UNROLL
    for (int n = 0; n < VALUE_SUMS; ++n) UNROLL
    for (int i = 0; i < FIRST_OF_ROW(1); ++i) {
      const int c = n * UNIT_COLUMNS + sum_column(MATRIX_UNIT, unit.lane, i);
      const float value = c < VALUE_DIM ? load_stored(V_TYPE, rows.from, at + c) : 0.0f;
      if (isfinite(value)) continue;
      UNROLL
      for (int t = 0; t < ROW_TILES; ++t) UNROLL
      for (int r = 0; r < LANE_ROWS; ++r) {
        const float of_row = shown[t * UNIT_ROWS + sum_row(MATRIX_UNIT, unit.lane, FIRST_OF_ROW(r))];
        if (!is_masked(of_row)) sums[t].context[n].value[FIRST_OF_ROW(r) + i] += of_row * value;
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  }
}

/* ---- from the first row to the last ------------------------------------------------------------------------------ */

block_rows find_block(const attention a, global const int *sequences) {
  const int blocks = (a.query_len + BLOCK_ROWS - 1) / BLOCK_ROWS;
  block_rows block;
  block.pair = group_id(0);
  block.first = (blocks - 1 - (int)group_id(1)) * BLOCK_ROWS;
  find_sequence(a, sequences, block.pair, &block.s);
  block.end = min(block.first + BLOCK_ROWS, block.s.query_len);
  block.first_row = block.first;
  block.row_end = block.end;
  block.key_begin = first_key(a, block.s, block.first);
  block.key_end = block.first < block.end ? end_key(a, block.s, block.end - 1) : 0;
  return block;
}

score_scale find_scale(const attention a, const sequence s, global const float *slopes, global const float *sinks) {
  const int are_products = is_plain(a, slopes) && !sinks && a.scale > 0.0f;
  score_scale scale;
  scale.now = are_products ? 1.0f : a.scale;
  scale.left = are_products ? a.scale : 1.0f;
  scale.headroom = BFLOAT16 ? headroom_of(s.key_len) : 0;
  scale.sink = head_sink(sinks, s);
  scale.no_sum = sink_part(scale.sink, scale.headroom);
  return scale;
}

/* The sums of a row tile without keys. */
void begin_sums(const matrix_unit unit, const score_scale scale, lane_sums *sums) {
  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) {
    sums->largest[r] = scale.sink;
    sums->sum[r] = is_first_of_row(unit) ? scale.no_sum : 0.0f;
  }
  UNROLL
  for (int n = 0; n < VALUE_SUMS; ++n) UNROLL
  for (int i = 0; i < SUM_VALUES; ++i) sums->context[n].value[i] = 0.0f;
}

/* Processes all keys of the block, in one tile of local memory after the other. `first`: the sub-group's first line;
 * `shown` is its own local memory, one float for each row; found[0] is the work-group's. */
void sum_keys(const attention a, const score_scale scale, const block_rows b, const matrix_unit unit, int first,
              const tile_rows keys, const tile_rows values, global const void *mask, global const float *slopes,
              const left_fragment query[ROW_TILES][DEPTH_STEPS], local ushort *tile, local float *shown,
              local int *found, lane_sums sums[ROW_TILES]) {
  for (int key0 = b.key_begin; key0 < b.key_end; key0 += BLOCK_KEYS) {
    sum_fragment score[ROW_TILES][KEY_SUMS];
    load_tile(K_TYPE, keys, key0, BLOCK_KEYS, HEAD_DIM, DEPTH, KEY_ROW, tile);
    if (get_local_id(0) == 0) found[0] = 0;
    barrier(CLK_LOCAL_MEM_FENCE); /* the keys are complete before anyone reads them, and found is 0 */
    multiply_keys(unit, query, tile, score);
    barrier(CLK_LOCAL_MEM_FENCE);                      /* everyone has read them before they are overwritten */
    if (load_values(values, key0, tile)) found[0] = 1; /* all writers write the same value */
    UNROLL
    for (int t = 0; t < ROW_TILES; ++t) {
      finish_scores(a, scale, b, unit, first + t * UNIT_ROWS, key0, mask, slopes, score[t]);
      find_weights(unit, scale, score[t], &sums[t]);
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* the values are complete */
    multiply_values(unit, score, tile, sums);
    if (found[0]) add_others(unit, values, key0, score, shown, sums);
    barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read the values before they are overwritten */
  }
}

/* Divides a row tile, whose first row is `first`, by its rows' sums. */
void store_rows(const attention a, const score_scale scale, const block_rows b, const matrix_unit unit, int first,
                const lane_sums *sums, global void *context, global float *lse) {
  UNROLL
  for (int r = 0; r < LANE_ROWS; ++r) {
    const int row = first + sum_row(MATRIX_UNIT, unit.lane, FIRST_OF_ROW(r)), exists = row < b.end;
    const float all = row_sum(unit, sums->sum[r]), sum = exists ? all : scale.no_sum;
    const float largest = exists ? sums->largest[r] : scale.sink;
    const size_t at = query_offset(a, a.context, b.s) + row * a.context.row;
    if (row >= a.query_len) continue;
    UNROLL
    for (int n = 0; n < VALUE_SUMS; ++n) UNROLL
    for (int i = FIRST_OF_ROW(r); i < FIRST_OF_ROW(r + 1); ++i) {
      const int c = n * UNIT_COLUMNS + sum_column(MATRIX_UNIT, unit.lane, i);
      if (exists && c < VALUE_DIM)
        store_stored(a.context_type, sums->context[n].value[i] / (sum == 0.0f ? 1.0f : sum), context, at + c);
    }
    if (is_first_of_row(unit)) store_fused_lse(a, lse, b.pair, row, largest * scale.left, sum, scale.headroom);
  }
}
