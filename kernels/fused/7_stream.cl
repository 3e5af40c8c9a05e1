/* fused, rung 7: few queries, many keys (target: CPU). Keys and values are read once, in place. Formula and
 * arguments as in rung 1.
 *
 * With one query there is nothing to reuse: each element of a key or value takes part in one multiply-add, and memory
 * is the limit. So everything is read in the order in which it is stored, and asked for 8 KiB ahead: processors then
 * read memory about twice as fast as with any other order, even that of pairs of keys. One work-item, a work-group of
 * its own, processes one part of the keys, for up to HEADS KV heads side by side:
 *
 *     part 0   key   0   | head 0 | head 1 | ...  ->     STRIP keys at a time: scores, key by key, TILE at once;
 *              key   1   | head 0 | head 1 | ...  ->                           weights, row by row;
 *     part 1   key 2048  | head 0 | head 1 | ...                               sums of values, key by key
 *
 * A cache is read in place, too, as it is stored; k_scales and v_scales are the scales of its vectors, for types that
 * have some. Bytes are unpacked once for up to TILE rows of a KV head. With pages, `table` (batch, a.table_width) has
 * the numbers of those of each sequence. A strip's keys are looked up once. What is asked for ahead lies in the page
 * that follows in memory, which is the next one of the sequence if the sequence got them one after the other.
 *
 * It serves up to ROWS queries per KV head (with GQA, those of all its query heads). TILE products are computed side by
 * side, so that additions of lanes are shared and no product waits for another. Where a head's keys follow each other
 * in memory, or there are fewer than TILE lines, a tile has TILE keys of one line instead.
 *
 * Each part leaves its maximum, sum and sums of values in workspace; one result is made of all parts:
 *
 *     m = max of m[part]      context = (sum of exp(m[part] - m) * o[part]) / (sum of exp(m[part] - m) * s[part])
 *
 * The work-item itself makes it if there is one part, else `join`, in a launch of its own. There are as few parts as
 * give all compute units work (host/catalog/fused.c): one if there is a sequence for each.
 *
 * Wins on CPU devices with one to a few queries per KV head. With more, rung 5 wins: it reads keys once for up to 64.
 * One query, 8 heads of 64, one core of a Zen 5 server, of what a loop that only reads the same reaches: with AVX-512
 * 75 % (1024 keys), 77 % (4096), 78 % (16384), with AVX2 67, 65 and 87 %; reading one head after the other took 2
 * times as long at 16384 keys. With 4 queries per KV head multiply-adds are the limit, too: 50 %.
 */
#ifndef HEADS
#define HEADS 8 /* 1, 2, 4, 8: KV heads that a work-item processes at most. The host alone reads UNIT_GROUPS */
#endif
#include "common/exp2.cl"
#include "common/fused.cl"
#include "common/lanes.cl"
#include "common/parts.h"

#define ROWS STREAM_ROWS
#define STRIP STREAM_STRIP
#define LINES (HEADS * ROWS)
#define TILE 4    /* products whose lanes are added side by side */
#define STEP 2    /* keys of a head whose values are added together, where a head has several rows */
#define COLUMNS 4 /* vectors of a value whose sums are in registers */
#define VALUE_VECTORS ((VALUE_DIM + 15) / 16)
#define WHOLE_VECTORS (VALUE_DIM / 16)
#define LAST_COLUMNS (WHOLE_VECTORS / COLUMNS * COLUMNS)
#define PARTIAL_FLOATS (VALUE_DIM + 2) /* maximum, sum, sums of values */
#define BITS(type) (type == STORED_F32 ? 32 : type < STORED_I8_TOKEN ? 16 : type < STORED_Q4 ? 8 : 4)
#define IS_PACKED(type) (type >= STORED_I8_TOKEN) /* unpacking an element takes longer than multiplying it */

/* Functions whose loops must be unrolled: loop bounds that are arguments become constants only by inlining. */
#define INLINE static __attribute__((always_inline))

global float *partial_of(const attention a, global float *workspace, int pair, int row, int part) {
  return workspace + (((size_t)pair * a.query_len + row) * a.parts + part) * PARTIAL_FLOATS;
}

/* A work-item's lines: the rows of its first KV head, then those of the next. */
typedef struct lines {
  int kv_heads, rows, count; /* count = kv_heads * rows */
  int kv_head0;
  int by_key;            /* whether the heads of a key lie side by side, and there are enough lines for a tile */
  local ulong *k_from;   /* (LINES): where the keys of each line's head begin, from those of the first */
  local float *queries;  /* (LINES, HEAD_DIM) */
  local float16 *scores; /* (LINES, STRIP / 16), then weights */
  local float16 *sums;   /* (LINES, VALUE_VECTORS): of values times weights, of this strip */
  local float16 *totals; /* (LINES, VALUE_VECTORS): of earlier strips */
  local float *largest, *weights;
  local ulong *places;                    /* with pages, (STRIP): the rows of a strip's keys in the cache */
  global const void *k_scales, *v_scales; /* of a cache whose type has some */
} lines;

/* The row of a strip's key: counted from the strip's first, or with pages from row 0 of the cache. */
INLINE size_t row_of(const lines b, int key) {
  return PAGES ? b.places[key] : key;
}

#if PAGES
/* Finds the rows of a strip's keys; `table` has the numbers of the sequence's pages. */
void find_places(const lines b, global const int *table, int page_len, int key0, int keys) {
  int page = key0 / page_len, token = key0 - page * page_len;
  for (int key = 0; key < keys; ++key) {
    b.places[key] = (size_t)table[page] * page_len + token;
    if (++token < page_len) continue;
    token = 0;
    ++page;
  }
}
#endif

/* The query head and query of row r of KV head kv_head. */
void find_row(const attention a, int kv_head, int r, sequence *s, int *query) {
  const int member = r / a.query_len;
  s->head = kv_head * a.group + member;
  *query = r - member * a.query_len;
}

/* Asks for so many elements, AHEAD bytes after this one. Compilers that make code for a processor have the built-in.
 */
#define AHEAD 8192
#if defined(__x86_64__) || defined(__aarch64__)
INLINE void fetch(global const void *from, int bits, size_t at, int elements) {
#pragma unroll 4
  for (int i = 0; i < elements * bits / 8; i += 64)
    __builtin_prefetch((const void *)(size_t)((global const char *)from + at * bits / 8 + AHEAD + i), 0, 3);
}
#else
#define fetch(from, bits, at, elements)
#endif

/* ---- scores ------------------------------------------------------------------------------------------------------ */

/* What a tile multiplies: queries, and where the keys begin; for a scale by head also the keys' KV heads. */
typedef struct tile {
  local const float *q[TILE];
  size_t at[TILE];
  int head[TILE];
} tile;

/* TILE products of a query and a key, `columns` vectors of one after those of another. */
INLINE void multiply_tile(const lines b, const tile t, global const void *k, const int columns, float product[TILE]) {
  float16 sum[TILE];
  stored_vector key[TILE];
#pragma unroll
  for (int i = 0; i < TILE; ++i) {
    sum[i] = 0.0f;
    find_cached(K_TYPE, k, b.k_scales, t.at[i], HEAD_DIM, t.head[i], &key[i]);
  }
#pragma unroll
  for (int c0 = 0; c0 < HEAD_DIM / 16; c0 += columns)
#pragma unroll
    for (int i = 0; i < TILE; ++i)
#pragma unroll
      for (int c = c0; c < c0 + columns; ++c)
        sum[i] = fma(vload16(c, t.q[i]), load_elements16(K_TYPE, key[i], c * 16), sum[i]);
  if (HEAD_DIM >= 16) {
    const float4 all = sums_of_lanes(sum[0], sum[1], sum[2], sum[3]);
    product[0] = all.x, product[1] = all.y, product[2] = all.z, product[3] = all.w;
  } else {
#pragma unroll
    for (int i = 0; i < TILE; ++i) product[i] = 0.0f;
  }
#pragma unroll
  for (int i = 0; i < TILE; ++i)
    for (int c = HEAD_DIM / 16 * 16; c < HEAD_DIM; ++c)
      product[i] = fma(t.q[i][c], load_element(K_TYPE, key[i], c), product[i]);
}

/* The KV head whose keys begin at k_from. */
INLINE int head_at(const lines b, size_t k_from) {
  return b.kv_head0 + k_from / HEAD_DIM;
}

/* One key at a time, for TILE lines. The last tile has lines that nobody reads. ONE_ROW: each line has a head of its
 * own; ONE_HEAD: the lines of a tile have the same, so that its key is loaded once for them. */
enum { ANY_LINES, ONE_ROW, ONE_HEAD };

INLINE void score_by_key(const attention a, const lines b, global const void *k, size_t k_at, int keys,
                         const int kind) {
  const int elements = TILE * HEAD_DIM, fetched = kind == ONE_ROW ? elements : elements / b.rows;
  for (int key = 0; key < keys; ++key)
    for (int line = 0; line < b.count; line += TILE) {
      tile t;
      float product[TILE];
#pragma unroll
      for (int i = 0; i < TILE; ++i) {
        const size_t from = b.k_from[line + (kind == ONE_HEAD ? 0 : i)];
        t.q[i] = b.queries + (line + i) * HEAD_DIM;
        t.at[i] = k_at + row_of(b, key) * a.k.row + from;
        t.head[i] = head_at(b, from);
      }
      fetch(k, BITS(K_TYPE), t.at[0], fetched);
      multiply_tile(b, t, k, kind == ONE_HEAD ? 1 : HEAD_DIM / 16, product);
#pragma unroll
      for (int i = 0; i < TILE; ++i) ((local float *)b.scores)[(line + i) * STRIP + key] = product[i];
    }
}

/* As score_by_key(), for keys that are unpacked: all lines of a tile have the same head, so that its key is unpacked
 * once for them. The head's last line fills up its last tile. */
INLINE void score_packed(const attention a, const lines b, global const void *k, size_t k_at, int keys) {
  for (int key = 0; key < keys; ++key)
    for (int line0 = 0; line0 < b.count; line0 += b.rows)
      for (int row = 0; row < b.rows; row += TILE) {
        const size_t from = b.k_from[line0];
        tile t;
        float product[TILE];
#pragma unroll
        for (int i = 0; i < TILE; ++i) {
          t.q[i] = b.queries + (line0 + min(row + i, b.rows - 1)) * HEAD_DIM;
          t.at[i] = k_at + row_of(b, key) * a.k.row + from;
          t.head[i] = head_at(b, from);
        }
        if (row == 0) fetch(k, BITS(K_TYPE), t.at[0], HEAD_DIM);
        multiply_tile(b, t, k, 1, product);
        for (int i = 0; i < min(TILE, b.rows - row); ++i)
          ((local float *)b.scores)[(line0 + row + i) * STRIP + key] = product[i];
      }
}

/* TILE keys at a time, for one line; the last key fills up the last tile. */
void score_by_line(const attention a, const lines b, global const void *k, size_t k_at, int keys) {
  for (int line = 0; line < b.count; ++line) {
    for (int key = 0; key < keys; key += TILE) {
      tile t;
      float product[TILE];
#pragma unroll
      for (int i = 0; i < TILE; ++i) {
        t.q[i] = b.queries + line * HEAD_DIM;
        t.at[i] = k_at + b.k_from[line] + row_of(b, min(key + i, keys - 1)) * a.k.row;
        t.head[i] = head_at(b, b.k_from[line]);
      }
      fetch(k, BITS(K_TYPE), t.at[0], TILE * HEAD_DIM);
      multiply_tile(b, t, k, HEAD_DIM / 16, product);
      vstore4((float4)(product[0], product[1], product[2], product[3]), 0,
              (local float *)b.scores + line * STRIP + key);
    }
  }
}

void score_strip(const attention a, const lines b, global const void *k, size_t k_at, int keys) {
  if (!b.by_key)
    score_by_line(a, b, k, k_at, keys);
  else if (b.rows == 1)
    score_by_key(a, b, k, k_at, keys, ONE_ROW);
  else if (IS_PACKED(K_TYPE))
    score_packed(a, b, k, k_at, keys);
  else if (b.rows % TILE == 0)
    score_by_key(a, b, k, k_at, keys, ONE_HEAD);
  else
    score_by_key(a, b, k, k_at, keys, ANY_LINES);
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* From products to weights. A key is masked if the row does not see it or it does not exist. */
INLINE void weigh_keys(const attention a, const row_view view, int plain, const lines b, int line, int key0, int keys,
                       int headroom) {
  local float16 *vectors = b.scores + line * (STRIP / 16);
  local float *scores = (local float *)vectors;
  float16 most = -INFINITY, sum = 0.0f;
  if (plain && keys == STRIP && key0 >= view.first && key0 + STRIP <= view.end)
    for (int i = 0; i < STRIP / 16; ++i) vectors[i] *= a.scale;
  else
    for (int i = 0; i < STRIP; ++i)
      scores[i] = i < keys ? finish_score(a, view, key0 + i, scores[i] * a.scale) : -INFINITY;
  for (int i = 0; i < STRIP / 16; ++i) most = larger16(vectors[i], most);
  const float before = b.largest[line], larger = fmax(before, largest_lane(most));
  const float largest = larger == -INFINITY ? 0.0f : larger, factor = larger > before ? shrink(before, larger) : 1.0f;
  for (int i = 0; i < STRIP / 16; ++i) {
    const float16 score = vectors[i];
    const float16 weight = score == -INFINITY ? MASKED_WEIGHT : exp2_16(fma(score - largest, LOG2_E, -(float)headroom));
    sum += weight;
    vectors[i] = weight;
  }
  b.largest[line] = larger;
  b.weights[line] = b.weights[line] * factor + sum_of_lanes(sum);
  if (factor == 1.0f) return;
  for (int i = 0; i < VALUE_VECTORS; ++i) b.totals[line * VALUE_VECTORS + i] *= factor;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Values of a head, from one of a strip's keys on. */
typedef struct head_values {
  global const void *v;
  size_t at, row; /* where the head's values begin in row 0, and elements from one row to the next */
  int head, key0, keys;
} head_values;

INLINE void find_value(const lines b, const head_values from, int key, stored_vector *value) {
  const size_t at = from.at + row_of(b, from.key0 + key) * from.row;
  find_cached(V_TYPE, from.v, b.v_scales, at, VALUE_DIM, from.head, value);
}

/* Adds weights times `vectors` vectors of each value, from column c on. A masked key is skipped, whatever its value
 * holds. */
INLINE void add_columns(const lines b, local const float *weights, const head_values from, int c, local float16 *to,
                        const int vectors) {
  float16 sum[COLUMNS];
#pragma unroll
  for (int i = 0; i < vectors; ++i) sum[i] = to[i];
  for (int key = 0; key < from.keys; ++key) {
    const float weight = weights[key];
    stored_vector value;
    if (is_masked(weight)) continue;
    find_value(b, from, key, &value);
#pragma unroll
    for (int i = 0; i < vectors; ++i) sum[i] = fma((float16)weight, load_elements16(V_TYPE, value, c + i * 16), sum[i]);
  }
#pragma unroll
  for (int i = 0; i < vectors; ++i) to[i] = sum[i];
}

INLINE void add_values(const lines b, local const float *weights, const head_values from, local float16 *to) {
  for (int i = 0; i + COLUMNS <= WHOLE_VECTORS; i += COLUMNS) add_columns(b, weights, from, i * 16, to + i, COLUMNS);
  if (WHOLE_VECTORS % COLUMNS > 0)
    add_columns(b, weights, from, LAST_COLUMNS * 16, to + LAST_COLUMNS, WHOLE_VECTORS % COLUMNS);
  for (int key = 0; key < from.keys && WHOLE_VECTORS * 16 < VALUE_DIM; ++key) {
    const float weight = weights[key];
    stored_vector value;
    if (is_masked(weight)) continue;
    find_value(b, from, key, &value);
    for (int c = WHOLE_VECTORS * 16; c < VALUE_DIM; ++c)
      ((local float *)to)[c] = fma(weight, load_element(V_TYPE, value, c), ((local float *)to)[c]);
  }
}

/* As add_values() for STEP keys and up to TILE rows of a head, so that each value is loaded once for all of them. Does
 * nothing and returns 0 if a row does not see one of the keys. */
INLINE int add_rows(const lines b, local const float *weights, const head_values from, local float16 *to,
                    const int rows) {
  float weight[TILE][STEP];
  stored_vector found[STEP];
  int masked = 0;
#pragma unroll
  for (int r = 0; r < rows; ++r)
#pragma unroll
    for (int key = 0; key < STEP; ++key) {
      weight[r][key] = weights[r * STRIP + key];
      masked |= is_masked(weight[r][key]);
    }
  if (masked) return 0;
#pragma unroll
  for (int key = 0; key < STEP; ++key) find_value(b, from, key, &found[key]);
  for (int i = 0; i < WHOLE_VECTORS; ++i) {
    float16 value[STEP];
#pragma unroll
    for (int key = 0; key < STEP; ++key) value[key] = load_elements16(V_TYPE, found[key], i * 16);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      float16 sum = to[r * VALUE_VECTORS + i];
#pragma unroll
      for (int key = 0; key < STEP; ++key) sum = fma((float16)weight[r][key], value[key], sum);
      to[r * VALUE_VECTORS + i] = sum;
    }
  }
  return 1;
}

/* As add_rows() for the rows of a head that do not fill a tile. Returns how many it has added: all or none. */
INLINE int add_last_rows(const lines b, local const float *weights, const head_values from, local float16 *to,
                         int rows) {
  if (rows == 2) return rows * add_rows(b, weights, from, to, 2);
  if (rows == 3) return rows * add_rows(b, weights, from, to, 3);
  return 0;
}

INLINE void add_heads(const attention a, const lines b, global const void *v, size_t v_at, int key, const int keys,
                      const int rows) {
  for (int h = 0; h < b.kv_heads; ++h) {
    const head_values from = {v, v_at + h * a.v.head, a.v.row, b.kv_head0 + h, key, keys};
    local const float *weights = (local const float *)b.scores + key;
    fetch(v, BITS(V_TYPE), v_at + row_of(b, key) * a.v.row + h * keys * VALUE_DIM, keys * VALUE_DIM);
    int line = h * rows;
    while (keys == STEP && VALUE_DIM % 16 == 0 && line + TILE <= (h + 1) * rows &&
           add_rows(b, weights + line * STRIP, from, b.sums + line * VALUE_VECTORS, TILE))
      line += TILE;
    if (IS_PACKED(V_TYPE) && keys == STEP && VALUE_DIM % 16 == 0)
      line += add_last_rows(b, weights + line * STRIP, from, b.sums + line * VALUE_VECTORS, (h + 1) * rows - line);
    for (; line < (h + 1) * rows; ++line) add_values(b, weights + line * STRIP, from, b.sums + line * VALUE_VECTORS);
  }
}

/* Adds the values of a strip, some keys of a head at a time. */
void add_strip(const attention a, const lines b, global const void *v, size_t v_at, int keys) {
  if (!b.by_key)
    add_heads(a, b, v, v_at, 0, keys, b.rows);
  else if (b.rows == 1)
    for (int key = 0; key < keys; ++key) add_heads(a, b, v, v_at, key, 1, 1);
  else
    for (int key = 0; key < keys; key += STEP) add_heads(a, b, v, v_at, key, min(STEP, keys - key), b.rows);
  for (int i = 0; i < b.count * VALUE_VECTORS; ++i) {
    b.totals[i] += b.sums[i];
    b.sums[i] = 0.0f;
  }
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

void begin_line(const lines b, int line, size_t k_from, global const void *q, size_t at) {
  b.k_from[line] = k_from;
  for (int c = 0; c < HEAD_DIM; ++c) b.queries[line * HEAD_DIM + c] = load_stored(Q_TYPE, q, at + c);
  for (int i = 0; i < VALUE_VECTORS; ++i) b.sums[line * VALUE_VECTORS + i] = b.totals[line * VALUE_VECTORS + i] = 0.0f;
  b.largest[line] = -INFINITY;
  b.weights[line] = 0.0f;
}

/* Stores sums / sum. */
void store_row(int type, const float sums[VALUE_DIM], float sum, global void *to, size_t at) {
  for (int c = 0; c + 16 <= VALUE_DIM; c += 16) store_stored16(type, vload16(0, sums + c) / sum, to, at + c);
  for (int c = VALUE_DIM / 16 * 16; c < VALUE_DIM; ++c) store_stored(type, sums[c] / sum, to, at + c);
}

/* Makes one result of all parts of a row. */
void join_parts(const attention a, global const int *sequences, global const float *sinks, int pair, int row,
                global float *workspace, global void *context, global float *lse) {
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int exists = row < s.query_len, headroom = headroom_of(s.key_len), len = part_len(a.key_len, a.parts);
  const int parts = exists ? (s.key_len + len - 1) / len : 0;
  const float sink = head_sink(sinks, s);
  float largest = sink;
  for (int part = 0; part < parts; ++part) largest = fmax(largest, partial_of(a, workspace, pair, row, part)[0]);
  float sum = sink == -INFINITY ? 0.0f : live_part(sink, largest, headroom);
  float sums[VALUE_DIM];
  for (int c = 0; c < VALUE_DIM; ++c) sums[c] = 0.0f;
  for (int part = 0; part < parts; ++part) {
    global const float *partial = partial_of(a, workspace, pair, row, part);
    if (partial[1] == 0.0f) continue;
    const float factor = shrink(partial[0], largest);
    sum += partial[1] * factor;
    for (int c = 0; c < VALUE_DIM; ++c) sums[c] += partial[2 + c] * factor;
  }
  if (exists)
    store_row(a.context_type, sums, sum == 0.0f ? 1.0f : sum, context,
              query_offset(a, a.context, s) + row * a.context.row);
  store_fused_lse(a, lse, pair, row, largest, sum, headroom);
}

/* The work-item's number is (batch and a.kv_heads_together of its KV heads, part, ROWS of their rows). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
fused(global const void *q, global const void *k, global const void *v, global void *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace, global const void *k_scales, global const void *v_scales,
      global const int *table) {
  local float queries[LINES * HEAD_DIM], largest[LINES], weights[LINES];
  local float16 scores[LINES * STRIP / 16], sums[LINES * VALUE_VECTORS], totals[LINES * VALUE_VECTORS];
  local ulong k_from[LINES];
#if PAGES
  local ulong places[STRIP];
#else
  local ulong *const places = 0;
#endif
  const int heads = a.kv_heads_together, kv_heads = a.heads / a.group, head_blocks = (kv_heads + heads - 1) / heads;
  const int batch = get_global_id(0) / head_blocks, kv_head0 = (get_global_id(0) - batch * head_blocks) * heads;
  const int part = get_global_id(1), row0 = get_global_id(2) * ROWS, plain = is_plain(a, slopes);
  const int own_heads = min(heads, kv_heads - kv_head0), rows = min(ROWS, a.group * a.query_len - row0);
  const int by_key = a.k.head <= a.k.row && own_heads * rows >= TILE;
  const lines b = {own_heads, rows,   own_heads * rows, kv_head0, by_key, k_from,   queries, scores,
                   sums,      totals, largest,          weights,  places, k_scales, v_scales};
  sequence s;
  int query;
  find_sequence(a, sequences, batch * a.heads + kv_head0 * a.group, &s);
  const int len = part_len(a.key_len, a.parts), begin = part * len, end = min(begin + len, s.key_len);
  const int headroom = headroom_of(s.key_len);
  const size_t k_at = rows_offset(a, a.k, s), v_at = rows_offset(a, a.v, s);

  for (int h = 0; h < b.kv_heads; ++h)
    for (int r = 0; r < b.rows; ++r) {
      find_row(a, kv_head0 + h, row0 + r, &s, &query);
      query = min(query, max(s.query_len - 1, 0)); /* join_parts() ignores queries that a packed sequence lacks */
      begin_line(b, h * b.rows + r, h * a.k.head, q, query_offset(a, a.q, s) + query * a.q.row);
    }
  for (int line = b.count; line % TILE > 0; ++line) begin_line(b, line, (b.kv_heads - 1) * a.k.head, q, 0);
  for (int key0 = begin; key0 < end; key0 += STRIP) {
    const int keys = min(STRIP, end - key0), first = PAGES ? 0 : key0;
#if PAGES
    find_places(b, table + s.batch * a.table_width, a.page_len, key0, keys);
#endif
    score_strip(a, b, k, k_at + first * a.k.row, keys);
    for (int line = 0; line < b.count; ++line) {
      row_view view;
      find_row(a, kv_head0 + line / b.rows, row0 + line - line / b.rows * b.rows, &s, &query);
      view_row(a, s, query, mask, slopes, &view);
      weigh_keys(a, view, plain, b, line, key0, keys, headroom);
    }
    add_strip(a, b, v, v_at + first * a.v.row, keys);
  }
  for (int line = 0; line < b.count; ++line) {
    find_row(a, kv_head0 + line / b.rows, row0 + line - line / b.rows * b.rows, &s, &query);
    const int pair = batch * a.heads + s.head;
    global float *partial = partial_of(a, workspace, pair, query, part);
    local const float *total = (local const float *)(totals + line * VALUE_VECTORS);
    partial[0] = largest[line];
    partial[1] = weights[line];
    for (int c = 0; c < VALUE_DIM; ++c) partial[2 + c] = total[c];
    if (a.parts == 1) join_parts(a, sequences, sinks, pair, query, workspace, context, lse);
  }
}

/* The post-process, if there are several parts. The work-item's number is (pair, row). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
join(global const void *q, global const void *k, global const void *v, global void *context, const attention a,
     global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
     global float *lse, global float *workspace, global const void *k_scales, global const void *v_scales,
     global const int *table) {
  join_parts(a, sequences, sinks, get_global_id(0), get_global_id(1), workspace, context, lse);
}
