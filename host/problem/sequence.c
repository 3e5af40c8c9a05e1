/* Sequences and the visible keys of their queries. */
#include "problem/sequence.h"

#include <limits.h>
#include <math.h>

#include "problem/shape.h"

int64_t clattn_window_left(const clattn_problem *problem) {
  return problem->window_left == CLATTN_UNBOUNDED ? INT_MAX : problem->window_left;
}

int64_t clattn_window_right(const clattn_problem *problem) {
  const int64_t right = problem->window_right == CLATTN_UNBOUNDED ? INT_MAX : problem->window_right;
  return problem->causal && right > 0 ? 0 : right;
}

clattn_sequence clattn_sequence_of(const clattn_problem *problem, const clattn_inputs *inputs, size_t batch) {
  clattn_sequence s = {.query_len = problem->query_len, .key_len = problem->key_len};
  if (inputs != NULL && problem->lengths == CLATTN_LENGTHS_KEYS) s.key_len = (size_t)inputs->key_lengths[batch];
  if (inputs != NULL && problem->lengths == CLATTN_LENGTHS_PACKED) {
    const int32_t *keys = problem->source == CLATTN_SOURCE_X ? inputs->query_offsets : inputs->key_offsets;
    s.first_query = (size_t)inputs->query_offsets[batch];
    s.query_len = (size_t)inputs->query_offsets[batch + 1] - s.first_query;
    s.first_key = (size_t)keys[batch];
    s.key_len = (size_t)keys[batch + 1] - s.first_key;
  }
  s.first_new = s.first_key;
  s.new_len = s.key_len;
  if (problem->cache.capacity != 0) {
    s.first_key = 0;
    if (inputs == NULL && s.query_len < s.key_len) s.new_len = s.query_len; /* as many new keys as queries */
    if (inputs != NULL) {
      const clattn_cached_sequence *cached = ((const clattn_cached_lengths *)inputs->cache)->sequences;
      s.new_len = cached[batch].appended;
      s.key_len = cached[batch].before + s.new_len;
      s.dropped = (int64_t)cached[batch].dropped;
    }
    s.position = (int64_t)s.key_len - (int64_t)s.new_len;
  }
  if (problem->alignment == CLATTN_ALIGN_BOTTOM_RIGHT) s.position = (int64_t)s.key_len - (int64_t)s.query_len;
  if (problem->alignment == CLATTN_ALIGN_OFFSET) s.position = problem->offset;
  return s;
}

static size_t clamp(int64_t value, size_t most) {
  return value < 0 ? 0 : value > (int64_t)most ? most : (size_t)value;
}

clattn_span clattn_live_keys(const clattn_problem *problem, const clattn_sequence *s, size_t query) {
  if (query >= s->query_len) return (clattn_span){0, 0};
  const int64_t position = (int64_t)query + s->position;
  const size_t first = clamp(position - clattn_window_left(problem), s->key_len);
  const size_t end = clamp(position + clattn_window_right(problem) + 1, s->key_len);
  return (clattn_span){first, end > first ? end : first};
}

/* Offset into the mask; a dimension of size 1 is broadcast. */
static size_t mask_offset(const clattn_problem *p, const size_t index[3]) {
  const size_t *shape = p->mask_shape;
  size_t offset = 0, step = shape[3];
  for (int i = 2; i >= 0; step *= shape[i--])
    if (shape[i] > 1) offset += index[i] * step;
  return offset;
}

clattn_score_row clattn_score_row_of(const clattn_problem *problem, const clattn_inputs *inputs, size_t row) {
  const size_t query = row % problem->query_len, pair = row / problem->query_len;
  clattn_score_row s = {
      .batch = pair / problem->heads, .head = pair % problem->heads, .query = query, .sink = -INFINITY};
  s.kv_head = s.head / (problem->heads / clattn_kv_heads(problem));
  s.sequence = clattn_sequence_of(problem, inputs, s.batch);
  s.keys = clattn_live_keys(problem, &s.sequence, query);
  s.position = (int64_t)query + s.sequence.position;
  if (problem->alibi) s.slope = (double)inputs->slopes[s.head];
  if (problem->sinks) s.sink = (double)inputs->sinks[s.head];
  if (problem->mask == CLATTN_MASK_NONE) return s;
  const size_t offset = mask_offset(problem, (const size_t[]){s.batch, s.head, query});
  if (problem->mask == CLATTN_MASK_FLOAT) s.bias = (const float *)inputs->mask + offset;
  if (problem->mask == CLATTN_MASK_BOOL) s.allowed = (const unsigned char *)inputs->mask + offset;
  s.mask_step = problem->mask_shape[3] > 1 ? 1 : 0;
  s.mask_len = s.mask_step == 1 ? problem->mask_shape[3] : problem->key_len;
  return s;
}

bool clattn_score_row_bias(const clattn_score_row *s, size_t key, clattn_bias *bias) {
  *bias = (clattn_bias){.slope = s->slope, .distance = fabs((double)s->position - (double)key)};
  if (key < s->keys.first || key >= s->keys.end) return false;
  if ((s->bias != NULL || s->allowed != NULL) && key >= s->mask_len) return false;
  if (s->allowed != NULL && s->allowed[key * s->mask_step] == 0) return false;
  if (s->bias != NULL) bias->mask = (double)s->bias[key * s->mask_step];
  return bias->mask != -INFINITY;
}
