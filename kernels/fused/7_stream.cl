/* fused, rung 7: few queries, many keys (target: CPU). Keys and values are read once, in place. Formula and
 * arguments as in rung 1; `fused` leaves in workspace what `join` reads.
 *
 * With one query there is nothing to reuse: each element of a key or value takes part in one multiply-add, and
 * memory is the limit. So everything is read in the order in which it is stored, because processors prefetch what
 * follows. One work-item, a work-group of its own, processes one part of the keys, for HEADS KV heads side by side:
 *
 *     part 0   key   0   | head 0 | head 1 | ...  ->     STRIP keys at a time: scores, key by key;
 *              key   1   | head 0 | head 1 | ...  ->                           weights, row by row;
 *     part 1   key 128   | head 0 | head 1 | ...                               sums of values, KEYS keys at a time
 *
 * It serves up to ROWS queries per KV head (with GQA, those of all its query heads). Each part leaves its maximum,
 * sum and sums of values; `join` makes one result of all parts:
 *
 *     m = max of m[part]      context = (sum of exp(m[part] - m) * o[part]) / (sum of exp(m[part] - m) * s[part])
 *
 * Wins on CPU devices with one to a few queries per KV head. With more, rung 5 wins: it reads keys once for up to
 * 64.
 */
#ifndef PARTS
#define PARTS 32 /* 8, 16, 32, 64: at most; more keep more cores busy */
#endif
#ifndef HEADS
#define HEADS 8 /* 1, 2, 4, 8 */
#endif
#include "common/exp2.cl"
#include "common/fused.cl"
#include "common/lanes.cl"
#include "common/parts.h"

#define ROWS STREAM_ROWS
#define STRIP STREAM_STRIP
#define KEYS 4
#define VALUE_VECTORS ((VALUE_DIM + 15) / 16)
#define WHOLE_VECTORS (VALUE_DIM / 16)
#define PARTIAL_FLOATS (VALUE_DIM + 2) /* maximum, sum, sums of values */

global float *partial_of(const attention a, global float *workspace, int pair, int row, int part) {
  return workspace + (((size_t)pair * a.query_len + row) * PARTS + part) * PARTIAL_FLOATS;
}

/* A work-item's rows: those of KV head h start at h * ROWS. */
typedef struct rows {
  int heads, rows;       /* how many of HEADS and ROWS exist */
  local float *queries;  /* (HEADS * ROWS, HEAD_DIM) */
  local float16 *scores; /* (HEADS * ROWS, STRIP / 16), then weights */
  local float16 *values; /* (HEADS * ROWS, VALUE_VECTORS): sums */
  local float *largest, *sums;
} rows;

/* The query head and query of row r of KV head kv_head. */
void find_row(const attention a, int kv_head, int r, sequence *s, int *query) {
  const int member = r / a.query_len;
  s->head = kv_head * a.group + member;
  *query = r - member * a.query_len;
}

float dot_product(local const float *q, global const void *k, size_t at) {
  float16 sum = 0.0f;
#pragma unroll
  for (int c = 0; c < HEAD_DIM / 16; ++c) sum = fma(vload16(c, q), load_stored16(QK_TYPE, k, at + c * 16), sum);
  float rest = HEAD_DIM >= 16 ? sum_of_lanes(sum) : 0.0f;
  for (int c = HEAD_DIM / 16 * 16; c < HEAD_DIM; ++c) rest = fma(q[c], load_stored(QK_TYPE, k, at + c), rest);
  return rest;
}

/* Scores of keys key0 ... end - 1; key 0 of the first KV head is at k_at. */
void score_keys(const attention a, const rows b, global const void *k, size_t k_at, int key0, int end) {
  for (int key = key0; key < end; ++key)
    for (int h = 0; h < b.heads; ++h) {
      const size_t k_row = k_at + h * a.k.head + key * a.k.row;
      for (int x = h * ROWS; x < h * ROWS + b.rows; ++x)
        ((local float *)b.scores)[x * STRIP + key - key0] = dot_product(b.queries + x * HEAD_DIM, k, k_row) * a.scale;
    }
}

/* From scaled products to weights. A key is masked if the row does not see it or it does not exist. */
void weigh_keys(const attention a, const row_view view, int plain, const rows b, int x, int key0, int end,
                int headroom) {
  local float *scores = (local float *)(b.scores + x * (STRIP / 16));
  float16 most = -INFINITY, sum = 0.0f;
  for (int i = 0; i < STRIP; ++i) {
    const int key = key0 + i;
    if (key >= end || key < view.first || key >= view.end) scores[i] = -INFINITY;
    if (!plain && key < end) scores[i] = finish_score(a, view, key, scores[i]);
  }
  for (int i = 0; i < STRIP / 16; ++i) most = larger16(b.scores[x * (STRIP / 16) + i], most);
  const float before = b.largest[x], larger = fmax(before, largest_lane(most));
  const float largest = larger == -INFINITY ? 0.0f : larger, factor = larger > before ? shrink(before, larger) : 1.0f;
  for (int i = 0; i < STRIP / 16; ++i) {
    const float16 score = b.scores[x * (STRIP / 16) + i];
    const float16 weight = score == -INFINITY ? MASKED_WEIGHT : exp2_16(fma(score - largest, LOG2_E, -(float)headroom));
    sum += weight;
    b.scores[x * (STRIP / 16) + i] = weight;
  }
  b.largest[x] = larger;
  b.sums[x] = b.sums[x] * factor + sum_of_lanes(sum);
  if (factor == 1.0f) return;
  for (int i = 0; i < VALUE_VECTORS; ++i) b.values[x * VALUE_VECTORS + i] *= factor;
}

/* Adds weights times up to KEYS values to the sums of one row. A masked key is skipped, whatever its value holds. */
void add_values(local const float *weights, global const void *v, size_t at, size_t row, int keys,
                local float16 *values) {
  float16 sums[VALUE_VECTORS];
#pragma unroll
  for (int i = 0; i < WHOLE_VECTORS; ++i) sums[i] = values[i];
  for (int key = 0; key < keys; ++key) {
    const float weight = weights[key];
    if (is_masked(weight)) continue;
#pragma unroll
    for (int i = 0; i < WHOLE_VECTORS; ++i)
      sums[i] = fma((float16)weight, load_stored16(V_TYPE, v, at + key * row + i * 16), sums[i]);
    for (int c = WHOLE_VECTORS * 16; c < VALUE_DIM; ++c)
      ((local float *)values)[c] = fma(weight, load_stored(V_TYPE, v, at + key * row + c), ((local float *)values)[c]);
  }
#pragma unroll
  for (int i = 0; i < WHOLE_VECTORS; ++i) values[i] = sums[i];
}

void add_strip(const attention a, const rows b, global const void *v, size_t v_at, int key0, int end) {
  for (int key = key0; key < end; key += KEYS)
    for (int h = 0; h < b.heads; ++h)
      for (int x = h * ROWS; x < h * ROWS + b.rows; ++x)
        add_values((local const float *)b.scores + x * STRIP + key - key0, v, v_at + h * a.v.head + key * a.v.row,
                   a.v.row, min(KEYS, end - key), b.values + x * VALUE_VECTORS);
}

void begin_row(const rows b, int x, global const void *q, size_t at) {
  for (int c = 0; c < HEAD_DIM; ++c) b.queries[x * HEAD_DIM + c] = load_stored(QK_TYPE, q, at + c);
  for (int i = 0; i < VALUE_VECTORS; ++i) b.values[x * VALUE_VECTORS + i] = 0.0f;
  b.largest[x] = -INFINITY;
  b.sums[x] = 0.0f;
}

/* The work-item's number is (batch and HEADS of its KV heads, part, ROWS of their rows). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
fused(global const void *q, global const void *k, global const void *v, global float *context, const attention a,
      global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
      global float *lse, global float *workspace) {
  local float queries[HEADS * ROWS * HEAD_DIM], largest[HEADS * ROWS], sums[HEADS * ROWS];
  local float16 scores[HEADS * ROWS * STRIP / 16], values[HEADS * ROWS * VALUE_VECTORS];
  const int kv_heads = a.heads / a.group, head_blocks = (kv_heads + HEADS - 1) / HEADS;
  const int batch = get_global_id(0) / head_blocks, kv_head0 = (get_global_id(0) - batch * head_blocks) * HEADS;
  const int part = get_global_id(1), row0 = get_global_id(2) * ROWS, plain = is_plain(a, slopes);
  const rows b = {
      min(HEADS, kv_heads - kv_head0), min(ROWS, a.group * a.query_len - row0), queries, scores, values, largest, sums};
  sequence s;
  int query;
  find_sequence(a, sequences, batch * a.heads + kv_head0 * a.group, &s);
  const int begin = part * part_len(a.key_len, PARTS), end = min(begin + part_len(a.key_len, PARTS), s.key_len);
  const int headroom = headroom_of(s.key_len);
  const size_t k_at = key_offset(a, a.k, s), v_at = key_offset(a, a.v, s);

  for (int h = 0; h < b.heads; ++h)
    for (int r = 0; r < b.rows; ++r) {
      find_row(a, kv_head0 + h, row0 + r, &s, &query);
      query = min(query, max(s.query_len - 1, 0)); /* join ignores queries that a packed sequence lacks */
      begin_row(b, h * ROWS + r, q, query_offset(a, a.q, s) + query * a.q.row);
    }
  for (int key0 = begin; key0 < end; key0 += STRIP) {
    const int strip_end = min(key0 + STRIP, end);
    score_keys(a, b, k, k_at, key0, strip_end);
    for (int h = 0; h < b.heads; ++h)
      for (int r = 0; r < b.rows; ++r) {
        row_view view;
        find_row(a, kv_head0 + h, row0 + r, &s, &query);
        view_row(a, s, query, mask, slopes, &view);
        weigh_keys(a, view, plain, b, h * ROWS + r, key0, strip_end, headroom);
      }
    add_strip(a, b, v, v_at, key0, strip_end);
  }
  for (int h = 0; h < b.heads; ++h)
    for (int r = 0; r < b.rows; ++r) {
      find_row(a, kv_head0 + h, row0 + r, &s, &query);
      global float *partial = partial_of(a, workspace, batch * a.heads + s.head, query, part);
      local const float *sum = (local const float *)(values + (h * ROWS + r) * VALUE_VECTORS);
      partial[0] = largest[h * ROWS + r];
      partial[1] = sums[h * ROWS + r];
      for (int c = 0; c < VALUE_DIM; ++c) partial[2 + c] = sum[c];
    }
}

/* The post-process. The work-item's number is (pair, row). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
join(global const void *q, global const void *k, global const void *v, global float *context, const attention a,
     global const int *sequences, global const void *mask, global const float *slopes, global const float *sinks,
     global float *lse, global float *workspace) {
  const int pair = get_global_id(0), row = get_global_id(1);
  sequence s;
  find_sequence(a, sequences, pair, &s);
  const int exists = row < s.query_len, headroom = headroom_of(s.key_len);
  const int parts = exists ? (s.key_len + part_len(a.key_len, PARTS) - 1) / part_len(a.key_len, PARTS) : 0;
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
  global float *to = context + query_offset(a, a.context, s) + row * a.context.row;
  for (int c = 0; c < VALUE_DIM && exists; ++c) to[c] = sum == 0.0f ? 0.0f : sums[c] / sum;
  store_fused_lse(a, lse, pair, row, largest, sum, headroom);
}
