/* fused, rung 5: one query per lane, keys and values read in place (target: CPU). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, processes VECTORS * 16 queries of a head. All vectors run along the queries,
 * so each lane holds the maximum and sum of its own row and never needs another lane:
 *
 *     scores:  strip[key][query]  = sum over c of k[key][c] * queries[c][query]
 *     weights: strip[key][query]  = 2^(strip[key][query] - maximum[query])
 *     sums:    values[c][query]  += sum over the keys of v[key][c] * strip[key][query]
 *
 * The products take one number of k or v at a time, in the order of memory, and broadcast it to all lanes; nothing is
 * packed first. Only the queries are transposed, once, and the results are transposed back, by transpose(). A strip of
 * STRIP keys stays in the first- or second-level cache. Both products keep tiles of TILE_KEYS or TILE_DIMS times
 * VECTORS sums in registers.
 *
 * If scores are nothing but scaled products, the queries are multiplied by scale and log2(e) first, so that a weight is
 * a power of two and needs no further product. The maximum is then rounded up to an integer, so that rescaling changes
 * only exponents. If the scale is far from 1, the queries are not multiplied by it: they could underflow.
 *
 * A tile of keys skips the leading vectors if all their rows end before its keys, as with causality. Rows whose window
 * starts after its keys are computed and masked.
 *
 * If a sum comes out not finite, or a row has no weight at all, everything is computed again with more care. Queries
 * are then not scaled, in case that caused the overflow, and masked keys are skipped one by one, because 0 times a
 * value that is not finite is not 0.
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
#include "common/exp2.cl"
#include "common/fused.cl"
#include "common/group.cl"
#include "common/lanes.cl"
#include "common/transpose.cl"

#define ITEM_ROWS (VECTORS * 16)
#define STRIP_KEYS (STRIP / TILE_KEYS * TILE_KEYS)
#define LOG_2 0.693147181f
#define LEAST_FOLDED 1e-3f
#define MOST_FOLDED 1.0f

/* half and bfloat16 values cannot be broadcast from memory to all lanes. A strip of keys, and later of values, is
 * therefore first converted to float in local memory, 16 at a time, for a (VECTORS * 16)th of the work. */
#if QK_TYPE == 0
#define KEYS_IN global
#else
#define KEYS_IN local
#endif
#if V_TYPE == 0
#define VALUES_IN global
#else
#define VALUES_IN local
#endif
#define VECTORS_OF(columns) (((columns) + 15) / 16)
#if QK_TYPE == 0 && V_TYPE == 0
#define WIDENED 1
#else
#define WIDENED (STRIP_KEYS * VECTORS_OF(HEAD_DIM > VALUE_DIM ? HEAD_DIM : VALUE_DIM))
#endif

/* Functions whose loops must be unrolled: loop bounds that are arguments become constants only by inlining. */
#define INLINE static __attribute__((always_inline))

/* The queries that a work-item processes. They fill the last lanes. Lanes before the first query repeat it, and vectors
 * that hold only repetitions see no key at all. */
typedef struct block {
  local float16 *queries; /* (HEAD_DIM, VECTORS), scaled if scores are plain */
  local float16 *strip;   /* (STRIP_KEYS, VECTORS): scores, then weights */
  local float16 *values;  /* (VALUE_DIM, VECTORS): sums of weights times values */
  local float16 *largest; /* (VECTORS) */
  local float16 *most;    /* (VECTORS): the largest scores of the strip */
  local float16 *sums;    /* (VECTORS): of weights */
  local float16 *widened; /* (WIDENED): keys or values of this strip, converted to float */
  local int16 *first;     /* (VECTORS): visible by causality and window; both grow with the row */
  local int16 *end;
  int row0, lead, headroom;
  int plain; /* whether the queries include scale and log2(e) */
} block;

/* Keys of the strip that are to be multiplied by the last `vectors` vectors. */
typedef struct segment {
  int from, to, vectors;
} segment;

int row_of_lane(const block b, int lane) {
  return b.row0 + max(lane - b.lead, 0);
}

/* Whether the vector holds only repetitions. */
int is_idle(const block b, int v) {
  return v * 16 + 15 < b.lead;
}

/* ---- scores ------------------------------------------------------------------------------------------------------ */

/* masked 1: where a query does not see a key, the score becomes -infinity. */
INLINE void score_tile(const block b, KEYS_IN const float *k, size_t row, int key0, int keys, int at, const int vectors,
                       const int masked) {
  const int v0 = VECTORS - vectors;
  float16 sum[TILE_KEYS][VECTORS];
  KEYS_IN const float *from[TILE_KEYS]; /* past the last key, it is read again and masked */
#pragma unroll
  for (int i = 0; i < TILE_KEYS; ++i) from[i] = k + min(at + i, keys - 1) * row;
#pragma unroll
  for (int i = 0; i < TILE_KEYS; ++i)
#pragma unroll
    for (int v = 0; v < vectors; ++v) sum[i][v] = 0.0f;
  for (int c = 0; c < HEAD_DIM; ++c) {
    float16 q[VECTORS];
#pragma unroll
    for (int v = 0; v < vectors; ++v) q[v] = b.queries[c * VECTORS + v0 + v];
#pragma unroll
    for (int i = 0; i < TILE_KEYS; ++i)
#pragma unroll
      for (int v = 0; v < vectors; ++v) sum[i][v] = fma((float16)from[i][c], q[v], sum[i][v]);
  }
#pragma unroll
  for (int v = 0; v < vectors; ++v) {
    float16 most = b.most[v0 + v];
#pragma unroll
    for (int i = 0; i < TILE_KEYS; ++i) {
      const int16 is_seen = key0 + at + i >= b.first[v0 + v] && key0 + at + i < b.end[v0 + v];
      const float16 seen = is_seen ? sum[i][v] : -INFINITY, score = masked ? seen : sum[i][v];
      most = larger16(score, most);
      b.strip[(at + i) * VECTORS + v0 + v] = score;
    }
    b.most[v0 + v] = most;
  }
}

INLINE void score_tiles(const block b, KEYS_IN const float *k, size_t row, int key0, int keys, const segment s,
                        int all_from, int all_end, const int vectors) {
  for (int at = s.from; at < s.to; at += TILE_KEYS)
    if (key0 + at >= all_from && key0 + at + TILE_KEYS <= all_end)
      score_tile(b, k, row, key0, keys, at, vectors, 0);
    else
      score_tile(b, k, row, key0, keys, at, vectors, 1);
}

/* Scores of a segment of the strip, which has `keys` keys from key0 on; k is where the strip begins. */
void score_segment(const block b, KEYS_IN const float *k, size_t row, int key0, int keys, const segment s) {
  const int all_from = ((local const int *)b.first)[ITEM_ROWS - 1], all_end = ((local const int *)b.end)[b.lead];
  if (s.vectors == VECTORS)
    score_tiles(b, k, row, key0, keys, s, all_from, all_end, VECTORS);
  else if (VECTORS > 3 && s.vectors == 3)
    score_tiles(b, k, row, key0, keys, s, all_from, all_end, 3);
  else if (VECTORS > 2 && s.vectors == 2)
    score_tiles(b, k, row, key0, keys, s, all_from, all_end, 2);
  else
    score_tiles(b, k, row, key0, keys, s, all_from, all_end, 1);
}

/* The additive mask of the lanes' rows at one key. */
float16 bias16(const attention a, const block b, global const float *bias, int v, int key) {
  if (a.mask.row == 0) return bias[key * a.mask_key];
  float lanes[16];
  for (int i = 0; i < 16; ++i) lanes[i] = bias[row_of_lane(b, v * 16 + i) * a.mask.row + key * a.mask_key];
  return vload16(0, lanes);
}

int16 allowed16(const attention a, const block b, global const uchar *allowed, int v, int key) {
  if (a.mask.row == 0) return allowed[key * a.mask_key] ? -1 : 0;
  int lanes[16];
  for (int i = 0; i < 16; ++i) lanes[i] = allowed[row_of_lane(b, v * 16 + i) * a.mask.row + key * a.mask_key] ? -1 : 0;
  return vload16(0, lanes);
}

/* softcapped() of common/attention.cl, for 16 rows. */
float16 softcapped16(float16 x, float softcap) {
  return fabs(x) < softcap * 0x1p-12f ? x : softcap * tanh(x / softcap);
}

/* finish_score() of common/attention.cl, for 16 rows at one key. */
float16 finish16(const attention a, const block b, const row_view first_row, int v, float16 positions, int key,
                 float16 scaled) {
  float16 score = a.softcap > 0.0f ? softcapped16(scaled, a.softcap) : scaled;
  int16 live = key >= b.first[v] && key < b.end[v];
  if (a.mask_kind != NO_MASK && key >= a.mask_len) return -INFINITY;
  if (first_row.allowed) live &= allowed16(a, b, first_row.allowed, v, key);
  if (first_row.bias) {
    const float16 bias = bias16(a, b, first_row.bias, v, key);
    live &= bias != -INFINITY;
    score += bias;
  }
  if (first_row.slope != 0.0f) score -= first_row.slope * fabs(positions - key);
  return live ? score : -INFINITY;
}

/* From products to scores, where the two differ. */
void finish_strip(const attention a, const sequence s, const block b, global const void *mask,
                  global const float *slopes, int key0, const int bound[VECTORS]) {
  row_view first_row; /* of the sequence's first row: masks have as many rows as there are queries */
  view_row(a, s, 0, mask, slopes, &first_row);
  for (int v = 0; v < VECTORS; ++v) {
    float positions[16];
    float16 most = -INFINITY;
    for (int i = 0; i < 16; ++i) positions[i] = (int)((uint)row_of_lane(b, v * 16 + i) + (uint)first_row.position);
    for (int at = 0; at < bound[v]; ++at) {
      local float16 *score = b.strip + at * VECTORS + v;
      *score = finish16(a, b, first_row, v, vload16(0, positions), key0 + at, *score * a.scale);
      most = larger16(*score, most);
    }
    b.most[v] = most;
  }
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* 2^((x - largest) * log2(e) - headroom); plain: log2(e) is already in x and largest. */
INLINE float16 weight16(float16 x, float16 largest, float headroom, const int plain) {
  return exp2_16(plain ? x - (largest + headroom) : fma(x - largest, LOG2_E, -headroom));
}

/* The factor by which sums shrink when the maximum grows; 0 before the first score. */
float16 shrink16(float16 before, float16 larger, int plain) {
  const float16 factor = exp2_16(plain ? before - larger : (before - larger) * LOG2_E);
  return larger > before ? factor : 1.0f;
}

/* Updates the maxima with this strip. Where one has grown, the sums of the earlier strips shrink. If maxima are
 * integers, sums change by a power of two. */
void raise_maxima(const block b) {
  for (int v = 0; v < VECTORS; ++v) {
    const float16 before = b.largest[v], most = b.plain ? ceil(b.most[v]) : b.most[v], larger = larger16(most, before);
    if (!any(larger > before)) continue;
    const float16 factor = shrink16(before, larger, b.plain);
    b.largest[v] = larger;
    b.sums[v] *= factor;
    for (int c = 0; c < VALUE_DIM; ++c) b.values[c * VECTORS + v] *= factor;
  }
}

/* Masked keys get 0, because exp2_16() returns 0 for -infinity. When masked values are skipped one by one, it must be
 * the 0 that marks a masked key; scores are never plain then. */
INLINE void weigh_keys(const block b, const segment s, const int vectors, const int plain) {
  const int v0 = VECTORS - vectors;
  const float headroom = b.headroom;
  float16 largest[VECTORS], sum[VECTORS];
#pragma unroll
  for (int v = 0; v < vectors; ++v) {
    largest[v] = b.largest[v0 + v] == -INFINITY ? 0.0f : b.largest[v0 + v];
    sum[v] = b.sums[v0 + v];
  }
  for (int at = s.from; at < s.to; ++at) {
#pragma unroll
    for (int v = 0; v < vectors; ++v) {
      const float16 score = b.strip[at * VECTORS + v0 + v];
      const float16 part = weight16(score, largest[v], headroom, plain);
      const float16 weight = !plain && score == -INFINITY ? MASKED_WEIGHT : part;
      sum[v] += weight;
      b.strip[at * VECTORS + v0 + v] = weight;
    }
  }
#pragma unroll
  for (int v = 0; v < vectors; ++v) b.sums[v0 + v] = sum[v];
}

INLINE void weigh(const block b, const segment s, const int plain) {
  if (s.vectors == VECTORS)
    weigh_keys(b, s, VECTORS, plain);
  else if (VECTORS > 3 && s.vectors == 3)
    weigh_keys(b, s, 3, plain);
  else if (VECTORS > 2 && s.vectors == 2)
    weigh_keys(b, s, 2, plain);
  else
    weigh_keys(b, s, 1, plain);
}

void weigh_segment(const block b, const segment s) {
  if (b.plain)
    weigh(b, s, 1);
  else
    weigh(b, s, 0);
}

/* ---- sums of values ---------------------------------------------------------------------------------------------- */

INLINE void add_tile(const block b, VALUES_IN const float *values, size_t row, const segment s, int c, const int dims,
                     const int vectors) {
  const int v0 = VECTORS - vectors;
  float16 sum[TILE_DIMS][VECTORS];
#pragma unroll
  for (int i = 0; i < dims; ++i)
#pragma unroll
    for (int v = 0; v < vectors; ++v) sum[i][v] = b.values[(c + i) * VECTORS + v0 + v];
  for (int at = s.from; at < s.to; ++at) {
    float16 weight[VECTORS];
#pragma unroll
    for (int v = 0; v < vectors; ++v) weight[v] = b.strip[at * VECTORS + v0 + v];
#pragma unroll
    for (int i = 0; i < dims; ++i)
#pragma unroll
      for (int v = 0; v < vectors; ++v) sum[i][v] = fma((float16)values[at * row + c + i], weight[v], sum[i][v]);
  }
#pragma unroll
  for (int i = 0; i < dims; ++i)
#pragma unroll
    for (int v = 0; v < vectors; ++v) b.values[(c + i) * VECTORS + v0 + v] = sum[i][v];
}

INLINE void add_tiles(const block b, VALUES_IN const float *values, size_t row, const segment s, const int vectors) {
  for (int c = 0; c + TILE_DIMS <= VALUE_DIM; c += TILE_DIMS) add_tile(b, values, row, s, c, TILE_DIMS, vectors);
  if (VALUE_DIM % TILE_DIMS != 0)
    add_tile(b, values, row, s, VALUE_DIM / TILE_DIMS * TILE_DIMS, VALUE_DIM % TILE_DIMS, vectors);
}

void add_segment(const block b, VALUES_IN const float *values, size_t row, const segment s) {
  if (s.vectors == VECTORS)
    add_tiles(b, values, row, s, VECTORS);
  else if (VECTORS > 3 && s.vectors == 3)
    add_tiles(b, values, row, s, 3);
  else if (VECTORS > 2 && s.vectors == 2)
    add_tiles(b, values, row, s, 2);
  else
    add_tiles(b, values, row, s, 1);
}

/* As add_segment(), but skips masked keys, whose values may be anything. */
void add_live_values(const block b, VALUES_IN const float *values, size_t row, const segment s) {
  for (int at = s.from; at < s.to; ++at)
    for (int v = VECTORS - s.vectors; v < VECTORS; ++v) {
      const float16 weight = b.strip[at * VECTORS + v];
      for (int c = 0; c < VALUE_DIM; ++c) {
        local float16 *sum = b.values + c * VECTORS + v;
        *sum = as_int16(weight) == MASKED_BITS ? *sum : fma((float16)values[at * row + c], weight, *sum);
      }
    }
}

/* Whether any sum is not finite, or a row has no weight at all. */
int needs_care(const block b) {
  int16 bad = 0;
  for (int i = 0; i < VALUE_DIM * VECTORS; ++i) bad |= !isfinite(b.values[i]);
  for (int v = 0; v < VECTORS; ++v)
    if (!is_idle(b, v)) bad |= b.sums[v] == 0.0f;
  return any(bad);
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

void load_queries(const attention a, const block b, global const void *q, size_t at, float factor) {
  for (int v = 0; v < VECTORS; ++v) {
    for (int c0 = 0; c0 + 16 <= HEAD_DIM; c0 += 16) {
      float16 rows[16];
#pragma unroll
      for (int i = 0; i < 16; ++i)
        rows[i] = load_stored16(QK_TYPE, q, at + row_of_lane(b, v * 16 + i) * a.q.row + c0) * factor;
      transpose(rows);
#pragma unroll
      for (int i = 0; i < 16; ++i) b.queries[(c0 + i) * VECTORS + v] = rows[i];
    }
    for (int c = HEAD_DIM / 16 * 16; c < HEAD_DIM; ++c)
      for (int i = 0; i < 16; ++i)
        ((local float *)(b.queries + c * VECTORS + v))[i] =
            load_stored(QK_TYPE, q, at + row_of_lane(b, v * 16 + i) * a.q.row + c) * factor;
  }
}

void begin_block(const attention a, const sequence s, const block b, float sink) {
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

/* Converts `keys` rows of k or v to float, one after another, each in whole vectors. */
void widen(int type, global const void *from, size_t at, size_t row, int keys, int columns, local float16 *to) {
  for (int key = 0; key < keys; ++key, to += VECTORS_OF(columns)) {
    for (int i = 0; i < columns / 16; ++i) to[i] = load_stored16(type, from, at + key * row + i * 16);
    for (int c = columns / 16 * 16; c < columns; ++c)
      ((local float *)to)[c] = load_stored(type, from, at + key * row + c);
  }
}

/* Finds where a strip of keys begins, and the length of its rows. */
KEYS_IN const float *find_keys(const attention a, const block b, global const void *k, size_t at, int keys,
                               size_t *row) {
#if QK_TYPE == 0
  *row = a.k.row;
  return (global const float *)k + at;
#else
  widen(QK_TYPE, k, at, a.k.row, keys, HEAD_DIM, b.widened);
  *row = VECTORS_OF(HEAD_DIM) * 16;
  return (local const float *)b.widened;
#endif
}

VALUES_IN const float *find_values(const attention a, const block b, global const void *v, size_t at, int keys,
                                   size_t *row) {
#if V_TYPE == 0
  *row = a.v.row;
  return (global const float *)v + at;
#else
  widen(V_TYPE, v, at, a.v.row, keys, VALUE_DIM, b.widened);
  *row = VECTORS_OF(VALUE_DIM) * 16;
  return (local const float *)b.widened;
#endif
}

/* Processes, strip by strip, all keys that any of the queries sees. */
void attend(const attention a, const sequence s, const block b, global const void *k, global const void *v,
            global const void *mask, global const float *slopes, int careful) {
  local const int *first = (local const int *)b.first, *end = (local const int *)b.end;
  const int key_end = end[ITEM_ROWS - 1];
  for (int key0 = first[b.lead]; key0 < key_end; key0 += STRIP_KEYS) {
    const int keys = min(STRIP_KEYS, key_end - key0), tiles = (keys + TILE_KEYS - 1) / TILE_KEYS;
    int bound[VECTORS]; /* end of the whole tiles that each vector sees */
    for (int i = 0; i < VECTORS; ++i) {
      const int seen = (end[i * 16 + 15] - key0 + TILE_KEYS - 1) / TILE_KEYS;
      bound[i] = clamp(seen, 0, tiles) * TILE_KEYS;
      b.most[i] = -INFINITY;
    }
    size_t row;
    KEYS_IN const float *k_strip = find_keys(a, b, k, key_offset(a, a.k, s) + key0 * a.k.row, keys, &row);
    for (int i = 0; i < VECTORS; ++i)
      score_segment(b, k_strip, row, key0, keys, (segment){i > 0 ? bound[i - 1] : 0, bound[i], VECTORS - i});
    if (!b.plain) finish_strip(a, s, b, mask, slopes, key0, bound);
    raise_maxima(b);
    VALUES_IN const float *v_strip = find_values(a, b, v, key_offset(a, a.v, s) + key0 * a.v.row, keys, &row);
    for (int i = 0; i < VECTORS; ++i) {
      const segment part = {i > 0 ? bound[i - 1] : 0, min(bound[i], keys), VECTORS - i};
      if (part.from >= part.to) continue;
      weigh_segment(b, part);
      if (careful)
        add_live_values(b, v_strip, row, part);
      else
        add_segment(b, v_strip, row, part);
    }
  }
}

/* Only here is the sink's term added to the sum. */
float16 whole_sum(const block b, int v, float sink) {
  return b.sums[v] + (sink == -INFINITY ? 0.0f : weight16(sink, b.largest[v], b.headroom, b.plain));
}

void store_context(const attention a, const block b, float sink, global float *context) {
  for (int v = 0; v < VECTORS; ++v) {
    const float16 sum = whole_sum(b, v, sink), inverse = sum == 0.0f ? 0.0f : 1.0f / sum;
    const int hidden = clamp(b.lead - v * 16, 0, 16); /* lanes before the first query */
    global float *to = context + row_of_lane(b, v * 16 + hidden) * a.context.row;
    for (int c0 = 0; c0 + 16 <= VALUE_DIM; c0 += 16) {
      float16 rows[16];
#pragma unroll
      for (int i = 0; i < 16; ++i) rows[i] = b.values[(c0 + i) * VECTORS + v] * inverse;
      transpose(rows);
      for (int i = hidden; i < 16; ++i) vstore16(rows[i], 0, to + (i - hidden) * a.context.row + c0);
    }
    for (int c = VALUE_DIM / 16 * 16; c < VALUE_DIM; ++c) {
      const float16 column = b.values[c * VECTORS + v] * inverse;
      for (int i = hidden; i < 16; ++i) to[(i - hidden) * a.context.row + c] = ((const float *)&column)[i];
    }
  }
}

/* With a causal mask the last block is the heaviest, the first the lightest. Taking them from both ends in turn gives
 * equal work to the long runs of groups that a driver hands out (PoCL: up to half of all groups at once). */
int block_of(int group, int groups) {
  return group % 2 == 0 ? groups - 1 - group / 2 : group / 2;
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
fused(global const void *q, global const void *k, global const void *v, global float *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace) {
  local float16 queries[HEAD_DIM * VECTORS], strip[STRIP_KEYS * VECTORS], values[VALUE_DIM * VECTORS];
  local float16 largest[VECTORS], most[VECTORS], sums[VECTORS];
  local int16 first[VECTORS], end[VECTORS];
  local float16 widened[WIDENED];
  const size_t group = group_id(1) * a.all_pairs + group_id(0), blocks = (a.query_len + ITEM_ROWS - 1) / ITEM_ROWS;
  const int pair = group / blocks, row0 = block_of(group - pair * blocks, blocks) * ITEM_ROWS;
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const float folded = a.scale * LOG2_E, given_sink = head_sink(sinks, s), folded_sink = given_sink * LOG2_E;
  const int can_fold = is_plain(a, slopes) && fabs(folded) >= LEAST_FOLDED && fabs(folded) <= MOST_FOLDED &&
                       isfinite(folded_sink) == isfinite(given_sink);
  const int rows = clamp(s.query_len - row0, 0, ITEM_ROWS), headroom = headroom_of(s.key_len);
  block b = {queries, strip, values, largest,          most,     sums,    widened,
             first,   end,   row0,   ITEM_ROWS - rows, headroom, can_fold};

  for (int careful = 0; careful < 2 && rows > 0; ++careful) {
    b.plain = can_fold && !careful;
    load_queries(a, b, q, query_offset(a, a.q, s), b.plain ? folded : 1.0f);
    begin_block(a, s, b, b.plain ? ceil(folded_sink) : given_sink);
    attend(a, s, b, k, v, mask, slopes, careful);
    if (!needs_care(b)) break;
  }

  const float sink = b.plain ? folded_sink : given_sink, begin = b.plain ? ceil(sink) : sink;
  if (rows > 0) store_context(a, b, sink, context + query_offset(a, a.context, s));
  for (int r = 0; lse && r < min(ITEM_ROWS, a.query_len - row0); ++r) {
    const int exists = r < rows, lane = b.lead + r;
    const float16 all = exists ? whole_sum(b, lane / 16, sink) : 0.0f;
    const float above = exists ? ((local const float *)largest)[lane] : begin;
    const float own = sink == -INFINITY ? 0.0f : first_lane(weight16(sink, begin, headroom, b.plain));
    const float sum = exists ? ((const float *)&all)[lane % 16] : own;
    store_fused_lse(a, lse, pair, row0 + r, b.plain ? above * LOG_2 : above, sum, headroom);
  }
}
