/* What the stages share: launches, the arguments that describe the work, and the heads of a block.
 */
#include "stages/stage.h"

#include "problem/costs.h"
#include "problem/stages.h"
#include "device/launch.h"
#include "base/sizes.h"

static void describe_mask(const clattn_problem *p, attention *a) {
  static const int kinds[] = {NO_MASK, FLOAT_MASK, BOOL_MASK};
  const size_t *shape = p->mask_shape;
  a->mask_kind = kinds[p->mask];
  if (p->mask == CLATTN_MASK_NONE) return;
  a->mask_key = shape[3] > 1 ? 1 : 0;
  a->mask_len = shape[3] > 1 ? (cl_int)shape[3] : (cl_int)p->key_len;
  a->mask.row = shape[2] > 1 ? shape[3] : 0;
  a->mask.head = shape[1] > 1 ? shape[2] * shape[3] : 0;
  a->mask.batch = shape[0] > 1 ? shape[1] * shape[2] * shape[3] : 0;
}

attention clattn_kernel_attention(const clattn_work *work) {
  const clattn_problem *p = work->seen;
  attention a = {.q = clattn_kernel_strides(clattn_tensor_strides(p, CLATTN_Q)),
                 .k = clattn_kernel_strides(clattn_tensor_strides(p, CLATTN_K)),
                 .v = clattn_kernel_strides(clattn_tensor_strides(p, CLATTN_V)),
                 .context = clattn_kernel_strides(clattn_tensor_strides(p, CLATTN_CONTEXT)),
                 .heads = (cl_int)p->heads,
                 .group = (cl_int)(p->heads / clattn_kv_heads(p)),
                 .query_len = (cl_int)p->query_len,
                 .key_len = (cl_int)p->key_len,
                 .head_dim = (cl_int)p->head_dim,
                 .value_dim = (cl_int)p->value_dim,
                 .position = (cl_int)clattn_sequence_of(p, NULL, 0).position,
                 .left = (cl_int)clattn_window_left(p),
                 .right = (cl_int)clattn_window_right(p),
                 .first_pair = (cl_int)work->block.first_pair,
                 .first_row = (cl_int)work->block.first_row,
                 .rows = (cl_int)work->block.rows,
                 .until = work->until,
                 .scale = clattn_problem_scale(p),
                 .softcap = p->softcap,
                 .all_pairs = (cl_int)(p->batch * p->heads)};
  describe_mask(p, &a);
  return a;
}

softmax_rows clattn_kernel_rows(const clattn_work *work) {
  const clattn_block *block = &work->block;
  const clattn_problem *p = work->seen;
  return (softmax_rows){.first = block->first_pair * p->query_len + block->first_row,
                        .rows = (cl_int)(block->pairs * block->rows),
                        .key_len = (cl_int)p->key_len,
                        .query_len = (cl_int)p->query_len,
                        .heads = (cl_int)p->heads};
}

bool clattn_output_is_stored(const clattn_work *work) {
  return clattn_plan_stores_output(work->plan) && (work->plan->problem.output_dim != 0 || !work->context_wanted);
}

cl_mem clattn_keys(const clattn_work *work) {
  return work->tensor[work->seen->cache.capacity != 0 ? CLATTN_CACHED_K : CLATTN_K];
}

cl_mem clattn_values(const clattn_work *work) {
  return work->tensor[work->seen->cache.capacity != 0 ? CLATTN_CACHED_V : CLATTN_V];
}

bool clattn_uses_library(const clattn_work *work, clattn_stage stage) {
  return work->plan->choice[stage].row->library;
}

/* A naive kernel reads its inputs from memory again for each result, so it runs slower than launch
 * limits assume. */
#define PLAIN_FACTOR 4.0

double clattn_launch_flops(const clattn_work *work, clattn_stage stage) {
  const clattn_problem *p = clattn_is_of_scores(stage) ? work->seen : &work->plan->problem;
  const double factor = work->plan->choice[stage].row->plain ? PLAIN_FACTOR : 1.0;
  const double rows = (double)p->batch * (double)p->heads * (double)p->query_len;
  const double share = clattn_is_of_scores(stage) ? (double)work->block.pairs * (double)work->block.rows / rows : 1.0;
  return clattn_stage_flops(p, stage) * share * factor;
}

clattn_status clattn_launch_choice(const clattn_work *work, clattn_stage stage, const clattn_argument *arguments,
                                   size_t count, const size_t size[3], clattn_error *error) {
  return clattn_launch_divided(work, stage, &work->plan->choice[stage].geometry, arguments, count, size, error);
}

clattn_status clattn_launch_divided(const clattn_work *work, clattn_stage stage, const clattn_geometry *geometry,
                                    const clattn_argument *arguments, size_t count, const size_t size[3],
                                    clattn_error *error) {
  const cl_kernel kernel = work->plan->choice[stage].kernel;
  const clattn_status status = clattn_set_arguments(kernel, arguments, count, error);
  if (status != CLATTN_OK) return status;
  return clattn_launch(work->queue, (int)stage, kernel, geometry, size, clattn_launch_flops(work, stage), error);
}

bool clattn_next_heads(const clattn_work *work, clattn_heads *heads) {
  const clattn_block *block = &work->block;
  const clattn_problem *p = work->seen;
  const size_t group = p->heads / clattn_kv_heads(p);
  heads->in_block += heads->count;
  if (heads->in_block == block->pairs) return false;
  const size_t pair = block->first_pair + heads->in_block, left = block->pairs - heads->in_block;
  heads->batch = pair / p->heads;
  heads->head = pair % p->heads;
  heads->kv_head = heads->head / group;
  heads->kv_step = group == 1 ? 1 : 0;
  heads->count = clattn_smaller(left, group == 1 ? p->heads - heads->head : group - heads->head % group);
  heads->sequence = clattn_sequence_of(p, work->inputs, heads->batch);
  const size_t first = block->first_row, end = heads->sequence.query_len;
  heads->rows = end > first ? clattn_smaller(end - first, block->rows) : 0;
  return true;
}
