/* Caches: their memory, lengths, and pool of pages. The cache stage reads and writes the
 * contents. */
#include "cache/cache.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem/arguments.h"
#include "device/ledger.h"
#include "problem/problem.h"
#include "problem/sized.h"
#include "device/process.h"
#include "problem/sequence.h"
#include "problem/shape.h"
#include "base/sizes.h"
#include "base/status.h"

/* ---- creating and freeing ---------------------------------------------------------------------------------------- */

static size_t rows_of(const clattn_cache *cache) {
  const clattn_problem *p = &cache->problem;
  return p->cache.page_len != 0 ? cache->pages * p->cache.page_len : p->batch * p->cache.capacity;
}

static clattn_status allocate(clattn_cache *cache, const char *what, size_t bytes, const void *contents, cl_mem *buffer,
                              clattn_error *error) {
  const cl_mem_flags flags = CL_MEM_READ_WRITE | (contents != NULL ? CL_MEM_COPY_HOST_PTR : 0);
  cl_int code = CL_SUCCESS;
  if (bytes > cache->device->info.max_allocation_bytes)
    return clattn_fail(error, CLATTN_OUT_OF_DEVICE_MEMORY, "%s takes %zu bytes; '%s' allows %llu in one buffer", what,
                       bytes, cache->device->info.name, (unsigned long long)cache->device->info.max_allocation_bytes);
  const clattn_status status = clattn_ledger_take(cache->device, bytes, what, error);
  if (status != CLATTN_OK) return status;
  cache->bytes += bytes;
  *buffer = clCreateBuffer(cache->device->context, flags, bytes, (void *)(uintptr_t)contents, &code);
  if (code != CL_SUCCESS)
    return clattn_fail_cl(error, code, "allocating %zu bytes for %s on '%s'", bytes, what, cache->device->info.name);
  return CLATTN_OK;
}

/* k_scale and v_scale: those of the heads, with CLATTN_CACHE_I8_HEAD; else NULL. */
static clattn_status allocate_scales(clattn_cache *cache, const float *k_scale, const float *v_scale,
                                     clattn_error *error) {
  const clattn_problem *p = &cache->problem;
  const size_t heads = clattn_kv_heads(p), vectors = rows_of(cache) * heads, of_heads = heads * sizeof(float);
  const bool given = k_scale != NULL;
  const size_t k_bytes = given ? of_heads : vectors * clattn_cache_scale_bytes(p->cache.type, p->head_dim);
  const size_t v_bytes = given ? of_heads : vectors * clattn_cache_scale_bytes(p->cache.type, p->value_dim);
  if (k_bytes == 0) return CLATTN_OK;
  const clattn_status status = allocate(cache, "the scales of cached keys", k_bytes, k_scale, &cache->k_scale, error);
  if (status != CLATTN_OK) return status;
  return allocate(cache, "the scales of cached values", v_bytes, v_scale, &cache->v_scale, error);
}

static clattn_status keep_scales(clattn_cache *cache, const float *k_scale, const float *v_scale, clattn_error *error) {
  const size_t bytes = clattn_kv_heads(&cache->problem) * sizeof(float);
  if (k_scale == NULL) return CLATTN_OK;
  for (size_t i = 0; i < clattn_kv_heads(&cache->problem); ++i)
    if (!(k_scale[i] > 0.0f && isfinite(k_scale[i])) || !(v_scale[i] > 0.0f && isfinite(v_scale[i])))
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the scales of head %zu are %g and %g (allowed: above 0)", i,
                         (double)k_scale[i], (double)v_scale[i]);
  cache->k_scale_host = malloc(bytes);
  cache->v_scale_host = malloc(bytes);
  if (cache->k_scale_host == NULL || cache->v_scale_host == NULL)
    return clattn_fail_malloc(error, 2 * bytes, "the scales of a cache");
  memcpy(cache->k_scale_host, k_scale, bytes);
  memcpy(cache->v_scale_host, v_scale, bytes);
  return CLATTN_OK;
}

void clattn_cache_fill_pool(clattn_cache *cache) {
  cache->free_count = 0;
  for (size_t page = cache->pages; page-- > 0;) cache->free_pages[cache->free_count++] = (cl_int)page;
}

static clattn_status allocate_pages(clattn_cache *cache, clattn_error *error) {
  const clattn_problem *p = &cache->problem;
  const size_t entries = p->batch * cache->table_width;
  if (cache->table_width == 0) return CLATTN_OK;
  cache->table = calloc(p->batch, cache->table_width * sizeof *cache->table);
  cache->free_pages = malloc(cache->pages * sizeof *cache->free_pages);
  cache->filled = calloc(cache->pages, sizeof *cache->filled);
  if (cache->table == NULL || cache->free_pages == NULL || cache->filled == NULL)
    return clattn_fail_malloc(error, (entries + cache->pages) * sizeof *cache->table, "a table of pages");
  clattn_cache_fill_pool(cache);
  return allocate(cache, "the table of pages", entries * sizeof *cache->table, cache->table, &cache->table_buffer,
                  error);
}

static clattn_status allocate_all(clattn_cache *cache, const float *k_scale, const float *v_scale,
                                  clattn_error *error) {
  const clattn_problem *p = &cache->problem;
  const size_t vectors = rows_of(cache) * clattn_kv_heads(p);
  const size_t k_bytes = clattn_cache_vector_bytes(p->cache.type, p->head_dim);
  const size_t v_bytes = clattn_cache_vector_bytes(p->cache.type, p->value_dim);
  cache->lengths.sequences = calloc(p->batch, sizeof *cache->lengths.sequences);
  if (cache->lengths.sequences == NULL)
    return clattn_fail_malloc(error, p->batch * sizeof *cache->lengths.sequences, "a cache");
  clattn_status status = allocate(cache, "the cached keys", vectors * k_bytes, NULL, &cache->k, error);
  if (status == CLATTN_OK) status = allocate(cache, "the cached values", vectors * v_bytes, NULL, &cache->v, error);
  if (status == CLATTN_OK) status = keep_scales(cache, k_scale, v_scale, error);
  if (status == CLATTN_OK) status = allocate_scales(cache, cache->k_scale_host, cache->v_scale_host, error);
  return status == CLATTN_OK ? allocate_pages(cache, error) : status;
}

/* Also releases a cache that was only partly allocated. */
static void release(clattn_cache *cache) {
  const cl_mem buffers[] = {cache->k, cache->v, cache->k_scale, cache->v_scale, cache->table_buffer};
  clFinish(cache->device->queue); /* runs still in the queue read the table */
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; ++i)
    if (buffers[i] != NULL) clReleaseMemObject(buffers[i]);
  clattn_ledger_give(cache->device, cache->bytes);
  free(cache->k_scale_host);
  free(cache->v_scale_host);
  free(cache->lengths.sequences);
  free(cache->table);
  free(cache->free_pages);
  free(cache->filled);
  free(cache->uses);
  free(cache);
}

static clattn_status create(clattn_device *device, const clattn_problem *problem, const float *k_scale,
                            const float *v_scale, clattn_cache **result, clattn_error *error) {
  const clattn_cache_layout *layout = &problem->cache;
  clattn_cache *cache = calloc(1, sizeof *cache);
  if (cache == NULL) return clattn_fail_malloc(error, sizeof *cache, "a cache");
  cache->device = device;
  cache->problem = *problem;
  if (layout->page_len != 0) {
    cache->table_width = 1 + (layout->capacity - 1) / layout->page_len;
    cache->pages = layout->pages != 0 ? layout->pages : problem->batch * cache->table_width;
  }
  const clattn_status status = allocate_all(cache, k_scale, v_scale, error);
  if (status == CLATTN_OK)
    *result = cache;
  else
    release(cache);
  return status;
}

clattn_status clattn_cache_create(clattn_device *device, const clattn_problem *given, const float *k_scale,
                                  const float *v_scale, clattn_cache **result, clattn_error *error) {
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the cache is NULL");
  *result = NULL;
  if (device == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device is NULL");
  clattn_problem problem;
  clattn_status status = clattn_process_check(error);
  if (status == CLATTN_OK) status = clattn_take_problem(given, &problem, error);
  if (status != CLATTN_OK) return status;
  const clattn_cache_layout *layout = &problem.cache;
  const bool by_head = layout->type == CLATTN_CACHE_I8_HEAD;
  if (layout->capacity == 0) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the problem has no cache");
  if ((k_scale != NULL) != by_head || (v_scale != NULL) != by_head)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "scales of keys and values are %s (allowed: %s)",
                       by_head ? "missing" : "given", by_head ? "both" : "only with CLATTN_CACHE_I8_HEAD");
  status = create(device, &problem, k_scale, v_scale, result, error);
  if (status == CLATTN_OUT_OF_DEVICE_MEMORY && clattn_device_release_kept(device))
    status = create(device, &problem, k_scale, v_scale, result, error);
  return clattn_finish(error, status);
}

void clattn_cache_destroy(clattn_cache *cache) {
  if (cache != NULL && !clattn_process_is_child()) release(cache);
}

/* ---- lengths ----------------------------------------------------------------------------------------------------- */

size_t clattn_cache_length(const clattn_cache *cache, size_t sequence) {
  return sequence < cache->problem.batch ? cache->lengths.sequences[sequence].length : 0;
}

uint64_t clattn_cache_bytes(const clattn_cache *cache) {
  return cache->bytes;
}

static size_t pages_for(const clattn_cache *cache, size_t length) {
  const size_t page_len = cache->problem.cache.page_len;
  return page_len == 0 ? 0 : (length + page_len - 1) / page_len;
}

/* Pages that the caller gave stay with their sequence. */
static void give_back(clattn_cache *cache, size_t sequence, size_t pages) {
  clattn_cached_sequence *s = &cache->lengths.sequences[sequence];
  if (cache->uses != NULL) return;
  while (s->pages > pages)
    cache->free_pages[cache->free_count++] = cache->table[sequence * cache->table_width + --s->pages];
}

clattn_status clattn_cache_truncate(clattn_cache *cache, size_t sequence, size_t length, clattn_error *error) {
  if (cache == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the cache is NULL");
  if (sequence >= cache->problem.batch)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "sequence %zu (allowed: below %zu)", sequence,
                       cache->problem.batch);
  clattn_cached_sequence *s = &cache->lengths.sequences[sequence];
  if (length > s->length)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "sequence %zu cannot be truncated to %zu keys (allowed: up to %zu)", sequence, length,
                       s->length);
  if (s->dropped > 0 && length > 0 && length < s->window)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "sequence %zu cannot be truncated to %zu keys, as the window of the next query, %zu keys, would "
                       "reach those that it has dropped (allowed: 0, or %zu to %zu)",
                       sequence, length, s->window, s->window, s->length);
  const clattn_status status = clattn_process_check(error);
  if (status != CLATTN_OK) return status;
  const cl_int code = clFinish(cache->device->queue);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clFinish");
  s->length = length;
  if (length == 0) s->dropped = s->window = 0;
  give_back(cache, sequence, pages_for(cache, length));
  return clattn_finish(error, CLATTN_OK);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static clattn_status check_match(const clattn_cache *cache, const clattn_problem *p, clattn_error *error) {
  const clattn_problem *c = &cache->problem;
  const struct {
    const char *name;
    size_t has, wanted;
  } sizes[] = {{"batch", c->batch, p->batch},
               {"kv_heads", clattn_kv_heads(c), clattn_kv_heads(p)},
               {"head_dim", c->head_dim, p->head_dim},
               {"value_dim", c->value_dim, p->value_dim},
               {"cache.capacity", c->cache.capacity, p->cache.capacity},
               {"cache.type", (size_t)c->cache.type, (size_t)p->cache.type},
               {"cache.page_len", c->cache.page_len, p->cache.page_len}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i)
    if (sizes[i].has != sizes[i].wanted)
      return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the cache was made for a %s of %zu, the problem has %zu",
                         sizes[i].name, sizes[i].has, sizes[i].wanted);
  return CLATTN_OK;
}

/* The number of new keys of a sequence, from the lengths in the inputs. */
static size_t new_keys(const clattn_problem *problem, const clattn_inputs *inputs, size_t sequence) {
  clattn_problem without = *problem;
  without.cache = (clattn_cache_layout){0};
  return clattn_sequence_of(&without, inputs, sequence).new_len;
}

/* Fails if the new keys do not fit. *longest receives the longest length after the run. */
static clattn_status check_room(const clattn_cache *cache, const clattn_problem *problem, const clattn_inputs *inputs,
                                size_t *longest, clattn_error *error) {
  size_t lacking = 0, available = cache->free_count;
  *longest = 0;
  for (size_t b = 0; b < problem->batch; ++b) {
    const clattn_cached_sequence *s = &cache->lengths.sequences[b];
    const size_t added = new_keys(problem, inputs, b), dropped = clattn_cache_dropping(cache, problem, b);
    const size_t held = s->length - dropped, held_pages = s->pages - pages_for(cache, dropped), length = held + added;
    if (length > problem->cache.capacity)
      return clattn_fail(error, CLATTN_CACHE_FULL,
                         "sequence %zu has %zu keys in the cache and would get %zu more (allowed: %zu, the capacity)",
                         b, held, added, problem->cache.capacity);
    if (cache->uses != NULL) {
      const clattn_status status = clattn_cache_check_given(cache, b, added, error);
      if (status != CLATTN_OK) return status;
    }
    const size_t pages = cache->uses != NULL ? 0 : pages_for(cache, length);
    lacking += pages > held_pages ? pages - held_pages : 0;
    available += pages_for(cache, dropped);
    if (length > *longest) *longest = length;
  }
  if (lacking <= available) return CLATTN_OK;
  return clattn_fail(error, CLATTN_CACHE_FULL, "the run needs %zu more pages of %zu keys; %zu of %zu are free", lacking,
                     problem->cache.page_len, available, cache->pages);
}

clattn_status clattn_cache_problem(const clattn_cache *cache, const clattn_problem *given,
                                   const clattn_inputs *given_inputs, clattn_problem *seen, clattn_error *error) {
  if (cache == NULL || seen == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the cache or the place for the problem is NULL");
  size_t longest = 0;
  clattn_problem problem;
  clattn_inputs inputs = CLATTN_INPUTS_INIT;
  clattn_status status = clattn_take_problem(given, &problem, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_inputs, given_inputs, &inputs, error);
  if (status == CLATTN_OK) status = check_match(cache, &problem, error);
  if (status == CLATTN_OK) status = clattn_check_lengths(&problem, &inputs, error);
  if (status == CLATTN_OK) status = clattn_cache_check_window(cache, &problem, error);
  if (status == CLATTN_OK) status = check_room(cache, &problem, &inputs, &longest, error);
  if (status != CLATTN_OK) return status;
  problem.size = given->size;
  problem.key_len = longest > 0 ? longest : 1;
  memcpy(seen, &problem, problem.size); /* the caller's struct may be shorter */
  return clattn_finish(error, CLATTN_OK);
}

/* Of the pages that the run appends to. */
static void note_filled(clattn_cache *cache, size_t b) {
  const clattn_cached_sequence *s = &cache->lengths.sequences[b];
  const size_t page_len = cache->problem.cache.page_len;
  for (size_t token = s->before; page_len != 0 && token < s->length;) {
    const size_t i = token / page_len, end = clattn_smaller((i + 1) * page_len, s->length);
    size_t *filled = &cache->filled[cache->table[b * cache->table_width + i]];
    *filled = clattn_larger(*filled, end - i * page_len);
    token = end;
  }
}

clattn_status clattn_cache_begin(clattn_cache *cache, const clattn_problem *problem, const clattn_inputs *inputs,
                                 clattn_problem *seen, clattn_error *error) {
  clattn_status status = clattn_cache_problem(cache, problem, inputs, seen, error);
  /* Of all sequences first, as one may need what another gives back. */
  if (status == CLATTN_OK) status = clattn_cache_roll(cache, problem, error);
  if (status != CLATTN_OK) return status;
  for (size_t b = 0; b < problem->batch; ++b) {
    clattn_cached_sequence *s = &cache->lengths.sequences[b];
    s->before = s->length;
    s->appended = new_keys(problem, inputs, b);
    s->length += s->appended;
    for (const size_t wanted = pages_for(cache, s->length); s->pages < wanted; ++s->pages)
      cache->table[b * cache->table_width + s->pages] = cache->free_pages[--cache->free_count];
    note_filled(cache, b);
  }
  return CLATTN_OK;
}

clattn_problem clattn_cache_seen(const clattn_cache *cache, const clattn_problem *problem) {
  clattn_problem seen = *problem;
  seen.key_len = 1;
  for (size_t b = 0; b < problem->batch; ++b) {
    const size_t length = cache->lengths.sequences[b].before + cache->lengths.sequences[b].appended;
    if (length > seen.key_len) seen.key_len = length;
  }
  return seen;
}

/* Whether it wrote them is not known. */
static void forget_filled(clattn_cache *cache, size_t b) {
  const clattn_cached_sequence *s = &cache->lengths.sequences[b];
  const size_t page_len = cache->problem.cache.page_len;
  for (size_t i = page_len != 0 ? s->before / page_len : 0; page_len != 0 && i * page_len < s->length; ++i) {
    size_t *filled = &cache->filled[cache->table[b * cache->table_width + i]];
    *filled = clattn_smaller(*filled, s->before > i * page_len ? s->before - i * page_len : 0);
  }
}

void clattn_cache_undo(clattn_cache *cache) {
  for (size_t b = 0; b < cache->problem.batch; ++b) {
    forget_filled(cache, b);
    cache->lengths.sequences[b].length = cache->lengths.sequences[b].before;
    give_back(cache, b, pages_for(cache, cache->lengths.sequences[b].length));
  }
}
