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

/* The first element of the largest magnitude becomes -8; the scale, which may be negative, is at most f16's largest
 * number. NaN where an element is NaN or infinite. */
static double group_scale(const float *group) {
  float largest = 0.0f;
  for (size_t i = 0; i < Q4_GROUP; ++i) {
    if (!isfinite(group[i])) return (double)NAN;
    if (fabsf(group[i]) > fabsf(largest)) largest = group[i];
  }
  return fmax(-65504.0, fmin(65504.0, (double)largest / -8.0));
}

/* The scale of `count` elements that share one; 0 for types without. given: that of their head, with
 * CLATTN_CACHE_I8_HEAD. */
static double scale_of(clattn_cache_type type, const float *elements, size_t count, const float *given) {
  switch (type) {
  case CLATTN_CACHE_I8_TOKEN:
    return byte_step(elements, count);
  case CLATTN_CACHE_I8_HEAD:
    return (double)*given;
  case CLATTN_CACHE_Q4:
    return group_scale(elements);
  default:
    return 0.0;
  }
}

/* What an element is when it is read back, and its bound. Rounding to int8 is off by at most half a
 * step. */
static double expected_of(clattn_cache_type type, double scale, double value, double *bound) {
  *bound = 0.0;
  switch (type) {
  case CLATTN_CACHE_F32:
    break;
  case CLATTN_CACHE_F16:
    *bound = clattn_bound_narrowing(CLATTN_F16, value);
    break;
  case CLATTN_CACHE_BF16:
    *bound = clattn_bound_narrowing(CLATTN_BF16, value);
    break;
  case CLATTN_CACHE_I8_HEAD:
    value = fmax(-127.0 * scale, fmin(127.0 * scale, value)); /* larger values saturate */
    *bound = clattn_bound_bytes(scale, value);
    break;
  case CLATTN_CACHE_I8_TOKEN:
    *bound = clattn_bound_bytes(scale, value);
    break;
  case CLATTN_CACHE_Q4:
    return clattn_nibble(scale, value, bound);
  }
  return value;
}

static void check_vector(const clattn_checker *c, const cached *t, size_t token, size_t place, size_t head,
                         clattn_row_buffers *b) {
  const clattn_cache *cache = c->inputs->cache;
  const clattn_cache_type type = c->seen->cache.type;
  const float *truth = t->truth + token * t->columns + head * t->dim,
              *got = t->got + place * t->columns + head * t->dim;
  const float *given = t->fresh == CLATTN_K ? cache->k_scale_host : cache->v_scale_host;
  const size_t together = type == CLATTN_CACHE_Q4 ? Q4_GROUP : t->dim; /* elements that may share a scale */
  double scale = 0.0;
  for (size_t i = 0; i < t->dim; ++i) {
    const size_t at = head * t->dim + i;
    if (i % together == 0) scale = scale_of(type, truth + i, together, given != NULL ? given + head : NULL);
    b->expected[at] = expected_of(type, scale, (double)truth[i], &b->bound[at]);
    b->magnitude[at] = fabs(b->expected[at]);
    b->bound[at] += clattn_bound_product(0.0, 1, 1);
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
