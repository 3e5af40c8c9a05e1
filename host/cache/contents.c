/* The contents of a cache, read into host memory and widened there. The kernels that read caches do
 * not take part. */
#include <stdlib.h>

#include "cache/cache.h"
#include "problem/kernel_arguments.h"
#include "problem/shape.h"
#include "base/sizes.h"
#include "base/status.h"

/* The keys or values of a sequence. */
typedef struct contents {
  cl_mem stored, scales;
  const float *scale_of_head; /* for CLATTN_CACHE_I8_HEAD */
  size_t heads, dim, length;
} contents;

static contents contents_of(const clattn_cache *cache, clattn_tensor tensor, size_t sequence) {
  const clattn_problem *p = &cache->problem;
  const bool keys = tensor == CLATTN_CACHED_K;
  return (contents){.stored = keys ? cache->k : cache->v,
                    .scales = keys ? cache->k_scale : cache->v_scale,
                    .scale_of_head = keys ? cache->k_scale_host : cache->v_scale_host,
                    .heads = clattn_kv_heads(p),
                    .dim = keys ? p->head_dim : p->value_dim,
                    .length = cache->lengths.sequences[sequence].length};
}

/* The first row of the cache that holds this token, and how many rows after it belong to the same
 * sequence. */
static size_t place_of(const clattn_cache *cache, size_t sequence, size_t token, size_t *rows) {
  const clattn_cache_layout *layout = &cache->problem.cache;
  *rows = layout->capacity - token;
  if (layout->page_len == 0) return sequence * layout->capacity + token;
  *rows = layout->page_len - token % layout->page_len;
  const cl_int page = cache->table[sequence * cache->table_width + token / layout->page_len];
  return (size_t)page * layout->page_len + token % layout->page_len;
}

/* Reads a buffer with `bytes` bytes for each row of the cache. */
static clattn_status read_rows(const clattn_cache *cache, clattn_queue *queue, cl_mem from, size_t sequence,
                               size_t length, size_t bytes, unsigned char *to, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  size_t rows = 0;
  for (size_t token = 0; token < length && status == CLATTN_OK; token += rows) {
    const size_t place = place_of(cache, sequence, token, &rows);
    rows = clattn_smaller(rows, length - token);
    status = clattn_queue_read(queue, from, place * bytes, rows * bytes, to + token * bytes, error);
  }
  return status;
}

static void widen_numbers(const contents *c, clattn_type type, const void *stored, float *to) {
  clattn_widen(type, stored, c->length * c->heads * c->dim, to);
}

/* scales: of each vector; NULL: of each head. */
static void widen_bytes(const contents *c, const void *stored, const float *scales, float *to) {
  const signed char *from = stored;
  for (size_t vector = 0; vector < c->length * c->heads; ++vector) {
    const float scale = scales != NULL ? scales[vector] : c->scale_of_head[vector % c->heads];
    for (size_t i = 0; i < c->dim; ++i) *to++ = (float)*from++ * scale;
  }
}

/* scales: a half for each group. */
static void widen_groups(const contents *c, const unsigned char *stored, const unsigned char *scales, float *to) {
  const size_t groups = c->length * c->heads * c->dim / Q4_GROUP, half = Q4_GROUP / 2;
  for (size_t g = 0; g < groups; ++g) {
    float scale;
    clattn_widen(CLATTN_F16, scales + g * sizeof(uint16_t), 1, &scale);
    for (size_t i = 0; i < half; ++i) {
      const int low = stored[g * half + i] & 15, high = stored[g * half + i] >> 4;
      to[g * Q4_GROUP + i] = (float)(low - 8) * scale;
      to[g * Q4_GROUP + half + i] = (float)(high - 8) * scale;
    }
  }
}

static void widen(const contents *c, clattn_cache_type type, const void *stored, const void *scales, float *to) {
  switch (type) {
  case CLATTN_CACHE_F32:
    widen_numbers(c, CLATTN_F32, stored, to);
    return;
  case CLATTN_CACHE_F16:
    widen_numbers(c, CLATTN_F16, stored, to);
    return;
  case CLATTN_CACHE_BF16:
    widen_numbers(c, CLATTN_BF16, stored, to);
    return;
  case CLATTN_CACHE_I8_TOKEN:
  case CLATTN_CACHE_I8_HEAD:
    widen_bytes(c, stored, scales, to);
    return;
  case CLATTN_CACHE_Q4:
    widen_groups(c, stored, scales, to);
  }
}

clattn_status clattn_cache_read(const clattn_cache *cache, clattn_queue *queue, clattn_tensor keys_or_values,
                                size_t sequence, float *to, clattn_error *error) {
  const contents c = contents_of(cache, keys_or_values, sequence);
  const clattn_cache_type type = cache->problem.cache.type;
  const size_t stored_bytes = c.heads * clattn_cache_vector_bytes(type, c.dim);
  const size_t scale_bytes = c.heads * clattn_cache_scale_bytes(type, c.dim), row_bytes = stored_bytes + scale_bytes;
  if (c.length == 0) return CLATTN_OK;
  unsigned char *scales = malloc(c.length * row_bytes); /* first, as they need the alignment */
  if (scales == NULL) return clattn_fail_malloc(error, c.length * row_bytes, "what a cache holds");
  unsigned char *stored = scales + c.length * scale_bytes;
  clattn_status status = read_rows(cache, queue, c.stored, sequence, c.length, stored_bytes, stored, error);
  if (status == CLATTN_OK && scale_bytes != 0)
    status = read_rows(cache, queue, c.scales, sequence, c.length, scale_bytes, scales, error);
  const clattn_status finished = clattn_queue_finish(queue, status == CLATTN_OK ? error : NULL);
  if (status == CLATTN_OK) status = finished;
  if (status == CLATTN_OK) widen(&c, type, stored, scale_bytes != 0 ? scales : NULL, to);
  free(scales);
  return status;
}
