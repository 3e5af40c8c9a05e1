/* cache: appends this run's keys and values. Then, unless scores can read the cache in place,
 * brings all of it into floats, (batch, capacity, heads, dim). */
#include "cache/cache.h"
#include "stages/stage.h"

/* Keys or values. */
typedef struct part {
  clattn_tensor fresh, cached;
  size_t dim;
  cl_mem stored, scales;
} part;

static clattn_status move(const clattn_work *work, const part *m, bool append, clattn_error *error) {
  static const int types[] = {CACHE_F32, CACHE_F16, CACHE_BF16, CACHE_I8_TOKEN, CACHE_I8_HEAD};
  const clattn_problem *p = &work->plan->problem;
  const clattn_cache *cache = work->inputs->cache;
  const clattn_strides s = append ? clattn_new_strides(p, m->fresh) : clattn_tensor_strides(p, m->fresh);
  const cache_move c = {.floats = clattn_kernel_strides(s),
                        .capacity = p->cache.capacity,
                        .heads = (cl_int)clattn_kv_heads(p),
                        .dim = (cl_int)m->dim,
                        .type = types[p->cache.type],
                        .append = append,
                        .page_len = (cl_int)p->cache.page_len,
                        .table_width = (cl_int)cache->table_width};
  const cl_mem floats = work->tensor[append ? m->fresh : m->cached];
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(floats),          CLATTN_ARGUMENT(m->stored),
                                       CLATTN_ARGUMENT(m->scales),       CLATTN_ARGUMENT(c),
                                       CLATTN_ARGUMENT(work->sequences), CLATTN_ARGUMENT(cache->table_buffer)};
  const size_t size[3] = {clattn_kv_heads(p), append ? p->key_len : work->seen->key_len, p->batch};
  return clattn_launch_choice(work, CLATTN_STAGE_CACHE, arguments, sizeof arguments / sizeof arguments[0], size, error);
}

clattn_status clattn_stage_cache(const clattn_work *work, clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  const clattn_cache *cache = work->inputs->cache;
  const part parts[] = {{CLATTN_K, CLATTN_CACHED_K, p->head_dim, cache->k, cache->k_scale},
                        {CLATTN_V, CLATTN_CACHED_V, p->value_dim, cache->v, cache->v_scale}};
  clattn_status status = CLATTN_OK;
  for (int i = 0; i < 2 && status == CLATTN_OK; ++i) status = move(work, &parts[i], true, error);
  for (int i = 0; i < 2 && status == CLATTN_OK && clattn_is_gathered(p); ++i)
    status = move(work, &parts[i], false, error);
  return status;
}
