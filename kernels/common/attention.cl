/* Where a head begins, which keys a query may see, and what becomes of its scores. Included by the kernels of scores
 * and context.
 *
 * With the strides of (batch, rows, heads, dim), the layout in which a projection leaves its result, nothing has to be
 * moved before attention reads it.
 */
#include "common/attention.h"

/* The sequence that a pair belongs to; all the same but where `sequences` says otherwise. */
typedef struct sequence {
  int batch, head;
  int first_query, query_len, first_key, key_len;
  int position; /* of its query 0 among its keys */
} sequence;

/* By pointer: of a struct that is returned oclgrind 21.10 makes something it does not know itself. */
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

/* Rows of this block that the sequence has; the block may be longer. */
int rows_of(const attention a, const sequence s) {
  return clamp(s.query_len - a.first_row, 0, a.rows);
}

size_t query_offset(const attention a, const kernel_strides stride, const sequence s) {
  return s.batch * stride.batch + s.head * stride.head + (size_t)(s.first_query + a.first_row) * stride.row;
}

size_t key_offset(const attention a, const kernel_strides stride, const sequence s) {
  return s.batch * stride.batch + s.head / a.group * stride.head + (size_t)s.first_key * stride.row;
}

/* Keys first_key ... end_key-1 are within causality and window of this row of the block; both grow with the row. Long,
 * because an unbounded side is INT_MAX wide. */
int first_key(const attention a, const sequence s, int row) {
  return (int)clamp((long)a.first_row + row + s.position - a.left, 0L, (long)s.key_len);
}

int end_key(const attention a, const sequence s, int row) {
  return (int)clamp((long)a.first_row + row + s.position + a.right + 1, 0L, (long)s.key_len);
}

/* Whether any of the rows may see any of `keys` keys from key0 on. Unmasked scores are wanted of all. */
int tile_is_seen(const attention a, const sequence s, int row0, int row_end, int key0, int keys) {
  return a.until != UNTIL_MASKED || (key0 < end_key(a, s, row_end - 1) && key0 + keys > first_key(a, s, row0));
}

/* Whether all of the rows see all of these keys. */
int all_are_seen(const attention a, const sequence s, int row0, int row_end, int key0, int keys) {
  return a.until != UNTIL_MASKED || (key0 >= first_key(a, s, row_end - 1) && key0 + keys <= end_key(a, s, row0));
}

/* Whether scores are scaled products and nothing else, but for the range of keys. */
int is_plain(const attention a, global const float *slopes) {
  return a.until == UNTIL_SCALED || (a.softcap == 0.0f && a.mask_kind == NO_MASK && !slopes);
}

/* What is the same for all keys of a row. */
typedef struct row_view {
  int first, end; /* keys within causality and window */
  int position;
  float slope;
  global const float *bias;    /* of key 0; NULL without */
  global const uchar *allowed; /* likewise */
} row_view;

void view_row(const attention a, const sequence s, int row, global const void *mask, global const float *slopes,
              row_view *view) {
  const size_t at = s.batch * a.mask.batch + s.head * a.mask.head + (size_t)(a.first_row + row) * a.mask.row;
  view->first = first_key(a, s, row);
  view->end = end_key(a, s, row);
  view->position = (int)((uint)(a.first_row + row) + (uint)s.position); /* may wrap for rows that there are not */
  view->slope = slopes ? slopes[s.head] : 0.0f;
  view->bias = a.mask_kind == FLOAT_MASK ? (global const float *)mask + at : 0;
  view->allowed = a.mask_kind == BOOL_MASK ? (global const uchar *)mask + at : 0;
}

/* softcap * tanh(x / softcap). Where x is below 2^-12 of the softcap that is x, to within a third of a rounding; the
 * quotient could be subnormal there, and devices may make 0 of it. (fused/5_vector.cl repeats this for 16 rows.) */
float softcapped(float x, float softcap) {
  return fabs(x) < softcap * 0x1p-12f ? x : softcap * tanh(x / softcap);
}

/* From the scaled product to the score (fused/5_vector.cl repeats this for 16 rows): softcap, then bias and mask, in
 * ONNX's order. What is masked is replaced, not added to: whatever the masked key held, NaN included, is gone. */
float finish_score(const attention a, const row_view view, int key, float scaled) {
  if (a.until == UNTIL_SCALED) return scaled;
  float score = a.softcap > 0.0f ? softcapped(scaled, a.softcap) : scaled;
  if (a.until == UNTIL_SOFTCAPPED) return score;
  /* exercise mask: a key out of the range view.first ... view.end is masked */
  if (key < view.first || key >= view.end) return -INFINITY;
  /* end of exercise */
  if (a.mask_kind != NO_MASK && key >= a.mask_len) return -INFINITY;
  if (view.allowed && !view.allowed[key * a.mask_key]) return -INFINITY;
  if (view.bias) {
    const float bias = view.bias[key * a.mask_key];
    if (bias == -INFINITY) return -INFINITY;
    score += bias;
  }
  if (view.slope != 0.0f) score -= view.slope * fabs((float)view.position - (float)key);
  return score;
}
