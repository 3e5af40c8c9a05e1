/* Runs the steps of a plan, block by block, and hands over the results that do not stay on the
 * device as a whole. */
#include "cache/cache.h"
#include "problem/tensors.h"
#include "run/run.h"
#include "stages/steps.h"

/* ---- handing over ------------------------------------------------------------------------------------------------ */

/* The number of the block's first row, among all rows of (batch, head, query); the others follow
 * it. */
static size_t first_row(const clattn_work *work) {
  return work->block.first_pair * work->seen->query_len + work->block.first_row;
}

/* The rows of `wanted` that the block has, each to its place among the wanted ones. */
static clattn_status download_rows(const clattn_work *work, const clattn_rows *wanted, float *to, clattn_error *error) {
  const size_t key_len = work->seen->key_len, row_bytes = key_len * sizeof(float);
  const size_t start = first_row(work), end = start + work->block.pairs * work->block.rows;
  clattn_status status = CLATTN_OK;
  for (size_t i = 0; i < wanted->count && wanted->row[i] < end && status == CLATTN_OK; ++i)
    if (wanted->row[i] >= start)
      status = clattn_queue_read(work->queue, work->tensor[CLATTN_SCORES], (wanted->row[i] - start) * row_bytes,
                                 row_bytes, to + i * key_len, error);
  return status;
}

/* A block of scores or the like: a contiguous part of the whole tensor. */
static clattn_status deliver_block(const clattn_work *work, clattn_tensor tensor, const clattn_destination *to,
                                   clattn_error *error) {
  const clattn_problem *problem = work->seen;
  const clattn_block *block = &work->block;
  const cl_mem scores = work->tensor[CLATTN_SCORES];
  const size_t bytes = block->pairs * block->rows * problem->key_len * sizeof(float);
  const size_t start = first_row(work) * problem->key_len;
  if (to->device != NULL)
    return clattn_queue_copy(work->queue,
                             &(clattn_copy){.from = scores,
                                            .to = clattn_buffers_get(to->device, tensor),
                                            .to_offset = start * sizeof(float),
                                            .bytes = bytes},
                             error);
  float *host = clattn_outputs_get(to->host, tensor);
  if (to->host->rows != NULL) return download_rows(work, to->host->rows, host, error);
  return clattn_queue_read(work->queue, scores, 0, bytes, host + start, error);
}

/* Keys or values of a cache that the plan's kernels read in place: no floats of them are on the
 * device. Handed over as (batch, keys, columns). */
static clattn_status deliver_stored(const clattn_work *work, clattn_tensor tensor, const clattn_destination *to,
                                    clattn_error *error) {
  const clattn_problem *p = work->seen;
  const size_t elements = p->key_len * clattn_tensor_columns(p, tensor);
  clattn_status status = CLATTN_OK;
  if (to->device != NULL)
    return clattn_gather_cached(work, tensor, clattn_buffers_get(to->device, tensor), p->key_len, error);
  float *const floats = clattn_outputs_get(to->host, tensor);
  for (size_t b = 0; b < p->batch && status == CLATTN_OK; ++b)
    status = clattn_cache_read(work->inputs->cache, work->queue, tensor, b, floats + b * elements, error);
  return status;
}

/* Keys or values in the cache, sequence by sequence: on the device (batch, capacity, columns),
 * handed over as (batch, keys, columns). */
static clattn_status deliver_cached(const clattn_work *work, clattn_tensor tensor, const clattn_destination *to,
                                    clattn_error *error) {
  const clattn_problem *p = work->seen;
  const size_t row_bytes = clattn_tensor_columns(p, tensor) * sizeof(float);
  if (!clattn_has_plain_cache(p) && !clattn_plan_gathers(work->plan)) return deliver_stored(work, tensor, to, error);
  clattn_status status = CLATTN_OK;
  for (size_t b = 0; b < p->batch && status == CLATTN_OK; ++b) {
    const size_t bytes = clattn_sequence_of(p, work->inputs, b).key_len * row_bytes;
    const size_t from = b * p->cache.capacity * row_bytes, start = b * p->key_len * row_bytes;
    if (bytes == 0) continue;
    if (to->host != NULL)
      status = clattn_queue_read(work->queue, work->tensor[tensor], from, bytes,
                                 (char *)clattn_outputs_get(to->host, tensor) + start, error);
    else
      status = clattn_queue_copy(work->queue,
                                 &(clattn_copy){.from = work->tensor[tensor],
                                                .to = clattn_buffers_get(to->device, tensor),
                                                .from_offset = from,
                                                .to_offset = start,
                                                .bytes = bytes},
                                 error);
  }
  return status;
}

/* x as the projections read it, with its positions. */
static clattn_status deliver_x(const clattn_work *work, clattn_tensor tensor, const clattn_destination *to,
                               clattn_error *error) {
  const size_t bytes = clattn_output_bytes(work->seen, tensor);
  if (to->host != NULL)
    return clattn_queue_read(work->queue, work->tensor[CLATTN_X], 0, bytes, clattn_outputs_get(to->host, tensor),
                             error);
  const clattn_copy copy = {
      .from = work->tensor[CLATTN_X], .to = clattn_buffers_get(to->device, tensor), .bytes = bytes};
  return clattn_queue_copy(work->queue, &copy, error);
}

bool clattn_is_wanted(const clattn_destination *to, clattn_tensor tensor) {
  return to->host != NULL ? clattn_outputs_get(to->host, tensor) != NULL
                          : clattn_buffers_get(to->device, tensor) != NULL;
}

/* Hands over the tensor, or the block's part of it, if it is wanted and the problem has it. */
static clattn_status deliver(const clattn_work *work, clattn_tensor tensor, const clattn_destination *to,
                             clattn_error *error) {
  static clattn_status (*const by_home[])(const clattn_work *, clattn_tensor, const clattn_destination *,
                                          clattn_error *) = {
      [CLATTN_HOME_BLOCK] = deliver_block, [CLATTN_HOME_CACHE] = deliver_cached, [CLATTN_HOME_X] = deliver_x};
  if (!clattn_is_wanted(to, tensor) || clattn_output_bytes(work->seen, tensor) == 0) return CLATTN_OK;
  return by_home[clattn_tensor_facts_of(tensor)->home](work, tensor, to, error);
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static bool is_needed(const clattn_step *step, const clattn_destination *to) {
  if (step->only_for[0] == CLATTN_TENSOR_COUNT) return true;
  for (const clattn_tensor *tensor = step->only_for; *tensor != CLATTN_TENSOR_COUNT; ++tensor)
    if (clattn_is_wanted(to, *tensor)) return true;
  return false;
}

static clattn_status run_step(const clattn_work *given, const clattn_step *step, const clattn_destination *to,
                              clattn_stage *stopped_at, clattn_error *error) {
  clattn_work work = *given;
  clattn_status status = CLATTN_OK;
  work.until = step->until;
  if (work.plan->choice[step->stage].row != NULL) status = step->run(&work, error);
  if (status != CLATTN_OK) *stopped_at = step->stage;
  for (const clattn_tensor *result = step->results; *result != CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++result)
    status = deliver(&work, *result, to, error);
  return status;
}

static clattn_status run_scope(const clattn_work *work, clattn_scope scope, const clattn_destination *to,
                               clattn_stage *stopped_at, clattn_error *error) {
  const clattn_step *step;
  clattn_status status = CLATTN_OK;
  for (size_t i = 0; (step = clattn_step_at(i)) != NULL && status == CLATTN_OK; ++i)
    if (step->scope == scope && is_needed(step, to)) status = run_step(work, step, to, stopped_at, error);
  return status;
}

/* The numbers of the cache's pages, which its kernels read. */
static clattn_status write_page_table(const clattn_work *work, clattn_error *error) {
  const clattn_cache *cache = work->inputs->cache;
  if (work->seen->cache.page_len == 0) return CLATTN_OK;
  return clattn_queue_write(work->queue, cache->table_buffer, cache->table,
                            work->seen->batch * cache->table_width * sizeof *cache->table, error);
}

clattn_status clattn_run_stages(const clattn_work *given, const clattn_destination *to, clattn_stage *stopped_at,
                                clattn_error *error) {
  clattn_work work = *given;
  *stopped_at = CLATTN_STAGE_COUNT;
  clattn_status status = write_page_table(&work, error);
  if (status == CLATTN_OK) status = run_scope(&work, CLATTN_SCOPE_BEFORE, to, stopped_at, error);
  while (status == CLATTN_OK && clattn_next_block(work.plan, &work.block))
    status = run_scope(&work, CLATTN_SCOPE_BLOCK, to, stopped_at, error);
  if (status == CLATTN_OK) status = run_scope(&work, CLATTN_SCOPE_AFTER, to, stopped_at, error);
  return status;
}
