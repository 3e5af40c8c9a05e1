/* Rolling windows: pages whose keys no later query sees go back to the pool. To kernels the sequence then begins with
 * the first key that is held; only absolute positions, of rotary and sinusoids, count the keys before it. */
#include <string.h>

#include "base/status.h"
#include "cache/cache.h"

size_t clattn_cache_dropping(const clattn_cache *cache, const clattn_problem *problem, size_t sequence) {
  const clattn_cached_sequence *s = &cache->lengths.sequences[sequence];
  const size_t page_len = cache->problem.cache.page_len;
  if (!problem->rolling || s->length <= (size_t)problem->window_left) return 0;
  return (s->length - (size_t)problem->window_left) / page_len * page_len;
}

/* What a run may ask of sequences whose first keys are gone. */
static clattn_status check_dropped(const clattn_cache *cache, const clattn_problem *p, size_t b, clattn_error *error) {
  const clattn_cached_sequence *s = &cache->lengths.sequences[b];
  if (s->dropped == 0) return CLATTN_OK;
  if (p->alignment != CLATTN_ALIGN_TOP_LEFT || p->mask != CLATTN_MASK_NONE)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "sequence %zu has dropped %zu keys (allowed for such a cache: CLATTN_ALIGN_TOP_LEFT, without a "
                       "mask)",
                       b, s->dropped);
  if (p->window_left != CLATTN_UNBOUNDED && (size_t)p->window_left <= s->length) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                     "window_left is %lld, but sequence %zu has dropped %zu keys and holds %zu (allowed: 0 to %zu)",
                     (long long)p->window_left, b, s->dropped, s->length, s->length);
}

clattn_status clattn_cache_check_window(const clattn_cache *cache, const clattn_problem *problem, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  if (problem->rolling && cache->uses != NULL)
    return clattn_fail(
        error, CLATTN_INVALID_ARGUMENT,
        "the problem is rolling, but the caller gave the cache its table of pages (allowed: pages that the "
        "cache hands out)");
  for (size_t b = 0; b < problem->batch && status == CLATTN_OK; ++b) status = check_dropped(cache, problem, b, error);
  return status;
}

/* The pages before the window go back to the pool, and the table moves up. */
static void drop(clattn_cache *cache, size_t b, size_t keys, size_t window) {
  clattn_cached_sequence *s = &cache->lengths.sequences[b];
  cl_int *row = cache->table + b * cache->table_width;
  const size_t pages = keys / cache->problem.cache.page_len;
  for (size_t i = 0; i < pages; ++i) cache->free_pages[cache->free_count++] = row[i];
  memmove(row, row + pages, (s->pages - pages) * sizeof *row);
  s->pages -= pages;
  s->length -= keys;
  s->dropped += keys;
  if (window > s->window) s->window = window;
}

/* Runs that are still in the queue read the table and the pages. */
clattn_status clattn_cache_roll(clattn_cache *cache, const clattn_problem *problem, clattn_error *error) {
  bool waited = false;
  for (size_t b = 0; b < problem->batch; ++b) {
    const size_t keys = clattn_cache_dropping(cache, problem, b);
    const cl_int code = keys > 0 && !waited ? clFinish(cache->device->queue) : CL_SUCCESS;
    if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clFinish");
    waited = waited || keys > 0;
    if (keys > 0) drop(cache, b, keys, (size_t)problem->window_left);
  }
  return CLATTN_OK;
}

size_t clattn_cache_dropped(const clattn_cache *cache, size_t sequence) {
  return sequence < cache->problem.batch ? cache->lengths.sequences[sequence].dropped : 0;
}
