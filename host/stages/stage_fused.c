/* fused: scores, softmax and context of all pairs in one kernel, and the post-process that some
 * kernels launch after it. */
#include "cache/cache.h"
#include "catalog/fused.h"
#include "device/launch.h"
#include "stages/stage.h"
#include "base/sizes.h"
#include "problem/facts.h"

/* A launch of the fused kernel or of its post-process, which take the same arguments. */
typedef struct launch {
  cl_kernel kernel;
  const clattn_geometry *geometry;
  size_t size[3];
  double flops;
} launch;

/* The last arguments, which only kernels that read caches in place have. */
enum { OF_CACHES = 3 };

/* The stored tensor if the kernel reads it, else these floats. */
static cl_mem input(const clattn_work *work, clattn_tensor tensor, cl_mem floats) {
  return clattn_fused_reads_stored(work->seen, tensor) ? work->stored[tensor] : floats;
}

static size_t units_of(const clattn_work *work) {
  return clattn_larger(work->plan->device->info.compute_units, 1);
}

static clattn_status run(const clattn_work *work, const launch *l, clattn_error *error) {
  const clattn_choice *choice = &work->plan->choice[CLATTN_STAGE_FUSED];
  const clattn_post_process *post_process = clattn_post_process_of(choice->row);
  const bool stored = work->seen->output_dim == 0 && clattn_output_is_stored(work);
  const cl_mem context = stored ? work->stored[CLATTN_OUTPUT] : work->tensor[CLATTN_CONTEXT];
  attention a = clattn_kernel_attention(work);
  a.group_rows = (cl_int)l->geometry->rows;
  a.context_type = stored ? clattn_kernel_type(work->seen->type) : STORED_F32;
  if (post_process != NULL && post_process->tell != NULL)
    post_process->tell(choice->value, work->seen, units_of(work), &a);
  const cl_mem queries = input(work, CLATTN_Q, work->tensor[CLATTN_Q]);
  const cl_mem keys = input(work, CLATTN_K, clattn_keys(work)), values = input(work, CLATTN_V, clattn_values(work));
  const cl_mem lse = work->lse_wanted ? work->tensor[CLATTN_LSE] : NULL;
  const clattn_cache *cache = work->seen->cache.capacity != 0 ? work->inputs->cache : NULL;
  const cl_mem k_scales = cache != NULL ? cache->k_scale : NULL, v_scales = cache != NULL ? cache->v_scale : NULL;
  const cl_mem table = cache != NULL ? cache->table_buffer : NULL;
  if (table != NULL) {
    a.page_len = (cl_int)work->seen->cache.page_len;
    a.table_width = (cl_int)cache->table_width;
  }
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(queries),
                                       CLATTN_ARGUMENT(keys),
                                       CLATTN_ARGUMENT(values),
                                       CLATTN_ARGUMENT(context),
                                       CLATTN_ARGUMENT(a),
                                       CLATTN_ARGUMENT(work->sequences),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_MASK]),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_SLOPES]),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_SINKS]),
                                       CLATTN_ARGUMENT(lse),
                                       CLATTN_ARGUMENT(work->plan->workspace),
                                       CLATTN_ARGUMENT(k_scales),
                                       CLATTN_ARGUMENT(v_scales),
                                       CLATTN_ARGUMENT(table)};
  const size_t count = sizeof arguments / sizeof arguments[0] - (choice->row->reads_cache ? 0 : OF_CACHES);
  const clattn_status status = clattn_set_arguments(l->kernel, arguments, count, error);
  return status == CLATTN_OK
             ? clattn_launch(work->queue, CLATTN_STAGE_FUSED, l->kernel, l->geometry, l->size, l->flops, error)
             : status;
}

static clattn_status run_post_process(const clattn_work *work, const clattn_post_process *post_process,
                                      clattn_error *error) {
  const clattn_choice *choice = &work->plan->choice[CLATTN_STAGE_FUSED];
  launch l = {.kernel = choice->post_process, .geometry = &choice->post_process_geometry};
  post_process->size(choice->value, work->seen, units_of(work), l.size);
  return l.size[0] != 0 ? run(work, &l, error) : CLATTN_OK;
}

clattn_status clattn_stage_fused(const clattn_work *work, clattn_error *error) {
  const clattn_choice *choice = &work->plan->choice[CLATTN_STAGE_FUSED];
  const clattn_post_process *post_process = clattn_post_process_of(choice->row);
  /* Pairs run along the first dimension: some drivers allow no more than 65535 work-groups along
   * the others. */
  launch fused = {choice->kernel,
                  &choice->geometry,
                  {work->block.pairs, work->block.rows, 1},
                  clattn_launch_flops(work, CLATTN_STAGE_FUSED)};
  if (post_process != NULL && post_process->launch != NULL)
    post_process->launch(choice->value, work->seen, units_of(work), fused.size);
  const clattn_status status = run(work, &fused, error);
  return status == CLATTN_OK && post_process != NULL ? run_post_process(work, post_process, error) : status;
}
