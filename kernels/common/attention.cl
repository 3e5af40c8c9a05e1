/* Where a head begins, which keys a query may see, and how a score is finished. The kernels of scores, context and
 * fused include this file.
 *
 * The strides can describe (batch, rows, heads, dim), the layout that a projection writes. Attention therefore reads q,
 * k and v in place; no copy has to rearrange them.
 */
#include "common/attention.h"

/* 1: no softcap, mask or ALiBi; causality and window may still apply. Kernels for GPUs that finish many scores in each
 * work-item are then compiled without what is not needed, because it takes registers all the same. */
#ifndef PLAIN_SCORES
#define PLAIN_SCORES 0
#endif

/* The sequence that a pair belongs to. All sequences are alike unless the `sequences` array gives lengths for each. */
typedef struct sequence {
  int batch, head;
  int first_query, query_len, first_key, key_len;
  int position; /* of its query 0 among its keys */
} sequence;

/* The result goes through a pointer because oclgrind 21.10 fails on a struct as a return value. */
void find_sequence(const attention a, global const int *sequences, int pair_in_block, sequence *s) {
  const int pair = a.first_pair + pair_in_block;
  s->batch = pair / a.heads;
  s->head = pair - s->batch * a.heads;
  s->first_query = s->first_key = 0;
  s->query_len = a.query_len;
  s->key_len = a.key_len;
  s->position = a.position;
  if (!sequences) return;
  global const int *at = sequences + s->batch * SEQUENCE_INTS;
  s->first_query = at[SEQUENCE_FIRST_QUERY];
  s->query_len = at[SEQUENCE_QUERY_LEN];
  s->first_key = at[SEQUENCE_FIRST_KEY];
  s->key_len = at[SEQUENCE_KEY_LEN];
  s->position = at[SEQUENCE_POSITION];
}

/* How many of this block's rows the sequence has; the block may have more. */
int rows_of(const attention a, const sequence s) {
  return clamp(s.query_len - a.first_row, 0, a.rows);
}

size_t query_offset(const attention a, const kernel_strides stride, const sequence s) {
  return s.batch * stride.batch + s.head * stride.head + (uint)(s.first_query + a.first_row) * stride.row;
}

size_t key_offset(const attention a, const kernel_strides stride, const sequence s) {
  return s.batch * stride.batch + s.head / a.group * stride.head + (size_t)s.first_key * stride.row;
}

/* Causality and window let this row of the block see the keys first_key() ... end_key() - 1. Both grow with the row.
 * They use long because an unlimited window is INT_MAX wide. */
int first_key(const attention a, const sequence s, int row) {
  return (int)clamp((long)a.first_row + row + s.position - a.left, 0L, (long)s.key_len);
}

int end_key(const attention a, const sequence s, int row) {
  return (int)clamp((long)a.first_row + row + s.position + a.right + 1, 0L, (long)s.key_len);
}

/* The same relative to the row, which is alike for all rows: row r sees those of the keys r + span.first ...
 * r + span.end - 1 that exist. */
typedef struct key_span {
  int first, end;
} key_span;

void find_span(const attention a, const sequence s, key_span *span) {
  const long position = (long)a.first_row + s.position;
  span->first = (int)clamp(position - a.left, (long)INT_MIN, (long)INT_MAX);
  span->end = (int)clamp(position + a.right + 1, (long)INT_MIN, (long)INT_MAX);
}

/* Without a branch, because each score asks. Lengths end far enough below INT_MAX for key - row. */
int is_seen(const key_span span, int row, int key) {
  return (key - row >= span.first) & (key - row < span.end);
}

/* Whether any of these rows may see any of the `keys` keys from key0 on. Always true if unmasked scores are wanted. */
int tile_is_seen(const attention a, const sequence s, int row0, int row_end, int key0, int keys) {
  return a.until != UNTIL_MASKED || (key0 < end_key(a, s, row_end - 1) && key0 + keys > first_key(a, s, row0));
}

/* Whether all of these rows see all of these keys. */
int all_are_seen(const attention a, const sequence s, int row0, int row_end, int key0, int keys) {
  return a.until != UNTIL_MASKED || (key0 >= first_key(a, s, row_end - 1) && key0 + keys <= end_key(a, s, row0));
}

/* Whether a score is just the scaled product, with no softcap, mask or ALiBi; causality and window may still apply. */
int is_plain(const attention a, global const float *slopes) {
  return PLAIN_SCORES || a.until == UNTIL_SCALED || (a.softcap == 0.0f && a.mask_kind == NO_MASK && !slopes);
}

/* What all keys of a row have in common. */
typedef struct row_view {
  int first, end; /* visible by causality and window */
  int position;
  float slope;
  global const float *bias;    /* of key 0; NULL: no additive mask */
  global const uchar *allowed; /* of key 0; NULL: no boolean mask */
} row_view;

void view_row(const attention a, const sequence s, int row, global const void *mask, global const float *slopes,
              row_view *view) {
  const size_t at = s.batch * a.mask.batch + s.head * a.mask.head + (size_t)(a.first_row + row) * a.mask.row;
  view->first = first_key(a, s, row);
  view->end = end_key(a, s, row);
  view->position = (int)((uint)(a.first_row + row) + (uint)s.position); /* may wrap for rows that do not exist */
  view->slope = slopes ? slopes[s.head] : 0.0f;
  view->bias = a.mask_kind == FLOAT_MASK ? (global const float *)mask + at : 0;
  view->allowed = a.mask_kind == BOOL_MASK ? (global const uchar *)mask + at : 0;
}

/* softcap * tanh(x / softcap). For |x| below 2^-12 of the softcap this is x, to within a third of a rounding error;
 * there the quotient could be subnormal, and devices may flush it to 0. fused/5_vector.cl repeats this for 16 rows. */
float softcapped(float x, float softcap) {
  return fabs(x) < softcap * 0x1p-12f ? x : softcap * tanh(x / softcap);
}

/* Adds ALiBi and an additive mask to the score of a visible key. A masked score is replaced by -infinity, not added to:
 * even a NaN of a masked key is gone. */
float mask_score(const attention a, const row_view view, int key, float score) {
#if !PLAIN_SCORES
  if (a.mask_kind != NO_MASK && key >= a.mask_len) return -INFINITY;
  if (view.allowed && !view.allowed[key * a.mask_key]) return -INFINITY;
  if (view.bias) {
    const float bias = view.bias[key * a.mask_key];
    if (bias == -INFINITY) return -INFINITY;
    score += bias;
  }
  if (view.slope != 0.0f) score -= view.slope * fabs((float)view.position - (float)key);
#endif
  return score;
}

float softcap_score(const attention a, float scaled) {
  return !PLAIN_SCORES && a.softcap > 0.0f ? softcapped(scaled, a.softcap) : scaled;
}

/* From the scaled product to the score: softcap, then bias and mask, in ONNX's order (fused/5_vector.cl repeats this
 * for 16 rows). */
float finish_score(const attention a, const row_view view, int key, float scaled) {
  if (a.until == UNTIL_SCALED) return scaled;
  const float score = softcap_score(a, scaled);
  if (a.until == UNTIL_SOFTCAPPED) return score;
  /* exercise mask: a key outside view.first ... view.end - 1 is masked */
  if (key < view.first || key >= view.end) return -INFINITY;
  /* end of exercise */
  return mask_score(a, view, key, score);
}
