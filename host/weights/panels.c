/* Projection matrices in panels. */
#include "weights/panels.h"

#include <stdlib.h>
#include <string.h>

#include "base/sizes.h"
#include "base/status.h"
#include "catalog/selection.h"
#include "plan/choice.h"
#include "problem/kernel_arguments.h"
#include "problem/shape.h"
#include "problem/tensors.h"
#include "reference/linear.h"

/* ---- which matrices ---------------------------------------------------------------------------------------------- */

static const clattn_tensor results[] = {CLATTN_Q, CLATTN_K, CLATTN_V, CLATTN_OUTPUT};
enum { RESULTS = sizeof results / sizeof results[0] };

/* Whether the result is projected with matrix w; if so, how. */
static bool is_made_with(const clattn_problem *p, clattn_tensor result, clattn_tensor w, clattn_linear *linear) {
  const bool exists = result == CLATTN_OUTPUT ? clattn_has_output(p) : p->source != CLATTN_SOURCE_QKV;
  if (exists) *linear = clattn_linear_of(p, result);
  return exists && linear->w == w;
}

/* False: w is no matrix of the problem. */
static bool find_matrix(const clattn_problem *p, clattn_tensor w, clattn_linear *linear) {
  for (int i = 0; i < RESULTS; ++i)
    if (is_made_with(p, results[i], w, linear)) return true;
  return false;
}

static bool parts_begin_with_panels(const clattn_problem *p, clattn_tensor w) {
  clattn_linear linear;
  for (int i = 0; i < RESULTS; ++i)
    if (is_made_with(p, results[i], w, &linear) && linear.columns.first % PANEL_COLUMNS != 0) return false;
  return true;
}

static clattn_stage stage_of(clattn_tensor w) {
  return w == CLATTN_WO ? CLATTN_STAGE_OUTPUT : CLATTN_STAGE_PROJECT;
}

static const clattn_kernel *default_kernel(const clattn_device *device, const clattn_problem *p, clattn_stage stage) {
  const clattn_selection selection = {
      .stage = stage, .device = &device->info, .problem = p, .extent = clattn_extent_of(p, stage, &device->info)};
  clattn_candidate candidate = {.kernel = NULL};
  clattn_error unsuited;
  while (clattn_next_candidate(&selection, &candidate, &unsuited))
    if (candidate.against == NULL) return candidate.kernel;
  return NULL;
}

bool clattn_panels_wanted(const clattn_device *device, const clattn_problem *p, clattn_tensor w) {
  clattn_linear linear;
  if (!find_matrix(p, w, &linear) || !parts_begin_with_panels(p, w)) return false;
  const clattn_kernel *kernel = default_kernel(device, p, stage_of(w));
  return kernel != NULL && kernel->reads_panels &&
         clattn_panels_elements(p, w) * sizeof(float) <= device->info.max_allocation_bytes;
}

bool clattn_panels_fit(const clattn_plan *plan, clattn_tensor w) {
  return plan->choice[stage_of(w)].row->reads_panels && parts_begin_with_panels(&plan->problem, w);
}

/* ---- the order of elements --------------------------------------------------------------------------------------- */

size_t clattn_panels_elements(const clattn_problem *p, clattn_tensor w) {
  clattn_linear l;
  if (!find_matrix(p, w, &l)) return 0;
  return clattn_groups_of(l.all_columns, PANEL_COLUMNS) * PANEL_COLUMNS * l.terms;
}

/* Columns of one term: `count` of them exist, the rest are 0. */
static void pack_columns(clattn_type type, const clattn_linear *l, const char *matrix, size_t term, size_t column,
                         float to[PANEL_COLUMNS]) {
  const size_t count = clattn_smaller(l->all_columns - column, PANEL_COLUMNS), bytes = clattn_type_bytes(type);
  memset(to, 0, PANEL_COLUMNS * sizeof *to);
  if (!l->transposed) {
    clattn_widen(type, matrix + (term * l->all_columns + column) * bytes, count, to);
    return;
  }
  for (size_t i = 0; i < count; ++i) clattn_widen(type, matrix + ((column + i) * l->terms + term) * bytes, 1, to + i);
}

void clattn_panels_pack(const clattn_problem *p, clattn_tensor w, const void *matrix, size_t first, size_t count,
                        float *to) {
  clattn_linear l;
  if (!find_matrix(p, w, &l)) return;
  for (size_t i = first / PANEL_COLUMNS; i < (first + count) / PANEL_COLUMNS; ++i, to += PANEL_COLUMNS)
    pack_columns(p->type, &l, matrix, i % l.terms, i / l.terms * PANEL_COLUMNS, to);
}

static cl_int unpack_panel(cl_command_queue queue, const clattn_linear *l, cl_mem panels, size_t column, float *panel,
                           float *matrix) {
  const size_t bytes = l->terms * PANEL_COLUMNS * sizeof *panel;
  const size_t count = clattn_smaller(l->all_columns - column, PANEL_COLUMNS);
  const cl_int code =
      clEnqueueReadBuffer(queue, panels, CL_TRUE, column / PANEL_COLUMNS * bytes, bytes, panel, 0, NULL, NULL);
  for (size_t term = 0; term < l->terms && code == CL_SUCCESS; ++term)
    for (size_t i = 0; i < count; ++i)
      matrix[l->transposed ? (column + i) * l->terms + term : term * l->all_columns + column + i] =
          panel[term * PANEL_COLUMNS + i];
  return code;
}

clattn_status clattn_panels_unpack(const clattn_device *device, const clattn_problem *p, clattn_tensor w, cl_mem panels,
                                   cl_mem to, clattn_error *error) {
  clattn_linear l;
  if (!find_matrix(p, w, &l)) return CLATTN_OK;
  const size_t bytes = l.all_columns * l.terms * sizeof(float), panel_bytes = l.terms * PANEL_COLUMNS * sizeof(float);
  float *matrix = malloc(bytes + panel_bytes);
  if (matrix == NULL) return clattn_fail_malloc(error, bytes + panel_bytes, clattn_tensor_name(w));
  cl_int code = CL_SUCCESS;
  for (size_t column = 0; column < l.all_columns && code == CL_SUCCESS; column += PANEL_COLUMNS)
    code = unpack_panel(device->queue, &l, panels, column, matrix + l.all_columns * l.terms, matrix);
  if (code == CL_SUCCESS) code = clEnqueueWriteBuffer(device->queue, to, CL_TRUE, 0, bytes, matrix, 0, NULL, NULL);
  free(matrix);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "laying out %s anew", clattn_tensor_name(w));
}
