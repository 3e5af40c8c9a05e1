/* context: weights.V of one block. */
#include "blas.h"
#include "shape.h"
#include "stage.h"

/* The same arguments for the product and, behind CLBlast, for the repair of what it made non-finite. */
static clattn_status with_kernel(const clattn_work *work, clattn_error *error) {
  const clattn_problem *problem = &work->plan->problem;
  const clattn_block *block = &work->block;
  const cl_ulong4 v_stride = clattn_kernel_strides(problem, CLATTN_V);
  const cl_ulong4 context_stride = clattn_kernel_strides(problem, CLATTN_CONTEXT);
  const cl_int heads = (cl_int)problem->heads, first_pair = (cl_int)block->first_pair;
  const cl_int first_row = (cl_int)block->first_row, rows = (cl_int)block->rows;
  const cl_int key_len = (cl_int)problem->key_len, value_dim = (cl_int)problem->value_dim;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_WEIGHTS]),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_V]),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_CONTEXT]),
                                       CLATTN_ARGUMENT(v_stride),
                                       CLATTN_ARGUMENT(context_stride),
                                       CLATTN_ARGUMENT(heads),
                                       CLATTN_ARGUMENT(first_pair),
                                       CLATTN_ARGUMENT(first_row),
                                       CLATTN_ARGUMENT(rows),
                                       CLATTN_ARGUMENT(key_len),
                                       CLATTN_ARGUMENT(value_dim)};
  const size_t size[3] = {problem->value_dim, block->rows, block->pairs};
  return clattn_launch_choice(work, CLATTN_STAGE_CONTEXT, arguments, sizeof arguments / sizeof arguments[0], size,
                              error);
}

static clattn_status with_blas(const clattn_work *work, clattn_error *error) {
  const clattn_problem *problem = &work->plan->problem;
  const clattn_block *block = &work->block;
  const clattn_strides v = clattn_tensor_strides(problem, CLATTN_V);
  const clattn_strides context = clattn_tensor_strides(problem, CLATTN_CONTEXT);
  const size_t pair_elements = block->rows * problem->key_len;
  clattn_status status = CLATTN_OK;
  clattn_heads heads = {0};
  while (status == CLATTN_OK && clattn_next_heads(work, &heads)) {
    const clattn_blas_product product = {
        .rows = block->rows,
        .columns = problem->value_dim,
        .terms = problem->key_len,
        .count = heads.count,
        .factor = 1.0f,
        .a = {.buffer = work->tensor[CLATTN_WEIGHTS],
              .offset = heads.in_block * pair_elements,
              .row = problem->key_len,
              .step = pair_elements},
        .b = {.buffer = work->tensor[CLATTN_V],
              .offset = heads.batch * v.batch + heads.head * v.head,
              .row = v.row,
              .step = v.head},
        .c = {.buffer = work->tensor[CLATTN_CONTEXT],
              .offset = heads.batch * context.batch + heads.head * context.head + block->first_row * context.row,
              .row = context.row,
              .step = context.head},
    };
    status = clattn_blas_multiply(work->chain, &product, error);
  }
  if (status == CLATTN_OK && problem->mask != CLATTN_MASK_NONE) status = with_kernel(work, error);
  return status;
}

clattn_status clattn_stage_context(const clattn_work *work, clattn_error *error) {
  const bool blas = work->plan->choice[CLATTN_STAGE_CONTEXT].row->form == CLATTN_FORM_LIBRARY;
  return (blas ? with_blas : with_kernel)(work, error);
}
