/* context: weights.V of one block. */
#include "device/blas.h"
#include "stages/stage.h"

/* One kernel computes the product, or repairs the non-finite results of CLBlast's; both take these
 * arguments. */
static clattn_status with_kernel(const clattn_work *work, clattn_error *error) {
  const attention a = clattn_kernel_attention(work);
  const cl_mem values = clattn_values(work);
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_WEIGHTS]), CLATTN_ARGUMENT(values),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_CONTEXT]), CLATTN_ARGUMENT(a),
                                       CLATTN_ARGUMENT(work->sequences)};
  const size_t size[3] = {work->seen->value_dim, work->block.rows, work->block.pairs};
  return clattn_launch_choice(work, CLATTN_STAGE_CONTEXT, arguments, sizeof arguments / sizeof arguments[0], size,
                              error);
}

static clattn_blas_product product_of(const clattn_work *work, const clattn_heads *heads) {
  const clattn_problem *problem = work->seen;
  const clattn_block *block = &work->block;
  const clattn_strides v = clattn_tensor_strides(problem, CLATTN_V);
  const clattn_strides context = clattn_tensor_strides(problem, CLATTN_CONTEXT);
  const size_t pair_elements = block->rows * problem->key_len;
  const size_t query = heads->sequence.first_query + block->first_row;
  return (clattn_blas_product){
      .rows = heads->rows,
      .columns = problem->value_dim,
      .terms = heads->sequence.key_len,
      .count = heads->count,
      .factor = 1.0f,
      .a = {.buffer = work->tensor[CLATTN_WEIGHTS],
            .offset = heads->in_block * pair_elements,
            .row = problem->key_len,
            .step = pair_elements},
      .b = {.buffer = clattn_values(work),
            .offset = heads->batch * v.batch + heads->kv_head * v.head + heads->sequence.first_key * v.row,
            .row = v.row,
            .step = heads->kv_step * v.head},
      .c = {.buffer = work->tensor[CLATTN_CONTEXT],
            .offset = heads->batch * context.batch + heads->head * context.head + query * context.row,
            .row = context.row,
            .step = context.head},
  };
}

/* Sets rows to 0 for a sequence without keys, which has no product. In the order of tokens whole
 * rows are cleared, all heads at once; in the order of heads the rows of each head are contiguous.
 */
static clattn_status clear(const clattn_work *work, const clattn_blas_product *product, clattn_error *error) {
  const size_t row_bytes = product->c.row * sizeof(float), bytes = product->rows * row_bytes;
  const bool by_head = work->seen->context_order == CLATTN_ORDER_HEADS;
  clattn_status status = CLATTN_OK;
  for (size_t i = 0; i < (by_head ? product->count : 1) && status == CLATTN_OK; ++i) {
    const size_t first = (product->c.offset + i * product->c.step) / product->c.row;
    status = clattn_queue_clear(work->queue, CLATTN_STAGE_CONTEXT, product->c.buffer, first * row_bytes, bytes, error);
  }
  return status;
}

static clattn_status with_blas(const clattn_work *work, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  clattn_heads heads = {0};
  while (status == CLATTN_OK && clattn_next_heads(work, &heads)) {
    const clattn_blas_product product = product_of(work, &heads);
    if (product.rows == 0) continue;
    status = product.terms > 0 ? clattn_blas_multiply(work->queue, CLATTN_STAGE_CONTEXT, &product, error)
                               : clear(work, &product, error);
  }
  if (status == CLATTN_OK && work->plan->choice[CLATTN_STAGE_CONTEXT].kernel != NULL) status = with_kernel(work, error);
  return status;
}

clattn_status clattn_stage_context(const clattn_work *work, clattn_error *error) {
  return (clattn_uses_library(work, CLATTN_STAGE_CONTEXT) ? with_blas : with_kernel)(work, error);
}
