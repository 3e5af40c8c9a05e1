/* fused, rung 4: packed keys, explicit vectors, and scores that stay in the cache (CPU form). Formula and arguments as
 * in rung 1; workspace holds what `pack` leaves for `fused`.
 *
 * One work-item, a work-group of its own, takes ITEM_ROWS queries of a head and, STRIP keys at a time,
 *
 *     queries x keys  --multiply-->  strip of scores  --weigh-->  the same strip, of weights  --add values-->  sums
 *     ITEM_ROWS x STRIP, in the second-level cache: it is written, read, written and read without ever leaving it
 *
 * Both products keep ROWS x VECTORS sums in registers, as common/product_panel.cl explains. `pack` turns the keys of a
 * head around once, into panels in which PANEL_KEYS keys lie side by side for each of the HEAD_DIM terms:
 *
 *     panel[c] = | float16 of keys 0 ... 15 | 16 ... 31 | ...  (VECTORS of them)
 *
 * and it copies values unless they lie contiguously already: rows that are a power of two apart fall on each other in
 * the cache (head_dim 128, 8 heads: 80 % of the multiply-add rate with copies, 74 % without).
 *
 * Where scores are nothing but scaled products, scale and log2(e) are folded into the queries, so that a weight is a
 * power of two and no product is needed to get there; exp2_16 is a polynomial. (A scale that is far from 1 is not: the
 * queries themselves could overflow or vanish.) Then the maximum is rounded up to an integer, which makes a change of
 * it a change of exponents.
 *
 * Masked keys cost nothing where a whole tile is masked.
 *
 * Wins on CPU devices. Loses on GPUs: a work-group of one leaves all but one lane idle.
 */
#ifndef ITEM_ROWS
#define ITEM_ROWS 64 /* 16, 32, 64, 128 */
#endif
#ifndef ROWS
#define ROWS 4 /* 1, 2, 4, 8 */
#endif
#ifndef VECTORS
#define VECTORS 4 /* 2, 4 */
#endif
#ifndef STRIP
#define STRIP 512 /* 128, 256, 512, 1024 */
#endif
#include "common/exp2.cl"
#include "common/fused.cl"
#include "common/lanes.cl"

#define PANEL_KEYS (VECTORS * 16)
#define VALUE_VECTORS ((VALUE_DIM + 15) / 16)
#define VALUE_COLUMNS (VALUE_VECTORS * 16)
#define LOG_2 0.693147181f
#define LEAST_FOLDED 1e-3f
#define MOST_FOLDED 2.0f

/* ---- what pack leaves -------------------------------------------------------------------------------------------- */

/* Of one key head. */
typedef struct packed {
  global float16 *keys;   /* (panels, HEAD_DIM, VECTORS) */
  global float16 *values; /* (panels * PANEL_KEYS, VALUE_VECTORS); not there where they are read in place */
  global float *finite;   /* (panels * VECTORS): whether all values of 16 keys are, 1 or 0 */
} packed;

int values_are_copied(const attention a) {
  return VALUE_DIM % 16 != 0 || a.v.row != VALUE_COLUMNS;
}

void find_packed(const attention a, global float *workspace, int kv_pair, packed *p) {
  const size_t panels = (a.most_keys + PANEL_KEYS - 1) / PANEL_KEYS, keys = panels * PANEL_KEYS;
  const size_t values = values_are_copied(a) ? keys * VALUE_COLUMNS : 0, flags = (keys / 16 + 15) / 16 * 16;
  global float *corner = workspace + kv_pair * (keys * HEAD_DIM + values + flags);
  p->keys = (global float16 *)corner;
  p->values = (global float16 *)(corner + keys * HEAD_DIM);
  p->finite = corner + keys * HEAD_DIM + values;
}

/* One lane of a, one of b, and so on: of the first halves, of the second. */
float16 zip_first(float16 a, float16 b) {
  return (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7);
}

float16 zip_second(float16 a, float16 b) {
  return (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf);
}

/* 16 x 16: rows become columns. As cards are shuffled: after each round of zipping row i with row i + 8 what was
 * 2^round lanes apart lies side by side. */
static __attribute__((always_inline)) void transpose(float16 row[16]) {
#pragma unroll
  for (int round = 0; round < 4; ++round) {
    float16 zipped[16];
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      zipped[2 * i] = zip_first(row[i], row[i + 8]);
      zipped[2 * i + 1] = zip_second(row[i], row[i + 8]);
    }
#pragma unroll
    for (int i = 0; i < 16; ++i) row[i] = zipped[i];
  }
}

/* 16 keys become 16 columns; `keys` of them are there, behind them zeros. */
void pack_keys(global const float *from, size_t row, int keys, global float16 *to) {
  for (int c0 = 0; c0 < HEAD_DIM / 16 * 16 && keys >= 16; c0 += 16) {
    float16 rows[16];
#pragma unroll
    for (int key = 0; key < 16; ++key) rows[key] = vload16(0, from + key * row + c0);
    transpose(rows);
#pragma unroll
    for (int c = 0; c < 16; ++c) to[(c0 + c) * VECTORS] = rows[c];
  }
  for (int c = keys >= 16 ? HEAD_DIM / 16 * 16 : 0; c < HEAD_DIM; ++c)
    for (int key = 0; key < 16; ++key)
      ((global float *)(to + c * VECTORS))[key] = key < keys ? from[key * row + c] : 0.0f;
}

/* One key's value; whether it is finite. */
int pack_value(global const float *from, int copied, global float16 *to) {
  global float *last = (global float *)(to + VALUE_DIM / 16);
  int16 nonfinite = 0;
  int rest = 0;
  for (int c = 0; c < VALUE_DIM / 16; ++c) {
    const float16 part = vload16(c, from);
    nonfinite |= !isfinite(part);
    if (copied) to[c] = part;
  }
  for (int c = VALUE_DIM / 16 * 16; c < VALUE_COLUMNS; ++c) { /* what is no whole vectors is always copied */
    const float value = c < VALUE_DIM ? from[c] : 0.0f;
    rest |= !isfinite(value);
    last[c % 16] = value;
  }
  return !any(nonfinite) && !rest;
}

/* Work-item (16 keys, batch): all heads of them, so that memory is read in the order in which a projection leaves it.
 */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
pack(global const float *q, global const float *k, global const float *v, global float *context, const attention a,
     global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
     global float *lse, global float *workspace) {
  const int key0 = get_global_id(0) * 16, batch = get_global_id(1), kv_heads = a.heads / a.group;
  const int panel = key0 / PANEL_KEYS, copied = values_are_copied(a);
  sequence s;
  packed p;
  for (int head = 0; head < kv_heads; ++head) {
    find_sequence(a, sequences, batch * a.heads + head * a.group, &s);
    find_packed(a, workspace, batch * kv_heads + head, &p);
    pack_keys(k + key_offset(a, a.k, s) + key0 * a.k.row, a.k.row, s.key_len - key0,
              p.keys + (size_t)panel * HEAD_DIM * VECTORS + key0 / 16 % VECTORS);
    global const float *values = v + key_offset(a, a.v, s) + key0 * a.v.row;
    int finite = 1;
    for (int key = 0; key < min(16, s.key_len - key0); ++key)
      finite &= pack_value(values + key * a.v.row, copied, p.values + ((size_t)key0 + key) * VALUE_VECTORS);
    p.finite[key0 / 16] = finite ? 1.0f : 0.0f;
  }
}

/* ---- the two products -------------------------------------------------------------------------------------------- */

/* sum[r][v] = sum over c of queries[r][c] * panel[c][v]: the first `vectors` of a panel. */
static __attribute__((always_inline)) void multiply(local const float *queries, global const float16 *panel,
                                                    const int vectors, float16 sum[ROWS][VECTORS]) {
#pragma unroll
  for (int r = 0; r < ROWS; ++r)
#pragma unroll
    for (int v = 0; v < vectors; ++v) sum[r][v] = 0.0f;
  for (int c = 0; c < HEAD_DIM; ++c) {
    float16 keys[VECTORS];
#pragma unroll
    for (int v = 0; v < vectors; ++v) keys[v] = panel[c * VECTORS + v];
#pragma unroll
    for (int r = 0; r < ROWS; ++r)
#pragma unroll
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma((float16)queries[r * HEAD_DIM + c], keys[v], sum[r][v]);
  }
}

/* sums[r][v] += sum over the keys of weights[r][key] * values[key][v]. */
static __attribute__((always_inline)) void add_values(local const float *weights, global const float *values,
                                                      size_t row, int keys, const int vectors, local float16 *sums) {
  float16 sum[ROWS][VECTORS];
#pragma unroll
  for (int r = 0; r < ROWS; ++r)
#pragma unroll
    for (int v = 0; v < vectors; ++v) sum[r][v] = sums[r * VALUE_VECTORS + v];
  for (int key = 0; key < keys; ++key) {
    float16 value[VECTORS];
#pragma unroll
    for (int v = 0; v < vectors; ++v) value[v] = vload16(v, values + key * row);
#pragma unroll
    for (int r = 0; r < ROWS; ++r)
#pragma unroll
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma((float16)weights[r * STRIP + key], value[v], sum[r][v]);
  }
#pragma unroll
  for (int r = 0; r < ROWS; ++r)
#pragma unroll
    for (int v = 0; v < vectors; ++v) sums[r * VALUE_VECTORS + v] = sum[r][v];
}

/* The same for values that are not all finite: 0 times such a one is not 0, so masked keys are left out. */
void add_live_values(local const float *weights, global const float *values, size_t row, int keys,
                     local float16 *sums) {
  for (int r = 0; r < ROWS; ++r)
    for (int key = 0; key < keys; ++key)
      if (weights[r * STRIP + key] != 0.0f)
        for (int v = 0; v < VALUE_VECTORS; ++v)
          sums[r * VALUE_VECTORS + v] =
              fma((float16)weights[r * STRIP + key], vload16(v, values + key * row), sums[r * VALUE_VECTORS + v]);
}

/* ---- one strip --------------------------------------------------------------------------------------------------- */

/* The queries at hand. Rows behind `rows` repeat the last, so that nothing need ask for them. */
typedef struct block {
  local float16 *strip;  /* (ITEM_ROWS, STRIP / 16) */
  local float *queries;  /* (ITEM_ROWS, HEAD_DIM), scaled where scores are plain */
  local float16 *values; /* (ITEM_ROWS, VALUE_VECTORS): sums of weights times values */
  local float *largest;  /* (ITEM_ROWS) */
  local float16 *sums;   /* (ITEM_ROWS): of weights, by lane */
  local float16 *most;   /* (ITEM_ROWS): the largest scores of the strip, by lane */
  local int *first;      /* (ITEM_ROWS): keys within causality and window; both grow with the row */
  local int *end;
  int row0, rows, headroom;
} block;

int16 keys_from(int first) {
  return first + (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* Scores of ROWS rows from r on and a panel's keys from `key` on, into the strip from its vector `at` on. Only the
 * first `vectors` are needed. */
static __attribute__((always_inline)) void score_tile(const block b, int r, int key, int at,
                                                      global const float16 *panel, const int vectors) {
  const int all = key >= b.first[r + ROWS - 1] && key + vectors * 16 <= b.end[r];
  float16 sum[ROWS][VECTORS];
  multiply(b.queries + r * HEAD_DIM, panel, vectors, sum);
#pragma unroll
  for (int i = 0; i < ROWS; ++i) {
    float16 most = b.most[r + i];
#pragma unroll
    for (int v = 0; v < vectors; ++v) {
      const int16 keys = keys_from(key + v * 16);
      const float16 seen = keys >= b.first[r + i] && keys < b.end[r + i] ? sum[i][v] : -INFINITY;
      const float16 score = all ? sum[i][v] : seen;
      most = larger16(score, most);
      b.strip[(r + i) * (STRIP / 16) + at + v] = score;
    }
    b.most[r + i] = most;
  }
}

/* Products of the keys key0 ... end-1, as far as anyone sees them; what a row does not see is -infinity. */
void score_strip(const block b, global const float16 *packed_keys, int key0, int end) {
  for (int r = 0; r < ITEM_ROWS; ++r) b.most[r] = -INFINITY;
  for (int key = key0; key < end; key += PANEL_KEYS) {
    global const float16 *panel = packed_keys + (size_t)(key / 16) * HEAD_DIM;
    for (int r = 0; r < b.rows; r += ROWS) {
      const int last = min(end, b.end[r + ROWS - 1]);
      if (last <= key || b.first[r] >= key + PANEL_KEYS) continue;
      if (last <= key + PANEL_KEYS / 2)
        score_tile(b, r, key, (key - key0) / 16, panel, VECTORS / 2);
      else
        score_tile(b, r, key, (key - key0) / 16, panel, VECTORS);
    }
  }
}

/* From products to scores, where they are not the same, 16 keys from `key` on. */
float16 finish16(const attention a, const row_view view, int key, float16 products) {
  float lanes[16];
  vstore16(products * a.scale, 0, lanes);
  for (int lane = 0; lane < 16; ++lane) lanes[lane] = finish_score(a, view, key + lane, lanes[lane]);
  return vload16(0, lanes);
}

void finish_strip(const attention a, const sequence s, const block b, global const void *mask,
                  global const float *slopes, int key0, int end) {
  for (int r = 0; r < b.rows; ++r) {
    row_view view;
    view_row(a, s, b.row0 + r, mask, slopes, &view);
    const int group = r / ROWS * ROWS, last = min(end, b.end[group + ROWS - 1]);
    float16 most = -INFINITY;
    for (int key = max(key0, b.first[group] / 16 * 16); key < last; key += 16) {
      local float16 *at = b.strip + r * (STRIP / 16) + (key - key0) / 16;
      *at = finish16(a, view, key, *at);
      most = larger16(*at, most);
    }
    b.most[r] = most;
  }
}

/* The maximum of each row with this strip; sums of the earlier strips shrink where it has grown. Integers as maxima
 * change sums by a power of two. */
void raise_maxima(const block b, int plain) {
  for (int r = 0; r < b.rows; ++r) {
    const float most = largest_lane(b.most[r]), before = b.largest[r];
    if (!(most > before)) continue;
    const float larger = plain ? ceil(most) : most;
    b.largest[r] = larger;
    if (before == -INFINITY) continue;
    const float factor = plain ? as_float(((int)fmax(before - larger, -126.0f) + 127) << 23) : shrink(before, larger);
    b.sums[r] *= factor;
    for (int v = 0; v < VALUE_VECTORS; ++v) b.values[r * VALUE_VECTORS + v] *= factor;
  }
}

/* 2^((x - largest) * log2(e) - headroom); where the scale has taken log2(e) in already, without it. */
static __attribute__((always_inline)) float16 weight16(float16 x, float largest, int headroom, const int plain) {
  if (plain) return exp2_16(x - (largest + headroom));
  return exp2_16(fma(x - largest, LOG2_E, -(float)headroom));
}

/* Masked keys get exactly 0. */
static __attribute__((always_inline)) void weigh_row(const block b, int r, int from, int to, const int plain) {
  const float largest = b.largest[r] == -INFINITY ? 0.0f : b.largest[r];
  local float16 *strip = b.strip + r * (STRIP / 16);
  float16 sum = b.sums[r];
  for (int at = from / 16; at * 16 < to; ++at) {
    const float16 score = strip[at];
    const float16 weight = score == -INFINITY ? 0.0f : weight16(score, largest, b.headroom, plain);
    sum += weight;
    strip[at] = weight;
  }
  b.sums[r] = sum;
}

void weigh_strip(const block b, int key0, int end, int plain) {
  for (int r = 0; r < b.rows; ++r) {
    const int group = r / ROWS * ROWS;
    const int from = max(b.first[group] - key0, 0), to = min(b.end[group + ROWS - 1], end) - key0;
    if (plain)
      weigh_row(b, r, from, to, 1);
    else
      weigh_row(b, r, from, to, 0);
  }
}

void add_strip(const block b, global const float *values, size_t row, int key0, int end, int finite) {
  for (int r = 0; r < b.rows; r += ROWS) {
    const int from = max(b.first[r], key0), keys = min(b.end[r + ROWS - 1], end) - from;
    local const float *weights = (local const float *)b.strip + r * STRIP + from - key0;
    local float16 *sums = b.values + r * VALUE_VECTORS;
    global const float *corner = values + from * row;
    if (keys <= 0) continue;
    if (!finite) {
      add_live_values(weights, corner, row, keys, sums);
      continue;
    }
    for (int v = 0; v + VECTORS <= VALUE_VECTORS; v += VECTORS)
      add_values(weights, corner + v * 16, row, keys, VECTORS, sums + v);
    for (int v = VALUE_VECTORS / VECTORS * VECTORS; v < VALUE_VECTORS; ++v)
      add_values(weights, corner + v * 16, row, keys, 1, sums + v);
  }
}

int all_finite(global const float *finite, int key0, int end) {
  int all_are = 1;
  for (int key = key0; key < end; key += 16) all_are &= finite[key / 16] != 0.0f;
  return all_are;
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

void begin_block(const attention a, const sequence s, const block b, global const float *q, float factor, float sink) {
  for (int r = 0; r < ITEM_ROWS; ++r) {
    const int row = b.row0 + min(r, b.rows - 1);
    global const float *from = q + row * a.q.row;
    for (int c = 0; c < HEAD_DIM / 16; ++c) vstore16(vload16(c, from) * factor, c, b.queries + r * HEAD_DIM);
    for (int c = HEAD_DIM / 16 * 16; c < HEAD_DIM; ++c) b.queries[r * HEAD_DIM + c] = from[c] * factor;
    for (int v = 0; v < VALUE_VECTORS; ++v) b.values[r * VALUE_VECTORS + v] = 0.0f;
    b.largest[r] = sink;
    b.sums[r] = 0.0f;
    b.first[r] = first_key(a, s, row);
    b.end[r] = end_key(a, s, row);
  }
}

/* Of a causal mask the last block is the heaviest, the first the lightest: one of each in turn, so that a driver that
 * hands out groups in long runs (PoCL: up to half of them at once) hands out the same work with each. */
int block_of(int group, int groups) {
  return group % 2 == 0 ? groups - 1 - group / 2 : group / 2;
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
fused(global const float *q, global const float *k, global const float *v, global float *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace) {
  local float16 strip[ITEM_ROWS * STRIP / 16], values[ITEM_ROWS * VALUE_VECTORS], sums[ITEM_ROWS], most[ITEM_ROWS];
  local float queries[ITEM_ROWS * HEAD_DIM], largest[ITEM_ROWS];
  local int first[ITEM_ROWS], end[ITEM_ROWS];
  const size_t group = get_group_id(1) * get_num_groups(0) + get_group_id(0), blocks = get_num_groups(1);
  const int pair = group / blocks, row0 = block_of(group - pair * blocks, blocks) * ITEM_ROWS;
  const float folded = a.scale * LOG2_E;
  const int plain = is_plain(a, slopes) && fabs(folded) >= LEAST_FOLDED && fabs(folded) <= MOST_FOLDED;
  sequence s;
  packed p;
  find_sequence(a, sequences, pair, &s);
  find_packed(a, workspace, s.batch * (a.heads / a.group) + s.head / a.group, &p);
  const float unit = plain ? LOG2_E : 1.0f, sink = head_sink(sinks, s) * unit;
  const block b = {strip,
                   queries,
                   values,
                   largest,
                   sums,
                   most,
                   first,
                   end,
                   row0,
                   clamp(s.query_len - row0, 0, ITEM_ROWS),
                   headroom_of(s.key_len)};
  global const float *v_corner = values_are_copied(a) ? (global const float *)p.values : v + key_offset(a, a.v, s);
  const size_t v_row = values_are_copied(a) ? VALUE_COLUMNS : a.v.row;

  if (b.rows > 0) begin_block(a, s, b, q + query_offset(a, a.q, s), plain ? folded : 1.0f, plain ? ceil(sink) : sink);
  const int last_key = b.rows > 0 ? end[b.rows - 1] : 0;
  for (int key0 = b.rows > 0 ? first[0] / PANEL_KEYS * PANEL_KEYS : 0; key0 < last_key; key0 += STRIP) {
    const int key_end = min(key0 + STRIP, last_key);
    score_strip(b, p.keys, key0, key_end);
    if (!plain) finish_strip(a, s, b, mask, slopes, key0, key_end);
    raise_maxima(b, plain);
    weigh_strip(b, key0, key_end, plain);
    add_strip(b, v_corner, v_row, key0, key_end, all_finite(p.finite, key0, key_end));
  }

  for (int r = 0; r < min(ITEM_ROWS, a.query_len - row0); ++r) {
    const int exists = r < b.rows;
    const float above = exists ? largest[r] : sink;
    const float own = sink == -INFINITY ? 0.0f : first_lane(weight16(sink, above, b.headroom, plain));
    const float sum = (exists ? sum_of_lanes(sums[r]) : 0.0f) + own, inverse = sum == 0.0f ? 0.0f : 1.0f / sum;
    global float *to = context + query_offset(a, a.context, s) + (row0 + r) * a.context.row;
    for (int c = 0; c < VALUE_DIM / 16 && exists; ++c) vstore16(values[r * VALUE_VECTORS + c] * inverse, c, to);
    for (int c = VALUE_DIM / 16 * 16; c < VALUE_DIM && exists; ++c)
      to[c] = ((local const float *)values)[r * VALUE_COLUMNS + c] * inverse;
    store_fused_lse(a, lse, pair, row0 + r, plain ? above * LOG_2 : above, sum, b.headroom);
  }
}
