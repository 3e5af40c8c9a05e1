/* softmax: the rows of one block of scores become weights. */
#include "stages/stage.h"

clattn_status clattn_stage_softmax(const clattn_work *work, clattn_error *error) {
  const cl_mem lse = work->lse_wanted ? work->tensor[CLATTN_LSE] : NULL;
  const softmax_rows rows = clattn_kernel_rows(work);
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_SCORES]),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_WEIGHTS]), CLATTN_ARGUMENT(rows),
                                       CLATTN_ARGUMENT(work->tensor[CLATTN_SINKS]), CLATTN_ARGUMENT(lse)};
  /* Rows run along the first dimension: some drivers allow no more than 65535 work-groups along the
   * others. */
  const size_t size[3] = {(size_t)rows.rows, 1, 1};
  return clattn_launch_choice(work, CLATTN_STAGE_SOFTMAX, arguments, sizeof arguments / sizeof arguments[0], size,
                              error);
}
