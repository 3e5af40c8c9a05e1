/* fused, rung 5: one query per lane, strips of keys and values for many queries (target: CPU). Formula and arguments
 * as in rung 1.
 *
 * One work-item, a work-group of its own, processes group_rows queries of a head in blocks of VECTORS * 16. All vectors
 * run along the queries, so each lane holds the maximum and sum of its own row and never needs another lane:
 *
 *     scores:  scores[key][query]  = sum over c of k[key][c] * queries[c][query]
 *     weights: scores[key][query]  = 2^(scores[key][query] - maximum[query])
 *     sums:    values[c][query]   += sum over the keys of v[key][c] * scores[key][query]
 *
 * The blocks go through the keys together, strip by strip of STRIP keys, so that K and V pass through the caches once
 * for group_rows queries. The host chooses group_rows: many enough for that, few enough to keep all compute units busy.
 * The products take one number of k or v at a time and broadcast it to all lanes. The queries are transposed once, and
 * the results are transposed back. Both products keep tiles of TILE_KEYS or TILE_DIMS times VECTORS sums in registers.
 *
 * If scores are nothing but scaled products, the queries are multiplied by scale and log2(e) first, so that a weight is
 * a power of two and needs no further product. The maximum is then rounded up to an integer, so that rescaling changes
 * only exponents. If the scale is far from 1, the queries are not multiplied by it: they could underflow.
 *
 * A tile of keys skips the leading vectors if all their rows end before its keys, as with causality. Rows whose window
 * starts after its keys are computed and masked.
 *
 * If a sum of a block is not finite, or a row has no weight at all, the block is computed again with more care.
 * Queries are then not scaled, in case that caused the overflow, and masked keys are skipped one by one, because 0
 * times a value that is not finite is not 0.
 *
 * Wins on CPU devices. Loses on GPUs: a work-group of one leaves all but one lane idle.
 */
#ifndef VECTORS
#define VECTORS 4 /* 1, 2, 4 */
#endif
#ifndef TILE_KEYS
#define TILE_KEYS 4 /* 4, 6, 8 */
#endif
#ifndef TILE_DIMS
#define TILE_DIMS 6 /* 4, 6, 8 */
#endif
#ifndef STRIP
#define STRIP 128 /* 64, 128, 256, 512 */
#endif
#ifndef QUERIES
#define QUERIES 256 /* 16, 32, 64, 128, 256: the most that a work-item processes, but at least one block */
#endif
#ifndef KEYS_FROM
#define KEYS_FROM 1 /* 1, 2: common/parts.h */
#endif
#include "common/group.cl"
#include "common/transpose.cl"
#include "common/vector_block.cl"

#define ALL_VECTORS (QUERIES > BLOCK_ROWS ? QUERIES / 16 : VECTORS)
#define LOG_2 0.693147181f
#define LEAST_FOLDED 1e-3f
#define MOST_FOLDED 1.0f

/* Floats from one row to the next in the copy of a strip, and vectors of the whole copy. */
#define ROW_OF(columns) (((columns) + 15) / 16 * 16)
#define COPY_VECTORS(columns) (STRIP_KEYS * ROW_OF(columns) / 16)

/* ---- into local memory ------------------------------------------------------------------------------------------- */

void load_queries(const attention a, const block b, global const void *q, size_t at, float factor) {
  for (int lane = 0; lane < BLOCK_ROWS; lane += 8) {
    local float *to = (local float *)b.queries + lane;
    size_t from[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) from[i] = at + row_of_lane(b, lane + i) * a.q.row;
    for (int c0 = 0; c0 + 8 <= HEAD_DIM; c0 += 8) {
      float8 rows[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) rows[i] = load_stored8(Q_TYPE, q, from[i] + c0) * factor;
      transpose8(rows);
#pragma unroll
      for (int i = 0; i < 8; ++i) *(local float8 *)(to + (c0 + i) * BLOCK_ROWS) = rows[i];
    }
    for (int c = HEAD_DIM / 8 * 8; c < HEAD_DIM; ++c)
      for (int i = 0; i < 8; ++i) to[c * BLOCK_ROWS + i] = load_stored(Q_TYPE, q, from[i] + c) * factor;
  }
}

void begin_block(const attention a, const sequence s, const block b, global const void *q, float factor, float sink) {
  load_queries(a, b, q, query_offset(a, a.q, s), factor);
  for (int v = 0; v < VECTORS; ++v) {
    for (int i = 0; i < 16; ++i) {
      const int row = row_of_lane(b, v * 16 + i);
      ((local int *)(b.first + v))[i] = is_idle(b, v) ? 0 : first_key(a, s, row);
      ((local int *)(b.end + v))[i] = is_idle(b, v) ? 0 : end_key(a, s, row);
    }
    b.largest[v] = sink;
    b.sums[v] = 0.0f;
  }
  for (int i = 0; i < VALUE_DIM * VECTORS; ++i) b.values[i] = 0.0f;
}

/* Copies `keys` rows of k or v as floats. */
INLINE void copy_rows(const int type, global const void *from, size_t at, size_t row, int keys, const int columns,
                      local float *to) {
  for (int key = 0; key < keys; ++key, at += row, to += ROW_OF(columns)) {
#pragma unroll
    for (int c = 0; c + 16 <= columns; c += 16) *(local float16 *)(to + c) = load_stored16(type, from, at + c);
    for (int c = columns / 16 * 16; c < columns; ++c) to[c] = load_stored(type, from, at + c);
  }
}

/* ---- blocks and strips ------------------------------------------------------------------------------------------- */

/* The i-th block of those that share the memory of `all`. */
block block_at(const block all, int i) {
  block b = all;
  const int v = i * VECTORS;
  b.queries += v * HEAD_DIM;
  b.values += v * VALUE_DIM;
  b.largest += v;
  b.most += v;
  b.sums += v;
  b.first += v;
  b.end += v;
  b.row0 += max(i * BLOCK_ROWS - all.lead, 0);
  b.lead = i == 0 ? all.lead : 0;
  return b;
}

void attend_strip(const attention a, const sequence s, const block b, const strip keys, global const void *mask,
                  global const float *slopes, int careful) {
  local const int *end = (local const int *)b.end;
  const int tiles = (keys.keys + TILE_KEYS - 1) / TILE_KEYS;
  int bound[VECTORS]; /* end of the whole tiles that each vector sees */
  for (int i = 0; i < VECTORS; ++i) {
    const int seen = (end[i * 16 + 15] - keys.key0 + TILE_KEYS - 1) / TILE_KEYS;
    bound[i] = clamp(seen, 0, tiles) * TILE_KEYS;
    b.most[i] = -INFINITY;
  }
  for (int i = 0; i < VECTORS; ++i) score_segment(b, keys, (segment){i > 0 ? bound[i - 1] : 0, bound[i], VECTORS - i});
  if (!b.plain) finish_strip(a, s, b, mask, slopes, keys.key0, bound);
  raise_maxima(b);
  for (int i = 0; i < VECTORS; ++i) {
    const segment part = {i > 0 ? bound[i - 1] : 0, min(bound[i], keys.keys), VECTORS - i};
    if (part.from >= part.to) continue;
    weigh_segment(b, part);
    if (careful)
      add_live_values(b, keys, part);
    else
      add_segment(b, keys, part);
  }
}

/* Processes, strip by strip, all keys that any query of the blocks from ... to - 1 sees. */
void attend(const attention a, const sequence s, const block all, int from, int to, global const void *k,
            global const void *v, local float *k_copy, local float *v_copy, global const void *mask,
            global const float *slopes, int careful) {
  const block front = block_at(all, from), back = block_at(all, to - 1);
  const int key_end = ((local const int *)back.end)[BLOCK_ROWS - 1];
  const size_t k_at = key_offset(a, a.k, s), v_at = key_offset(a, a.v, s);
  for (int key0 = ((local const int *)front.first)[front.lead]; key0 < key_end; key0 += STRIP_KEYS) {
    strip keys = {key0, min(STRIP_KEYS, key_end - key0), 0, 0, ROW_OF(HEAD_DIM), ROW_OF(VALUE_DIM)};
#if KEYS_COPIED
    copy_rows(K_TYPE, k, k_at + key0 * a.k.row, a.k.row, keys.keys, HEAD_DIM, k_copy);
    keys.k = k_copy;
#else
    keys.k = (global const float *)k + k_at + key0 * a.k.row;
    keys.k_row = a.k.row;
#endif
#if VALUES_COPIED
    copy_rows(V_TYPE, v, v_at + key0 * a.v.row, a.v.row, keys.keys, VALUE_DIM, v_copy);
    keys.v = v_copy;
#else
    keys.v = (global const float *)v + v_at + key0 * a.v.row;
    keys.v_row = a.v.row;
#endif
    for (int i = from; i < to; ++i) attend_strip(a, s, block_at(all, i), keys, mask, slopes, careful);
  }
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

/* Only here is the sink's term added to the sum. */
float16 whole_sum(const block b, int v, float sink) {
  return b.sums[v] + (sink == -INFINITY ? 0.0f : weight16(sink, b.largest[v], b.headroom, b.plain));
}

/* `at`: the element at which the pair's context begins. */
void store_context(const attention a, const block b, float sink, global void *context, size_t at) {
  float16 inverse[VECTORS];
  for (int v = 0; v < VECTORS; ++v) {
    const float16 sum = whole_sum(b, v, sink);
    inverse[v] = sum == 0.0f ? 0.0f : 1.0f / sum;
  }
  for (int lane = b.lead / 8 * 8; lane < BLOCK_ROWS; lane += 8) {
    const int hidden = max(b.lead - lane, 0); /* lanes before the first query */
    const float8 factor = ((const float8 *)inverse)[lane / 8];
    local const float *from = (local const float *)b.values + lane;
    const size_t to = at + row_of_lane(b, lane + hidden) * a.context.row;
    for (int c0 = 0; c0 + 8 <= VALUE_DIM; c0 += 8) {
      float8 rows[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) rows[i] = *(local const float8 *)(from + (c0 + i) * BLOCK_ROWS) * factor;
      transpose8(rows);
      for (int i = hidden; i < 8; ++i)
        store_stored8(a.context_type, rows[i], context, to + (i - hidden) * a.context.row + c0);
    }
    for (int c = VALUE_DIM / 8 * 8; c < VALUE_DIM; ++c)
      for (int i = hidden; i < 8; ++i)
        store_stored(a.context_type, from[c * BLOCK_ROWS + i] * ((const float *)&factor)[i], context,
                     to + (i - hidden) * a.context.row + c);
  }
}

/* Stores a block's context, and log-sum-exp unless lse is NULL. */
void store_block(const attention a, const sequence s, const block b, int pair, float sink, global void *context,
                 global float *lse) {
  store_context(a, b, sink, context, query_offset(a, a.context, s));
  for (int lane = b.lead; lse && lane < BLOCK_ROWS; ++lane) {
    const float16 sum = whole_sum(b, lane / 16, sink);
    const float largest = ((local const float *)b.largest)[lane];
    store_fused_lse(a, lse, pair, row_of_lane(b, lane), b.plain ? largest * LOG_2 : largest,
                    ((const float *)&sum)[lane % 16], b.headroom);
  }
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

/* With a causal mask the last work-items of a head are the heaviest, the first the lightest. Taking them from both ends
 * in turn gives equal work to the long runs of groups that a driver hands out (PoCL: up to half of all groups at once).
 */
int item_of(int group, int groups) {
  return group % 2 == 0 ? groups - 1 - group / 2 : group / 2;
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
fused(global const void *q, global const void *k, global const void *v, global void *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace) {
  local float16 queries[HEAD_DIM * ALL_VECTORS], values[VALUE_DIM * ALL_VECTORS], scores[STRIP_KEYS * VECTORS];
  local float16 largest[ALL_VECTORS], most[ALL_VECTORS], sums[ALL_VECTORS];
  local int16 first[ALL_VECTORS], end[ALL_VECTORS];
  local float16 k_copy[KEYS_COPIED ? COPY_VECTORS(HEAD_DIM) : 1], v_copy[VALUES_COPIED ? COPY_VECTORS(VALUE_DIM) : 1];
  const size_t group = group_id(1) * a.all_pairs + group_id(0);
  const int items = (a.query_len + a.group_rows - 1) / a.group_rows;
  const int pair = group / items, row0 = item_of(group - pair * items, items) * a.group_rows;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const float folded = a.scale * LOG2_E, given_sink = head_sink(sinks, s), folded_sink = given_sink * LOG2_E;
  const int can_fold = is_plain(a, slopes) && fabs(folded) >= LEAST_FOLDED && fabs(folded) <= MOST_FOLDED &&
                       isfinite(folded_sink) == isfinite(given_sink);
  const int rows = clamp(s.query_len - row0, 0, a.group_rows), headroom = headroom_of(s.key_len);
  const int blocks = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
  const block all = {queries,  scores,  values, largest, most, sums, first, end, row0, blocks * BLOCK_ROWS - rows,
                     headroom, can_fold};

  for (int i = 0; i < blocks; ++i)
    begin_block(a, s, block_at(all, i), q, can_fold ? folded : 1.0f, can_fold ? ceil(folded_sink) : given_sink);
  if (blocks > 0) attend(a, s, all, 0, blocks, k, v, (local float *)k_copy, (local float *)v_copy, mask, slopes, 0);
  for (int i = 0; i < blocks; ++i) {
    block b = block_at(all, i);
    if (needs_care(b)) {
      block careful = all;
      b.plain = careful.plain = 0;
      begin_block(a, s, b, q, 1.0f, given_sink);
      attend(a, s, careful, i, i + 1, k, v, (local float *)k_copy, (local float *)v_copy, mask, slopes, 1);
    }
    store_block(a, s, b, pair, b.plain ? folded_sink : given_sink, context, lse);
  }
  const float own = given_sink == -INFINITY ? 0.0f : ldexp(1.0f, -headroom); /* rows after the sequence's end */
  for (int row = row0 + rows; lse && row < min(row0 + a.group_rows, a.query_len); ++row)
    store_fused_lse(a, lse, pair, row, given_sink, own, headroom);
}
