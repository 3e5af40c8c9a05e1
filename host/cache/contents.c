/* The contents of a cache, read into host memory and widened there. The kernels that read caches do
 * not take part. */
#include <stdlib.h>
#include <string.h>

#include "cache/cache.h"
#include "problem/shape.h"
#include "base/sizes.h"
#include "base/status.h"

/* The keys or values of a sequence. */
typedef struct contents {
  cl_mem stored;
  size_t heads, dim, length;
} contents;

static contents contents_of(const clattn_cache *cache, clattn_tensor tensor, size_t sequence) {
  const clattn_problem *p = &cache->problem;
  const bool keys = tensor == CLATTN_CACHED_K;
  return (contents){.stored = keys ? cache->k : cache->v,
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

static void widen(clattn_cache_type type, const unsigned char *from, size_t count, float *to) {
  static const clattn_type types[] = {CLATTN_F32, CLATTN_F16, CLATTN_BF16};
  clattn_widen(types[type], from, count, to);
}

clattn_status clattn_cache_read(const clattn_cache *cache, clattn_queue *queue, clattn_tensor keys_or_values,
                                size_t sequence, float *to, clattn_error *error) {
  const contents c = contents_of(cache, keys_or_values, sequence);
  const clattn_cache_type type = cache->problem.cache.type;
  const size_t row_bytes = c.heads * clattn_cache_vector_bytes(type, c.dim);
  if (c.length == 0) return CLATTN_OK;
  unsigned char *stored = malloc(c.length * row_bytes);
  if (stored == NULL) return clattn_fail_malloc(error, c.length * row_bytes, "what a cache holds");
  clattn_status status = read_rows(cache, queue, c.stored, sequence, c.length, row_bytes, stored, error);
  const clattn_status finished = clattn_queue_finish(queue, status == CLATTN_OK ? error : NULL);
  if (status == CLATTN_OK) status = finished;
  if (status == CLATTN_OK) widen(type, stored, c.length * c.heads * c.dim, to);
  free(stored);
  return status;
}
