/* softmax: the rows of one block of scores become weights. */
#include "stage.h"

clattn_status clattn_stage_softmax(const clattn_work *work, clattn_error *error) {
  const clattn_block *block = &work->block;
  const clattn_problem *p = work->problem;
  const cl_mem lse = work->lse_wanted ? work->tensor[CLATTN_LSE] : NULL;
  const softmax_rows rows = {.first = block->first_pair * p->query_len + block->first_row,
                             .rows = (cl_int)(block->pairs * block->rows),
                             .key_len = (cl_int)p->key_len,
                             .query_len = (cl_int)p->query_len,
                             .heads = (cl_int)p->heads};
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_SCORES]),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_WEIGHTS]), CLATTN_ARGUMENT(rows),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_SINKS]), CLATTN_ARGUMENT(lse)};
  /* Rows run along the first dimension: some drivers allow no more than 65535 work-groups along the others. */
  const size_t size[3] = {block->pairs * block->rows, 1, 1};
  return clattn_launch_choice(work, CLATTN_STAGE_SOFTMAX, arguments, sizeof arguments / sizeof arguments[0], size,
                              error);
}
