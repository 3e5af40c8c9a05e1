/* project: Q = X.Wq, K = X.Wk, V = X.Wv, each with its bias; those that share their x in one
 * launch. output = context.Wo, by the same kernels. */
#include "base/sizes.h"
#include "catalog/group_rows.h"
#include "device/blas.h"
#include "reference/linear.h"
#include "stages/stage.h"
#include "weights/weights.h"

#define PARTS_MOST 3

/* One launch: projections of the same x. */
typedef struct launch {
  clattn_stage stage;
  size_t parts;
  clattn_linear linear[PARTS_MOST];
  projection p;
  cl_mem in, w[PARTS_MOST], bias[PARTS_MOST], out[PARTS_MOST]; /* bias NULL: none */
} launch;

static projection_part describe(const clattn_linear *l, bool in_panels) {
  return (projection_part){.w_offset = l->columns.first * (l->transposed || in_panels ? l->terms : 1),
                           .w_row = l->transposed ? l->terms : l->all_columns,
                           .bias_offset = l->columns.first,
                           .columns = (cl_int)l->columns.count,
                           .in_panels = in_panels};
}

static void add_part(const clattn_work *work, clattn_tensor tensor, launch *l) {
  const clattn_linear linear = clattn_linear_of(&work->plan->problem, tensor);
  const size_t part = l->parts++;
  l->linear[part] = linear;
  l->p.part[part] =
      describe(&linear, clattn_weights_in_panels(work->inputs->projection_weights, linear.w, work->tensor[linear.w]));
  l->p.rows = (cl_int)linear.rows;
  l->p.model_dim = (cl_int)linear.terms;
  l->in = work->tensor[linear.in];
  l->w[part] = work->tensor[linear.w];
  l->bias[part] = linear.bias != CLATTN_TENSOR_COUNT ? work->tensor[linear.bias] : NULL;
  const bool stored =
      tensor == CLATTN_OUTPUT ? clattn_output_is_stored(work) : clattn_plan_stores_projections(work->plan);
  l->out[part] = (stored ? work->stored : work->tensor)[tensor];
}

/* Work-groups of the kernel panel may have fewer rows than its geometry says: so few that the launch
 * keeps all compute units busy. ROWS, of which they are a multiple, is the second of its sizes. */
static clattn_geometry divide(const clattn_work *work, const launch *l, const size_t size[3]) {
  const clattn_choice *choice = &work->plan->choice[l->stage];
  const clattn_row_work rows = {.pairs = clattn_groups_of(size[0], choice->geometry.cols) * size[2],
                                .rows = size[1],
                                .compute_units = work->plan->device->info.compute_units};
  clattn_geometry geometry = choice->geometry;
  if (choice->row->reads_panels) geometry.rows = clattn_group_rows(&rows, (size_t)choice->value[1], geometry.rows);
  return geometry;
}

static clattn_status with_kernel(const clattn_work *work, const launch *l, clattn_error *error) {
  size_t size[3] = {0, l->linear[0].rows, l->parts};
  for (size_t i = 0; i < l->parts; ++i)
    if (l->linear[i].columns.count > size[0]) size[0] = l->linear[i].columns.count;
  const clattn_geometry geometry = divide(work, l, size);
  projection p = l->p;
  p.item_rows = (cl_int)geometry.rows;
  const clattn_argument arguments[] = {
      CLATTN_ARGUMENT(l->in),      CLATTN_ARGUMENT(l->w[0]),    CLATTN_ARGUMENT(l->w[1]),    CLATTN_ARGUMENT(l->w[2]),
      CLATTN_ARGUMENT(l->bias[0]), CLATTN_ARGUMENT(l->bias[1]), CLATTN_ARGUMENT(l->bias[2]), CLATTN_ARGUMENT(l->out[0]),
      CLATTN_ARGUMENT(l->out[1]),  CLATTN_ARGUMENT(l->out[2]),  CLATTN_ARGUMENT(p)};
  return clattn_launch_divided(work, l->stage, &geometry, arguments, sizeof arguments / sizeof arguments[0], size,
                               error);
}

static clattn_status add_bias(const clattn_work *work, const launch *l, size_t part, clattn_error *error) {
  projection p = l->p;
  p.part[0] = p.part[part];
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(l->bias[part]), CLATTN_ARGUMENT(l->out[part]),
                                       CLATTN_ARGUMENT(p)};
  const size_t size[3] = {l->linear[part].columns.count, l->linear[part].rows, 1};
  return clattn_launch_choice(work, l->stage, arguments, sizeof arguments / sizeof arguments[0], size, error);
}

static clattn_status multiply(const clattn_work *work, const launch *l, size_t part, clattn_error *error) {
  const clattn_linear *linear = &l->linear[part];
  const clattn_blas_product product = {
      .rows = linear->rows,
      .columns = linear->columns.count,
      .terms = linear->terms,
      .count = 1,
      .factor = 1.0f,
      .a = {.buffer = l->in, .row = linear->terms},
      .b = {.buffer = l->w[part],
            .offset = (size_t)l->p.part[part].w_offset,
            .row = (size_t)l->p.part[part].w_row,
            .transposed = linear->transposed},
      .c = {.buffer = l->out[part], .row = linear->columns.count},
  };
  return clattn_blas_multiply(work->queue, (int)l->stage, &product, error);
}

static clattn_status with_blas(const clattn_work *work, const launch *l, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  for (size_t part = 0; part < l->parts && status == CLATTN_OK; ++part) {
    status = multiply(work, l, part, error);
    if (status == CLATTN_OK && l->bias[part] != NULL) status = add_bias(work, l, part, error);
  }
  return status;
}

static clattn_status run(const clattn_work *work, const launch *l, clattn_error *error) {
  return (clattn_uses_library(work, l->stage) ? with_blas : with_kernel)(work, l, error);
}

clattn_status clattn_stage_project(const clattn_work *work, clattn_error *error) {
  const bool shared = work->plan->problem.source == CLATTN_SOURCE_X;
  launch queries = {.stage = CLATTN_STAGE_PROJECT}, keys = {.stage = CLATTN_STAGE_PROJECT};
  launch *of_keys = shared ? &queries : &keys;
  add_part(work, CLATTN_Q, &queries);
  add_part(work, CLATTN_K, of_keys);
  add_part(work, CLATTN_V, of_keys);
  const clattn_status status = run(work, &queries, error);
  return status == CLATTN_OK && !shared ? run(work, &keys, error) : status;
}

clattn_status clattn_stage_output(const clattn_work *work, clattn_error *error) {
  launch l = {.stage = CLATTN_STAGE_OUTPUT};
  add_part(work, CLATTN_OUTPUT, &l);
  return run(work, &l, error);
}
