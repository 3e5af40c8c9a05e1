/* Rung 5 of fused, one block of queries: scores, weights and sums of values for a strip of keys. The kernel file sets
 * VECTORS, TILE_KEYS, TILE_DIMS, STRIP and KEYS_FROM, and explains the layout.
 *
 * Numbers of k and v are broadcast from where the strip is. A block of 64 queries uses each number that it reads 64
 * times, so that keys and values may stay in place. A smaller block would read them from distant rows too often: with
 * KEYS_FROM 2 a strip is first copied to local memory, as contiguous floats, and all blocks of the work-item use the
 * copy. That also pays where rows come from beyond a core's own caches: copying waits for several rows at once, a
 * product for each by itself. half and bfloat16 values cannot be broadcast from memory; these are always copied.
 */
#include "common/exp2.cl"
#include "common/fused.cl"
#include "common/lanes.cl"
#include "common/parts.h"

#define BLOCK_ROWS (VECTORS * 16)
#define STRIP_KEYS (STRIP / TILE_KEYS * TILE_KEYS)

#define KEYS_COPIED (K_TYPE != 0 || KEYS_FROM == KEYS_FROM_COPY)
#define VALUES_COPIED (V_TYPE != 0 || KEYS_FROM == KEYS_FROM_COPY)

#if KEYS_COPIED
#define KEYS_IN local
#else
#define KEYS_IN global
#endif
#if VALUES_COPIED
#define VALUES_IN local
#else
#define VALUES_IN global
#endif

/* Functions whose arguments must be constants, which inlining makes them. Loops are unrolled before that: their bounds
 * are macros, and a condition leaves out the vectors that a segment lacks. With an argument as bound they would remain
 * loops, whose sums go through memory. */
#define INLINE static __attribute__((always_inline))

/* A block of queries. They fill the last lanes. Lanes before the first query repeat it, and vectors that hold only
 * repetitions see no key at all. */
typedef struct block {
  local float16 *queries; /* (HEAD_DIM, VECTORS), scaled if scores are plain */
  local float16 *scores;  /* (STRIP_KEYS, VECTORS), and later weights; the blocks take turns with this memory */
  local float16 *values;  /* (VALUE_DIM, VECTORS): sums of weights times values */
  local float16 *largest; /* (VECTORS) */
  local float16 *most;    /* (VECTORS): the largest scores of the strip */
  local float16 *sums;    /* (VECTORS): of weights */
  local int16 *first;     /* (VECTORS): visible by causality and window; both grow with the row */
  local int16 *end;
  int row0, lead, headroom;
  int plain; /* whether the queries include scale and log2(e) */
} block;

/* `keys` keys from key0 on, and where their rows begin. */
typedef struct strip {
  int key0, keys;
  KEYS_IN const float *k;
  VALUES_IN const float *v;
  size_t k_row, v_row;
} strip;

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
INLINE void score_tile(const block b, const strip s, int at, const int vectors, const int masked) {
  const int v0 = VECTORS - vectors;
  float16 sum[TILE_KEYS][VECTORS];
  KEYS_IN const float *from[TILE_KEYS]; /* past the last key, it is read again and masked */
#pragma unroll
  for (int i = 0; i < TILE_KEYS; ++i) from[i] = s.k + (masked ? min(at + i, s.keys - 1) : at + i) * s.k_row;
#pragma unroll
  for (int i = 0; i < TILE_KEYS; ++i)
#pragma unroll
    for (int v = 0; v < VECTORS; ++v)
      if (v < vectors) sum[i][v] = 0.0f;
  for (int c = 0; c < HEAD_DIM; ++c) {
    float16 q[VECTORS];
#pragma unroll
    for (int v = 0; v < VECTORS; ++v)
      if (v < vectors) q[v] = b.queries[c * VECTORS + v0 + v];
#pragma unroll
    for (int i = 0; i < TILE_KEYS; ++i)
#pragma unroll
      for (int v = 0; v < VECTORS; ++v)
        if (v < vectors) sum[i][v] = fma((float16)from[i][c], q[v], sum[i][v]);
  }
#pragma unroll
  for (int v = 0; v < VECTORS; ++v)
    if (v < vectors) {
      float16 most = b.most[v0 + v];
#pragma unroll
      for (int i = 0; i < TILE_KEYS; ++i) {
        const int key = s.key0 + at + i;
        const int16 is_seen = key >= b.first[v0 + v] && key < b.end[v0 + v];
        const float16 seen = is_seen ? sum[i][v] : -INFINITY, score = masked ? seen : sum[i][v];
        most = larger16(score, most);
        b.scores[(at + i) * VECTORS + v0 + v] = score;
      }
      b.most[v0 + v] = most;
    }
}

INLINE void score_tiles(const block b, const strip s, const segment part, int all_from, int all_end,
                        const int vectors) {
  for (int at = part.from; at < part.to; at += TILE_KEYS)
    if (s.key0 + at >= all_from && s.key0 + at + TILE_KEYS <= all_end)
      score_tile(b, s, at, vectors, 0);
    else
      score_tile(b, s, at, vectors, 1);
}

void score_segment(const block b, const strip s, const segment part) {
  const int all_from = ((local const int *)b.first)[BLOCK_ROWS - 1], all_end = ((local const int *)b.end)[b.lead];
  if (part.vectors == VECTORS)
    score_tiles(b, s, part, all_from, all_end, VECTORS);
  else if (VECTORS > 3 && part.vectors == 3)
    score_tiles(b, s, part, all_from, all_end, 3);
  else if (VECTORS > 2 && part.vectors == 2)
    score_tiles(b, s, part, all_from, all_end, 2);
  else
    score_tiles(b, s, part, all_from, all_end, 1);
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
      local float16 *score = b.scores + at * VECTORS + v;
      *score = finish16(a, b, first_row, v, vload16(0, positions), key0 + at, *score * a.scale);
      most = larger16(*score, most);
    }
    b.most[v] = most;
  }
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* 2^((x - largest) * log2(e) - headroom); plain: log2(e) is already in x and largest, and largest is an integer. */
INLINE float16 weight16(float16 x, float16 largest, float headroom, const int plain) {
  return plain ? exp2_below_16(x, largest + headroom) : exp2_16(fma(x - largest, LOG2_E, -headroom));
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
    if (!any(before > -INFINITY)) continue; /* nothing is summed up yet */
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
  for (int v = 0; v < VECTORS; ++v)
    if (v < vectors) {
      largest[v] = b.largest[v0 + v] == -INFINITY ? 0.0f : b.largest[v0 + v];
      sum[v] = b.sums[v0 + v];
    }
  for (int at = s.from; at < s.to; ++at) {
#pragma unroll
    for (int v = 0; v < VECTORS; ++v)
      if (v < vectors) {
        const float16 score = b.scores[at * VECTORS + v0 + v];
        const float16 part = weight16(score, largest[v], headroom, plain);
        const float16 weight = !plain && score == -INFINITY ? MASKED_WEIGHT : part;
        sum[v] += weight;
        b.scores[at * VECTORS + v0 + v] = weight;
      }
  }
#pragma unroll
  for (int v = 0; v < VECTORS; ++v)
    if (v < vectors) b.sums[v0 + v] = sum[v];
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

INLINE void add_tile(const block b, const strip s, const segment part, int c, const int dims, const int vectors) {
  const int v0 = VECTORS - vectors;
  VALUES_IN const float *values = s.v + part.from * s.v_row + c;
  float16 sum[TILE_DIMS][VECTORS];
#pragma unroll
  for (int i = 0; i < TILE_DIMS; ++i)
    if (i < dims)
#pragma unroll
      for (int v = 0; v < VECTORS; ++v)
        if (v < vectors) sum[i][v] = b.values[(c + i) * VECTORS + v0 + v];
  for (int at = part.from; at < part.to; ++at, values += s.v_row) {
    float16 weight[VECTORS];
#pragma unroll
    for (int v = 0; v < VECTORS; ++v)
      if (v < vectors) weight[v] = b.scores[at * VECTORS + v0 + v];
#pragma unroll
    for (int i = 0; i < TILE_DIMS; ++i)
      if (i < dims)
#pragma unroll
        for (int v = 0; v < VECTORS; ++v)
          if (v < vectors) sum[i][v] = fma((float16)values[i], weight[v], sum[i][v]);
  }
#pragma unroll
  for (int i = 0; i < TILE_DIMS; ++i)
    if (i < dims)
#pragma unroll
      for (int v = 0; v < VECTORS; ++v)
        if (v < vectors) b.values[(c + i) * VECTORS + v0 + v] = sum[i][v];
}

INLINE void add_tiles(const block b, const strip s, const segment part, const int vectors) {
  for (int c = 0; c + TILE_DIMS <= VALUE_DIM; c += TILE_DIMS) add_tile(b, s, part, c, TILE_DIMS, vectors);
  if (VALUE_DIM % TILE_DIMS != 0)
    add_tile(b, s, part, VALUE_DIM / TILE_DIMS * TILE_DIMS, VALUE_DIM % TILE_DIMS, vectors);
}

void add_segment(const block b, const strip s, const segment part) {
  if (part.vectors == VECTORS)
    add_tiles(b, s, part, VECTORS);
  else if (VECTORS > 3 && part.vectors == 3)
    add_tiles(b, s, part, 3);
  else if (VECTORS > 2 && part.vectors == 2)
    add_tiles(b, s, part, 2);
  else
    add_tiles(b, s, part, 1);
}

/* As add_segment(), but skips masked keys, whose values may be anything. */
void add_live_values(const block b, const strip s, const segment part) {
  for (int at = part.from; at < part.to; ++at)
    for (int v = VECTORS - part.vectors; v < VECTORS; ++v) {
      const float16 weight = b.scores[at * VECTORS + v];
      for (int c = 0; c < VALUE_DIM; ++c) {
        local float16 *sum = b.values + c * VECTORS + v;
        *sum = as_int16(weight) == MASKED_BITS ? *sum : fma((float16)s.v[at * s.v_row + c], weight, *sum);
      }
    }
}

/* Whether any sum is not finite, a row has no weight at all, or a maximum is too large for exp2_below_16(). */
int needs_care(const block b) {
  int16 bad = 0;
  for (int i = 0; i < VALUE_DIM * VECTORS; ++i) bad |= !isfinite(b.values[i]);
  for (int v = 0; v < VECTORS; ++v)
    if (!is_idle(b, v)) bad |= b.sums[v] == 0.0f || (b.plain && fabs(b.largest[v]) > MOST_BELOW);
  return any(bad);
}
