/* scores: Q.K^T * scale of one block, then softcap, bias and mask. */
#include "device/blas.h"
#include "stages/stage.h"

static clattn_status with_kernel(const clattn_work *work, clattn_error *error) {
  const attention a = clattn_kernel_attention(work);
  const cl_mem keys = clattn_keys(work);
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_Q]),
                                       CLATTN_ARGUMENT(keys),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_SCORES]),
                                       CLATTN_ARGUMENT(a),
                                       CLATTN_ARGUMENT(work->sequences),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_MASK]),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_SLOPES])};
  const size_t size[3] = {work->seen->key_len, work->block.rows, work->block.pairs};
  return clattn_launch_choice(work, CLATTN_STAGE_SCORES, arguments, sizeof arguments / sizeof arguments[0], size,
                              error);
}

/* The post-process of CLBlast's product: softcap, bias and mask. */
static clattn_status finish(const clattn_work *work, clattn_error *error) {
  const attention a = clattn_kernel_attention(work);
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_SCORES]), CLATTN_ARGUMENT(a),
                                       CLATTN_ARGUMENT(work->sequences), CLATTN_ARGUMENT(work->tensor[CLATTN_MASK]),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_SLOPES])};
  const size_t size[3] = {work->seen->key_len, work->block.rows, work->block.pairs};
  return clattn_launch_choice(work, CLATTN_STAGE_SCORES, arguments, sizeof arguments / sizeof arguments[0], size,
                              error);
}

static clattn_blas_product product_of(const clattn_work *work, const clattn_heads *heads) {
  const clattn_problem *problem = work->seen;
  const clattn_block *block = &work->block;
  const clattn_strides q = clattn_tensor_strides(problem, CLATTN_Q), k = clattn_tensor_strides(problem, CLATTN_K);
  const size_t pair_elements = block->rows * problem->key_len;
  const size_t query = heads->sequence.first_query + block->first_row;
  return (clattn_blas_product){
      .rows = heads->rows,
      .columns = heads->sequence.key_len,
      .terms = problem->head_dim,
      .count = heads->count,
      .factor = clattn_problem_scale(problem),
      .a = {.buffer = work->tensor[CLATTN_Q],
            .offset = heads->batch * q.batch + heads->head * q.head + query * q.row,
            .row = q.row,
            .step = q.head},
      .b = {.buffer = clattn_keys(work),
            .offset = heads->batch * k.batch + heads->kv_head * k.head + heads->sequence.first_key * k.row,
            .row = k.row,
            .step = heads->kv_step * k.head,
            .transposed = true},
      .c = {.buffer = work->tensor[CLATTN_SCORES],
            .offset = heads->in_block * pair_elements,
            .row = problem->key_len,
            .step = pair_elements},
  };
}

static clattn_status with_blas(const clattn_work *work, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  clattn_heads heads = {0};
  while (status == CLATTN_OK && clattn_next_heads(work, &heads)) {
    const clattn_blas_product product = product_of(work, &heads);
    if (product.rows > 0 && product.columns > 0)
      status = clattn_blas_multiply(work->queue, CLATTN_STAGE_SCORES, &product, error);
  }
  if (status == CLATTN_OK && work->plan->choice[CLATTN_STAGE_SCORES].kernel != NULL) status = finish(work, error);
  return status;
}

clattn_status clattn_stage_scores(const clattn_work *work, clattn_error *error) {
  return (clattn_uses_library(work, CLATTN_STAGE_SCORES) ? with_blas : with_kernel)(work, error);
}
