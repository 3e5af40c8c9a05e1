/* cache: appends this run's keys and values. Then, unless the plan's kernels read the cache in place,
 * brings all of it into floats, (batch, capacity, heads, dim). */
#include "cache/cache.h"
#include "stages/stage.h"

/* Keys or values. */
typedef struct part {
  clattn_tensor fresh;
  size_t dim;
  cl_mem stored, scales;
} part;

static part part_of(const clattn_work *work, clattn_tensor cached) {
  const clattn_problem *p = &work->plan->problem;
  const clattn_cache *cache = work->inputs->cache;
  return cached == CLATTN_CACHED_K ? (part){CLATTN_K, p->head_dim, cache->k, cache->k_scale}
                                   : (part){CLATTN_V, p->value_dim, cache->v, cache->v_scale};
}

/* Moves `rows` vectors of each head and sequence between these floats and the cache. */
static clattn_status move(const clattn_work *work, const part *m, bool append, cl_mem floats, clattn_strides strides,
                          size_t rows, clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  const clattn_cache *cache = work->inputs->cache;
  const cache_move c = {.floats = clattn_kernel_strides(strides),
                        .capacity = p->cache.capacity,
                        .heads = (cl_int)clattn_kv_heads(p),
                        .dim = (cl_int)m->dim,
                        .type = clattn_kernel_cache_type(p->cache.type),
                        .append = append,
                        .page_len = (cl_int)p->cache.page_len,
                        .table_width = (cl_int)cache->table_width};
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(floats),          CLATTN_ARGUMENT(m->stored),
                                       CLATTN_ARGUMENT(m->scales),       CLATTN_ARGUMENT(c),
                                       CLATTN_ARGUMENT(work->sequences), CLATTN_ARGUMENT(cache->table_buffer)};
  const size_t size[3] = {clattn_kv_heads(p), rows, p->batch};
  return clattn_launch_choice(work, CLATTN_STAGE_CACHE, arguments, sizeof arguments / sizeof arguments[0], size, error);
}

static clattn_status append(const clattn_work *work, clattn_tensor cached, clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  const part m = part_of(work, cached);
  return move(work, &m, true, work->tensor[m.fresh], clattn_new_strides(p, m.fresh), p->key_len, error);
}

clattn_status clattn_gather_cached(const clattn_work *work, clattn_tensor cached, cl_mem floats, size_t rows,
                                   clattn_error *error) {
  const part m = part_of(work, cached);
  clattn_strides strides = clattn_tensor_strides(&work->plan->problem, m.fresh);
  strides.batch = rows * strides.row;
  return move(work, &m, false, floats, strides, work->seen->key_len, error);
}

clattn_status clattn_stage_cache(const clattn_work *work, clattn_error *error) {
  const clattn_tensor parts[] = {CLATTN_CACHED_K, CLATTN_CACHED_V};
  clattn_status status = CLATTN_OK;
  for (int i = 0; i < 2 && status == CLATTN_OK; ++i) status = append(work, parts[i], error);
  for (int i = 0; i < 2 && status == CLATTN_OK && clattn_plan_gathers(work->plan); ++i)
    status = clattn_gather_cached(work, parts[i], work->tensor[parts[i]], work->seen->cache.capacity, error);
  return status;
}
