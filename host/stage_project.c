/* project: Q = X.Wq, K = X.Wk, V = X.Wv. */
#include "blas.h"
#include "shape.h"
#include "stage.h"

static clattn_status with_kernel(const clattn_work *work, cl_mem w, cl_mem out, size_t columns, clattn_error *error) {
  const clattn_problem *problem = &work->plan->problem;
  const size_t rows = problem->batch * problem->query_len;
  const cl_int kernel_rows = (cl_int)rows, model_dim = (cl_int)problem->model_dim, kernel_columns = (cl_int)columns;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(work->tensor[CLATTN_X]),
                                       CLATTN_ARGUMENT(w),
                                       CLATTN_ARGUMENT(out),
                                       CLATTN_ARGUMENT(kernel_rows),
                                       CLATTN_ARGUMENT(model_dim),
                                       CLATTN_ARGUMENT(kernel_columns)};
  return clattn_launch_choice(work, CLATTN_STAGE_PROJECT, arguments, sizeof arguments / sizeof arguments[0],
                              (const size_t[]){columns, rows, 1}, error);
}

static clattn_status with_blas(const clattn_work *work, cl_mem w, cl_mem out, size_t columns, clattn_error *error) {
  const clattn_problem *problem = &work->plan->problem;
  const bool transposed = problem->layout == CLATTN_LAYOUT_XWT;
  const clattn_blas_product product = {
      .rows = problem->batch * problem->query_len,
      .columns = columns,
      .terms = problem->model_dim,
      .count = 1,
      .factor = 1.0f,
      .a = {.buffer = work->tensor[CLATTN_X], .row = problem->model_dim},
      .b = {.buffer = w, .row = transposed ? problem->model_dim : columns, .transposed = transposed},
      .c = {.buffer = out, .row = columns},
  };
  return clattn_blas_multiply(work->chain, &product, error);
}

clattn_status clattn_stage_project(const clattn_work *work, clattn_error *error) {
  static const clattn_tensor pairs[][2] = {{CLATTN_WQ, CLATTN_Q}, {CLATTN_WK, CLATTN_K}, {CLATTN_WV, CLATTN_V}};
  const bool blas = work->plan->choice[CLATTN_STAGE_PROJECT].row->form == CLATTN_FORM_LIBRARY;
  clattn_status status = CLATTN_OK;
  for (int i = 0; i < 3 && status == CLATTN_OK; ++i) {
    const cl_mem w = work->tensor[pairs[i][0]], out = work->tensor[pairs[i][1]];
    const size_t columns = clattn_projection_columns(&work->plan->problem, pairs[i][1]);
    status = (blas ? with_blas : with_kernel)(work, w, out, columns, error);
  }
  return status;
}
