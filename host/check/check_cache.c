/* Checks this run's keys and values as read back from the cache: they must equal what was appended,
 * rounded to the cache's type. Older entries were checked by the run that appended them. */
#include <math.h>
#include <stdlib.h>

#include "cache/cache.h"
#include "check/check.h"
#include "base/status.h"

/* The cached keys or values while they are checked. */
typedef struct cached {
  clattn_tensor tensor, fresh;
  const float *got, *truth; /* cached (batch, keys, columns); this run's (tokens, columns) */
  size_t columns, dim;
} cached;

/* The quantisation step of a vector whose largest element becomes 127. */
static double byte_step(const float *vector, size_t dim) {
  float largest = 0.0f; /* not double: GCC 12 for 64-bit ARM crashes where a loop widens what fmax gathers */
  for (size_t i = 0; i < dim; ++i) largest = fmaxf(largest, fabsf(vector[i]));
  return (double)largest / 127.0;
}

/* Rounding to int8 is off by at most half a step; the step is per vector or per head. */
static double bound_of(clattn_cache_type type, double value, double step) {
  switch (type) {
  case CLATTN_CACHE_F16:
    return clattn_bound_narrowing(CLATTN_F16, value);
  case CLATTN_CACHE_BF16:
    return clattn_bound_narrowing(CLATTN_BF16, value);
  case CLATTN_CACHE_I8_TOKEN:
  case CLATTN_CACHE_I8_HEAD:
    return clattn_bound_bytes(step, value);
  case CLATTN_CACHE_F32:
    break;
  }
  return 0.0;
}

static void check_vector(const clattn_checker *c, const cached *t, size_t token, size_t place, size_t head,
                         clattn_row_buffers *b) {
  const clattn_cache *cache = c->inputs->cache;
  const clattn_cache_type type = c->seen->cache.type;
  const float *truth = t->truth + token * t->columns + head * t->dim,
              *got = t->got + place * t->columns + head * t->dim;
  const float *given = t->fresh == CLATTN_K ? cache->k_scale_host : cache->v_scale_host;
  const double step = type == CLATTN_CACHE_I8_HEAD ? (double)given[head] : byte_step(truth, t->dim);
  for (size_t i = 0; i < t->dim; ++i) {
    const size_t at = head * t->dim + i;
    double value = (double)truth[i];
    if (type == CLATTN_CACHE_I8_HEAD) value = fmax(-127.0 * step, fmin(127.0 * step, value));
    b->expected[at] = value;
    b->magnitude[at] = fabs(value);
    b->bound[at] = bound_of(type, value, step) + clattn_bound_product(0.0, 1, 1);
    b->naive[at] = got[i]; /* gate 2 does not model this rounding: count it as the reference's error too */
  }
}

static clattn_status check_one(clattn_checker *c, const cached *t, clattn_error *error) {
  const clattn_problem *p = c->seen;
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED;
  clattn_comparison comparison = clattn_check_begin(t->tensor, false);
  clattn_row_buffers b = {0};
  if (!clattn_row_buffers_allocate(&b, t->columns, 0)) return clattn_fail_check_memory(error);
  for (size_t batch = 0; batch < p->batch; ++batch) {
    const clattn_sequence s = clattn_sequence_of(p, c->inputs, batch);
    for (size_t i = 0; i < s.new_len; ++i) {
      const size_t token = (packed ? s.first_new : batch * c->asked->key_len) + i, key = s.key_len - s.new_len + i;
      const size_t place = batch * p->key_len + key, index[3] = {batch, key, 0};
      for (size_t head = 0; head < clattn_kv_heads(p); ++head) check_vector(c, t, token, place, head, &b);
      clattn_check_row(&comparison, index, 3, t->got + place * t->columns, t->columns, &b);
    }
  }
  clattn_check_finish(c, &comparison);
  free(b.memory);
  return CLATTN_OK;
}

clattn_status clattn_check_cached(clattn_checker *c, clattn_error *error) {
  if (c->seen->cache.capacity == 0) return CLATTN_OK;
  const cached keys = {CLATTN_CACHED_K,  CLATTN_K, c->keys, c->outputs->k, clattn_tensor_columns(c->seen, CLATTN_K),
                       c->seen->head_dim};
  const cached values = {
      CLATTN_CACHED_V,   CLATTN_V, c->values, c->outputs->v, clattn_tensor_columns(c->seen, CLATTN_V),
      c->seen->value_dim};
  const clattn_status status = check_one(c, &keys, error);
  return status == CLATTN_OK ? check_one(c, &values, error) : status;
}
