/* Stages that only traced plans have, to show their results: products; exps with the rows' maxima
 * and sums. Both use the block's buffer, which the other stages overwrite afterwards. */
#include "stages/stage.h"

clattn_status clattn_stage_products(const clattn_work *work, clattn_error *error) {
  const attention a = clattn_kernel_attention(work);
  const cl_mem keys = clattn_keys(work);
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_Q]), CLATTN_ARGUMENT(keys),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_SCORES]), CLATTN_ARGUMENT(a),
                                       CLATTN_ARGUMENT(work->sequences)};
  const size_t size[3] = {work->seen->key_len, work->block.rows, work->block.pairs};
  return clattn_launch_choice(work, CLATTN_STAGE_PRODUCTS, arguments, sizeof arguments / sizeof arguments[0], size,
                              error);
}

clattn_status clattn_stage_exps(const clattn_work *work, clattn_error *error) {
  const cl_mem row_max = work->row_max_wanted ? work->tensor[CLATTN_ROW_MAX] : NULL;
  const cl_mem row_sum = work->row_sum_wanted ? work->tensor[CLATTN_ROW_SUM] : NULL;
  const softmax_rows rows = clattn_kernel_rows(work);
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_SCORES]), CLATTN_ARGUMENT(rows),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_SINKS]), CLATTN_ARGUMENT(row_max),
                                       CLATTN_ARGUMENT(row_sum)};
  const size_t size[3] = {(size_t)rows.rows, 1, 1};
  return clattn_launch_choice(work, CLATTN_STAGE_EXPS, arguments, sizeof arguments / sizeof arguments[0], size, error);
}
