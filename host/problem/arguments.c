/* Checks inputs and outputs before a computation: see arguments.h. */
#include "problem/arguments.h"

#include "base/status.h"
#include "problem/tensors.h"

clattn_status clattn_check_rows(const clattn_problem *problem, const clattn_rows *rows, clattn_error *error) {
  if (rows == NULL) return CLATTN_OK;
  if (rows->count > 0 && rows->row == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "a list of %zu rows is NULL", rows->count);
  const size_t total = problem->batch * problem->heads * problem->query_len;
  for (size_t i = 0; i < rows->count; ++i)
    if (rows->row[i] >= total || (i > 0 && rows->row[i] <= rows->row[i - 1]))
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "rows[%zu] is %zu (allowed: strictly ascending, below %zu)", i,
                         rows->row[i], total);
  return CLATTN_OK;
}

static clattn_status check_key_lengths(const clattn_problem *p, const int32_t *lengths, clattn_error *error) {
  if (lengths == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "key_lengths is NULL");
  for (size_t b = 0; b < p->batch; ++b)
    if (lengths[b] < 0 || (size_t)lengths[b] > p->key_len)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "key_lengths[%zu] is %d (allowed: 0 to %zu, key_len)", b,
                         (int)lengths[b], p->key_len);
  return CLATTN_OK;
}

/* query_offsets or key_offsets of packed sequences. */
typedef struct packed_offsets {
  const char *name;
  const int32_t *offset;
  size_t total, longest;
} packed_offsets;

static clattn_status check_offsets(const clattn_problem *p, const packed_offsets *o, clattn_error *error) {
  if (o->offset == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%s is NULL", o->name);
  if (o->offset[0] != 0)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%s[0] is %d (allowed: 0)", o->name, (int)o->offset[0]);
  for (size_t b = 0; b < p->batch; ++b) {
    const int64_t length = (int64_t)o->offset[b + 1] - o->offset[b];
    if (length < 0 || (size_t)length > o->longest)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                         "%s[%zu] is %d, so sequence %zu has a length of %lld (allowed: 0 to %zu)", o->name, b + 1,
                         (int)o->offset[b + 1], b, (long long)length, o->longest);
  }
  if ((size_t)o->offset[p->batch] != o->total)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%s[%zu] is %d (allowed: all tokens, %zu)", o->name, p->batch,
                       (int)o->offset[p->batch], o->total);
  return CLATTN_OK;
}

clattn_status clattn_check_lengths(const clattn_problem *p, const clattn_inputs *inputs, clattn_error *error) {
  if (p->lengths == CLATTN_LENGTHS_KEYS) return check_key_lengths(p, inputs->key_lengths, error);
  if (p->lengths != CLATTN_LENGTHS_PACKED) return CLATTN_OK;
  const packed_offsets queries = {"query_offsets", inputs->query_offsets, p->packed_queries, p->query_len};
  const packed_offsets keys = {"key_offsets", inputs->key_offsets, p->packed_keys, p->key_len};
  const clattn_status status = check_offsets(p, &queries, error);
  return status == CLATTN_OK && p->source != CLATTN_SOURCE_X ? check_offsets(p, &keys, error) : status;
}

static clattn_status check_all(const clattn_problem *problem, const clattn_inputs *inputs,
                               const clattn_outputs *outputs, bool weights, clattn_error *error) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (!weights && clattn_is_weight(tensor)) continue;
    if (clattn_is_input(problem, tensor) && clattn_inputs_get(inputs, tensor) == NULL)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "input %s is NULL; the problem has one",
                         clattn_tensor_name(tensor));
  }
  if (problem->cache.capacity != 0 && inputs->cache == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "input cache is NULL; the problem has one");
  const clattn_status status = clattn_check_lengths(problem, inputs, error);
  return status == CLATTN_OK ? clattn_check_rows(problem, outputs->rows, error) : status;
}

clattn_status clattn_check_arguments(const clattn_problem *problem, const clattn_inputs *inputs,
                                     const clattn_outputs *outputs, clattn_error *error) {
  return check_all(problem, inputs, outputs, true, error);
}

clattn_status clattn_check_arguments_without_weights(const clattn_problem *problem, const clattn_inputs *inputs,
                                                     const clattn_outputs *outputs, clattn_error *error) {
  return check_all(problem, inputs, outputs, false, error);
}
