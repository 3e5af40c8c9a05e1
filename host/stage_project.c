/* project: Q = X.Wq, K = X.Wk, V = X.Wv, each with its bias; and output = context.Wo, the same product once more. */
#include "blas.h"
#include "linear.h"
#include "stage.h"

/* One projection at work. */
typedef struct launch {
  clattn_stage stage;
  const clattn_linear *linear;
  projection p;
  cl_mem in, w, bias, out; /* bias NULL: none */
} launch;

static projection describe(const clattn_linear *l) {
  return (projection){.w_offset = l->transposed ? l->columns.first * l->terms : l->columns.first,
                      .w_row = l->transposed ? l->terms : l->all_columns,
                      .bias_offset = l->columns.first,
                      .rows = (cl_int)l->rows,
                      .model_dim = (cl_int)l->terms,
                      .columns = (cl_int)l->columns.count};
}

static clattn_status with_kernel(const clattn_work *work, const launch *l, clattn_error *error) {
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(l->in), CLATTN_ARGUMENT(l->w), CLATTN_ARGUMENT(l->bias),
                                       CLATTN_ARGUMENT(l->out), CLATTN_ARGUMENT(l->p)};
  const size_t size[3] = {l->linear->columns.count, l->linear->rows, 1};
  return clattn_launch_choice(work, l->stage, arguments, sizeof arguments / sizeof arguments[0], size, error);
}

static clattn_status add_bias(const clattn_work *work, const launch *l, clattn_error *error) {
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(l->bias), CLATTN_ARGUMENT(l->out), CLATTN_ARGUMENT(l->p)};
  const size_t size[3] = {l->linear->columns.count, l->linear->rows, 1};
  return clattn_launch_choice(work, l->stage, arguments, sizeof arguments / sizeof arguments[0], size, error);
}

static clattn_status with_blas(const clattn_work *work, const launch *l, clattn_error *error) {
  const clattn_linear *linear = l->linear;
  const clattn_blas_product product = {
      .rows = linear->rows,
      .columns = linear->columns.count,
      .terms = linear->terms,
      .count = 1,
      .factor = 1.0f,
      .a = {.buffer = l->in, .row = linear->terms},
      .b = {.buffer = l->w,
            .offset = (size_t)l->p.w_offset,
            .row = (size_t)l->p.w_row,
            .transposed = linear->transposed},
      .c = {.buffer = l->out, .row = linear->columns.count},
  };
  const clattn_status status = clattn_blas_multiply(work->chain, &product, error);
  return status == CLATTN_OK && l->bias != NULL ? add_bias(work, l, error) : status;
}

static clattn_status project(const clattn_work *work, clattn_stage stage, clattn_tensor tensor, clattn_error *error) {
  const clattn_linear linear = clattn_linear_of(&work->plan->problem, tensor);
  const launch l = {.stage = stage,
                    .linear = &linear,
                    .p = describe(&linear),
                    .in = work->tensor[linear.in],
                    .w = work->tensor[linear.w],
                    .bias = linear.bias != CLATTN_TENSOR_COUNT ? work->tensor[linear.bias] : NULL,
                    .out = work->tensor[tensor]};
  return (clattn_uses_library(work, stage) ? with_blas : with_kernel)(work, &l, error);
}

clattn_status clattn_stage_project(const clattn_work *work, clattn_error *error) {
  clattn_status status = project(work, CLATTN_STAGE_PROJECT, CLATTN_Q, error);
  if (status == CLATTN_OK) status = project(work, CLATTN_STAGE_PROJECT, CLATTN_K, error);
  if (status == CLATTN_OK) status = project(work, CLATTN_STAGE_PROJECT, CLATTN_V, error);
  return status;
}

clattn_status clattn_stage_output(const clattn_work *work, clattn_error *error) {
  return project(work, CLATTN_STAGE_OUTPUT, CLATTN_OUTPUT, error);
}
