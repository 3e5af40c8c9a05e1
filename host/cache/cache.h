/* Caches of keys and values. */
#ifndef CLATTN_CACHE_H
#define CLATTN_CACHE_H

#include "device/device.h"
#include "device/queue.h"
#include "problem/kernel_arguments.h"
#include "problem/sequence.h"

struct clattn_cache {
  clattn_cached_lengths lengths; /* must come first: host/problem knows only this part of a cache */
  clattn_device *device;
  clattn_problem problem;  /* the problem that it was created for; only sizes and cache layout are used */
  cl_mem k, v;             /* (rows, kv_heads, dim) of the cache's type; each row belongs to one token */
  cl_mem k_scale, v_scale; /* of types with scales: (rows, kv_heads), (kv_heads) or, in f16, (rows, kv_heads, groups) */
  float *k_scale_host, *v_scale_host; /* for CLATTN_CACHE_I8_HEAD; otherwise NULL */
  cl_int *table;       /* (batch, table_width): page numbers; entries after a sequence's last page are unused */
  cl_mem table_buffer; /* the table on the device; NULL if the cache is contiguous */
  size_t table_width, pages;
  cl_int *free_pages; /* a stack */
  size_t free_count;
  size_t *filled; /* (pages): keys of each page that runs have written, from its first on */
  cl_int *uses;   /* of a table that the caller gave: (pages), how many sequences have the page; else NULL */
  uint64_t bytes;
};

/* Starts a run: checks that the cache matches the problem and has room, sets `before` and
 * `appended`, allocates pages, and adds the new keys to the lengths. `seen` receives the problem
 * that the scores stage computes. */
clattn_status clattn_cache_begin(clattn_cache *cache, const clattn_problem *problem, const clattn_inputs *inputs,
                                 clattn_problem *seen, clattn_error *error);

/* The problem that the scores stage computed in the last run. */
clattn_problem clattn_cache_seen(const clattn_cache *cache, const clattn_problem *problem);

/* Reads the keys or values of a sequence into host memory, as floats (keys, kv_heads, dim). Waits for
 * them. */
clattn_status clattn_cache_read(const clattn_cache *cache, clattn_queue *queue, clattn_tensor keys_or_values,
                                size_t sequence, float *to, clattn_error *error);

/* Puts all pages into the pool. */
void clattn_cache_fill_pool(clattn_cache *cache);

/* Whether the sequence may get `added` more keys in the pages that the caller gave it. */
clattn_status clattn_cache_check_given(const clattn_cache *cache, size_t sequence, size_t added, clattn_error *error);

/* Rolling windows. Keys, whole pages, that a run with this problem drops from the sequence before it appends; whether
 * the run sees only what is held; and the dropping itself. */
size_t clattn_cache_dropping(const clattn_cache *cache, const clattn_problem *problem, size_t sequence);
clattn_status clattn_cache_check_window(const clattn_cache *cache, const clattn_problem *problem, clattn_error *error);
clattn_status clattn_cache_roll(clattn_cache *cache, const clattn_problem *problem, clattn_error *error);

/* Undoes clattn_cache_begin after a run that failed. */
void clattn_cache_undo(clattn_cache *cache);

#endif
