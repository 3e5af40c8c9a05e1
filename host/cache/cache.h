/* Caches of keys and values. */
#ifndef CLATTN_CACHE_H
#define CLATTN_CACHE_H

#include "device/device.h"
#include "problem/kernel_arguments.h"
#include "problem/sequence.h"

struct clattn_cache {
  clattn_cached_lengths lengths; /* first: what the problem's rooms know of a cache */
  clattn_device *device;
  clattn_problem problem;             /* that it was made for: sizes and cache are looked at */
  cl_mem k, v;                        /* (rows, kv_heads, dim) of the cache's type; a row is a token's place */
  cl_mem k_scale, v_scale;            /* bytes alone: (rows, kv_heads), or (kv_heads) */
  float *k_scale_host, *v_scale_host; /* of CLATTN_CACHE_I8_HEAD; NULL else */
  cl_int *table;       /* (batch, table_width): page numbers; entries behind a sequence's pages mean nothing */
  cl_mem table_buffer; /* the same on the device; NULL where the cache is contiguous */
  size_t table_width, pages;
  cl_int *free_pages; /* a stack */
  size_t free_count;
  uint64_t bytes;
};

/* For a run: whether the cache fits the problem and has room; then `before` and `appended` are set, pages taken, and
 * the new keys part of the lengths. The problem as scores see it goes to `seen`. */
clattn_status clattn_cache_begin(clattn_cache *cache, const clattn_problem *problem, const clattn_inputs *inputs,
                                 clattn_problem *seen, clattn_error *error);

/* The problem as scores saw it at the last run. */
clattn_problem clattn_cache_seen(const clattn_cache *cache, const clattn_problem *problem);

/* After a run that failed: what clattn_cache_begin did is undone. */
void clattn_cache_undo(clattn_cache *cache);

#endif
