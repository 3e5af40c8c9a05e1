/* scores: Q.K^T * scale of one block, masked keys -infinity. */
#include "blas.h"
#include "shape.h"
#include "stage.h"

static clattn_status with_kernel(const clattn_work *work, clattn_error *error) {
  const clattn_problem *problem = &work->plan->problem;
  const clattn_block *block = &work->block;
  const cl_ulong4 q_stride = clattn_kernel_strides(problem, CLATTN_Q);
  const cl_ulong4 k_stride = clattn_kernel_strides(problem, CLATTN_K);
  const cl_int heads = (cl_int)problem->heads, first_pair = (cl_int)block->first_pair;
  const cl_int first_row = (cl_int)block->first_row, rows = (cl_int)block->rows;
  const cl_int key_len = (cl_int)problem->key_len, head_dim = (cl_int)problem->head_dim;
  const cl_float scale = clattn_problem_scale(problem);
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_Q]),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_K]),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_SCORES]),
                                       CLATTN_ARGUMENT(q_stride),
                                       CLATTN_ARGUMENT(k_stride),
                                       CLATTN_ARGUMENT(heads),
                                       CLATTN_ARGUMENT(first_pair),
                                       CLATTN_ARGUMENT(first_row),
                                       CLATTN_ARGUMENT(rows),
                                       CLATTN_ARGUMENT(key_len),
                                       CLATTN_ARGUMENT(head_dim),
                                       CLATTN_ARGUMENT(scale)};
  const size_t size[3] = {problem->key_len, block->rows, block->pairs};
  return clattn_launch_choice(work, CLATTN_STAGE_SCORES, arguments, sizeof arguments / sizeof arguments[0], size,
                              error);
}

static clattn_status mask(const clattn_work *work, clattn_error *error) {
  const clattn_block *block = &work->block;
  const cl_int first_row = (cl_int)block->first_row, rows = (cl_int)block->rows;
  const cl_int key_len = (cl_int)work->plan->problem.key_len;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_SCORES]), CLATTN_ARGUMENT(first_row),
                                       CLATTN_ARGUMENT(rows), CLATTN_ARGUMENT(key_len)};
  const size_t size[3] = {work->plan->problem.key_len, block->rows, block->pairs};
  return clattn_launch_choice(work, CLATTN_STAGE_SCORES, arguments, sizeof arguments / sizeof arguments[0], size,
                              error);
}

static clattn_status with_blas(const clattn_work *work, clattn_error *error) {
  const clattn_problem *problem = &work->plan->problem;
  const clattn_block *block = &work->block;
  const clattn_strides q = clattn_tensor_strides(problem, CLATTN_Q), k = clattn_tensor_strides(problem, CLATTN_K);
  const size_t pair_elements = block->rows * problem->key_len;
  clattn_status status = CLATTN_OK;
  clattn_heads heads = {0};
  while (status == CLATTN_OK && clattn_next_heads(work, &heads)) {
    const clattn_blas_product product = {
        .rows = block->rows,
        .columns = problem->key_len,
        .terms = problem->head_dim,
        .count = heads.count,
        .factor = clattn_problem_scale(problem),
        .a = {.buffer = work->tensor[CLATTN_Q],
              .offset = heads.batch * q.batch + heads.head * q.head + block->first_row * q.row,
              .row = q.row,
              .step = q.head},
        .b = {.buffer = work->tensor[CLATTN_K],
              .offset = heads.batch * k.batch + heads.head * k.head,
              .row = k.row,
              .step = k.head,
              .transposed = true},
        .c = {.buffer = work->tensor[CLATTN_SCORES],
              .offset = heads.in_block * pair_elements,
              .row = problem->key_len,
              .step = pair_elements},
    };
    status = clattn_blas_multiply(work->chain, &product, error);
  }
  if (status == CLATTN_OK && problem->mask != CLATTN_MASK_NONE) status = mask(work, error);
  return status;
}

clattn_status clattn_stage_scores(const clattn_work *work, clattn_error *error) {
  const bool blas = work->plan->choice[CLATTN_STAGE_SCORES].row->form == CLATTN_FORM_LIBRARY;
  return (blas ? with_blas : with_kernel)(work, error);
}
