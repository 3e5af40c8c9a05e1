/* Tables of pages that the caller gives: clattn_cache_set_table. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cache/cache.h"
#include "device/process.h"

/* What is wrong where a page must not be shared, and cannot be written. */
#define READ_ONLY "pages of several sequences are read only"

/* A table that is being checked. */
typedef struct given_table {
  const clattn_cache *cache;
  const int32_t *page; /* (batch, most) */
  const int32_t *lengths;
  size_t most;
  size_t *counts; /* (batch): pages of each sequence */
  cl_int *uses;   /* (pages): sequences that have the page */
  size_t *place;  /* (pages): where the last sequence that has it has it, b * most + i + 1; 0: none has it */
} given_table;

static size_t sequences_of(const clattn_cache *cache) {
  return cache->problem.batch;
}

static clattn_status check_row(const given_table *t, size_t b, clattn_error *error) {
  const int32_t *row = t->page + b * t->most;
  size_t count = 0;
  for (size_t i = 0; i < t->most; ++i) {
    if (row[i] < -1 || row[i] >= (int64_t)t->cache->pages)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                         "table[%zu][%zu] is %d (allowed: 0 to %zu, the pages of the cache, or -1 after the last)", b,
                         i, (int)row[i], t->cache->pages - 1);
    if (row[i] >= 0 && count < i)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                         "table[%zu][%zu] is %d (allowed: -1, as table[%zu][%zu] is -1)", b, i, (int)row[i], b, count);
    if (row[i] < 0) continue;
    size_t *place = &t->place[row[i]];
    if (*place > b * t->most)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "table[%zu] has page %d twice, at %zu and %zu", b, (int)row[i],
                         *place - b * t->most - 1, i);
    *place = b * t->most + i + 1;
    ++count;
  }
  t->counts[b] = count;
  for (size_t i = 0; i < count; ++i) ++t->uses[row[i]];
  return CLATTN_OK;
}

/* Whether the sequence's keys have room in its pages, which were all written so far. A table says nothing of dropped
 * keys, by which positions of later ones count. */
static clattn_status check_length(const given_table *t, size_t b, clattn_error *error) {
  const size_t dropped = t->cache->lengths.sequences[b].dropped;
  if (dropped > 0 && t->lengths[b] > 0)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "lengths[%zu] is %d, and the sequence has dropped %zu keys "
                       "(allowed: 0, or clattn_cache_truncate to 0 before)",
                       b, (int)t->lengths[b], dropped);
  const size_t page_len = t->cache->problem.cache.page_len, capacity = t->cache->problem.cache.capacity;
  const size_t room = t->counts[b] * page_len, most = room < capacity ? room : capacity;
  if (t->lengths[b] < 0 || (size_t)t->lengths[b] > most)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "lengths[%zu] is %d (allowed: 0 to %zu, the keys that %zu pages and the capacity have room for)",
                       b, (int)t->lengths[b], most, t->counts[b]);
  for (size_t i = 0; i * page_len < (size_t)t->lengths[b]; ++i) {
    const size_t rest = (size_t)t->lengths[b] - i * page_len, needed = rest < page_len ? rest : page_len;
    const int32_t page = t->page[b * t->most + i];
    if (needed > t->cache->filled[page])
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                         "lengths[%zu] is %d, but of page %d, its page %zu, runs have written %zu keys only", b,
                         (int)t->lengths[b], (int)page, i, t->cache->filled[page]);
  }
  return CLATTN_OK;
}

/* Pages after the last key will be written. */
static clattn_status check_shared(const given_table *t, size_t b, clattn_error *error) {
  const size_t page_len = t->cache->problem.cache.page_len;
  for (size_t i = ((size_t)t->lengths[b] + page_len - 1) / page_len; i < t->counts[b]; ++i) {
    const int32_t page = t->page[b * t->most + i];
    if (t->uses[page] > 1)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                         "page %d is in several sequences, and sequence %zu, with %d keys, would write it (" READ_ONLY
                         ")",
                         (int)page, b, (int)t->lengths[b]);
  }
  return CLATTN_OK;
}

static clattn_status check_table(const given_table *t, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  for (size_t b = 0; b < sequences_of(t->cache) && status == CLATTN_OK; ++b) status = check_row(t, b, error);
  for (size_t b = 0; b < sequences_of(t->cache) && status == CLATTN_OK; ++b) status = check_length(t, b, error);
  for (size_t b = 0; b < sequences_of(t->cache) && status == CLATTN_OK; ++b) status = check_shared(t, b, error);
  return status;
}

static void adopt(clattn_cache *cache, given_table *t) {
  for (size_t b = 0; b < sequences_of(cache); ++b) {
    memcpy(cache->table + b * cache->table_width, t->page + b * t->most, t->counts[b] * sizeof *cache->table);
    cache->lengths.sequences[b] = (clattn_cached_sequence){
        .length = (size_t)t->lengths[b], .pages = t->counts[b], .before = (size_t)t->lengths[b]};
  }
  free(cache->uses);
  cache->uses = t->uses;
  t->uses = NULL;
}

/* All pages go back to the pool. */
static void take_over(clattn_cache *cache) {
  for (size_t b = 0; b < sequences_of(cache); ++b) cache->lengths.sequences[b] = (clattn_cached_sequence){.length = 0};
  free(cache->uses);
  cache->uses = NULL;
  clattn_cache_fill_pool(cache);
}

static clattn_status check_arguments(const clattn_cache *cache, const int32_t *table, size_t most,
                                     const int32_t *lengths, clattn_error *error) {
  if (cache == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the cache is NULL");
  if (cache->table == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the cache has no pages (allowed: a page_len above 0)");
  if (table == NULL && (most != 0 || lengths != NULL))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "the table is NULL (allowed: with max_pages 0, without lengths)");
  if (table == NULL) return CLATTN_OK;
  if (lengths == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "lengths is NULL");
  if (most >= 1 && most <= cache->table_width) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "max_pages is %zu (allowed: 1 to %zu, which the capacity needs)",
                     most, cache->table_width);
}

clattn_status clattn_cache_set_table(clattn_cache *cache, const int32_t *table, size_t max_pages,
                                     const int32_t *lengths, clattn_error *error) {
  clattn_status status = check_arguments(cache, table, max_pages, lengths, error);
  if (status == CLATTN_OK) status = clattn_process_check(error);
  if (status != CLATTN_OK) return status;
  const size_t count = sequences_of(cache);
  given_table t = {.cache = cache,
                   .page = table,
                   .lengths = lengths,
                   .most = max_pages,
                   .counts = calloc(count, sizeof *t.counts),
                   .uses = calloc(cache->pages, sizeof *t.uses),
                   .place = calloc(cache->pages, sizeof *t.place)};
  if (t.counts == NULL || t.uses == NULL || t.place == NULL)
    status = clattn_fail_malloc(error, count * sizeof *t.counts + cache->pages * (sizeof *t.uses + sizeof *t.place),
                                "a table of pages");
  else if (table != NULL)
    status = check_table(&t, error);
  const cl_int code = status == CLATTN_OK ? clFinish(cache->device->queue) : CL_SUCCESS; /* runs read the table */
  if (code != CL_SUCCESS) status = clattn_fail_cl(error, code, "clFinish");
  if (status == CLATTN_OK && table != NULL) adopt(cache, &t);
  if (status == CLATTN_OK && table == NULL) take_over(cache);
  free(t.counts);
  free(t.uses);
  free(t.place);
  return clattn_finish(error, status);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static size_t other_with(const clattn_cache *cache, size_t sequence, cl_int page) {
  for (size_t b = 0; b < sequences_of(cache); ++b)
    for (size_t i = 0; b != sequence && i < cache->lengths.sequences[b].pages; ++i)
      if (cache->table[b * cache->table_width + i] == page) return b;
  return sequence;
}

clattn_status clattn_cache_check_given(const clattn_cache *cache, size_t b, size_t added, clattn_error *error) {
  const clattn_cached_sequence *s = &cache->lengths.sequences[b];
  const size_t page_len = cache->problem.cache.page_len, length = s->length + added;
  if (added == 0) return CLATTN_OK;
  if (length > s->pages * page_len)
    return clattn_fail(error, CLATTN_CACHE_FULL,
                       "sequence %zu has %zu keys in the cache and would get %zu more (allowed: %zu, for which its %zu "
                       "pages of the caller's table have room)",
                       b, s->length, added, s->pages * page_len, s->pages);
  for (size_t i = s->length / page_len; i * page_len < length; ++i) {
    const cl_int page = cache->table[b * cache->table_width + i];
    if (cache->uses[page] > 1)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                         "sequence %zu would append to page %d, which sequence %zu has, too (" READ_ONLY ")", b,
                         (int)page, other_with(cache, b, page));
  }
  return CLATTN_OK;
}
