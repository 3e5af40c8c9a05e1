/* Kernels that multiply in a matrix unit: see matrix.h. */
#include "catalog/matrix.h"

#include <stdio.h>

#include "base/status.h"
#include "catalog/catalog.h"
#include "catalog/forms.h"
#include "problem/facts.h"
#include "problem/stages.h"

#include "../../kernels/common/matrix_units.h"

bool clattn_needs_stored_math(const clattn_kernel *row) {
  return row->matrix_unit && row->stage == CLATTN_STAGE_FUSED;
}

/* ---- what is multiplied ------------------------------------------------------------------------------------------ */

/* Whether the x of a projection has only numbers of the problem's type. Positions are added to x in float, and context
 * is computed in float. */
static bool is_x_exact(const clattn_problem *problem, clattn_stage stage) {
  return stage == CLATTN_STAGE_PROJECT && problem->positions == CLATTN_POSITIONS_NONE;
}

/* Halves are multiplied as they are, everything else in bfloat16s, which have the range of floats. */
static clattn_type type_of_projection(const clattn_problem *problem, clattn_stage stage) {
  return problem->type == CLATTN_F16 && is_x_exact(problem, stage) ? CLATTN_F16 : CLATTN_BF16;
}

/* How many numbers of type `unit` have a number of type `stored` as their sum. A bfloat16 has 8 bits, a half 11 and a
 * float 24. */
static int parts_of(clattn_type stored, clattn_type unit) {
  if (stored == unit) return 1;
  return stored == CLATTN_F16 ? 2 : 3;
}

clattn_type clattn_matrix_type_of(const clattn_problem *problem, clattn_stage stage) {
  if (clattn_stage_kernels(stage) == CLATTN_STAGE_PROJECT) return type_of_projection(problem, stage);
  if (stage != CLATTN_STAGE_FUSED) return CLATTN_F32;
  if (clattn_has_stored_products(problem, CLATTN_F16)) return CLATTN_F16;
  return clattn_has_stored_products(problem, CLATTN_BF16) ? CLATTN_BF16 : CLATTN_F32;
}

clattn_matrix_parts clattn_matrix_parts_of(const clattn_problem *problem, clattn_stage stage) {
  const clattn_type unit = clattn_matrix_type_of(problem, stage);
  const clattn_type x = is_x_exact(problem, stage) ? problem->type : CLATTN_F32;
  return (clattn_matrix_parts){.x = parts_of(x, unit), .w = parts_of(problem->type, unit)};
}

bool clattn_multiplies_stored(const clattn_kernel *row, const clattn_problem *problem,
                              const clattn_device_info *device) {
  if (row->matrix_unit) return clattn_matrix_type_of(problem, CLATTN_STAGE_FUSED) != CLATTN_F32;
  return (row->forms & CLATTN_FORM_HALF_PRODUCTS) != 0 && clattn_multiplies_halves(problem, device);
}

/* ---- units ------------------------------------------------------------------------------------------------------- */

int clattn_matrix_unit_of(const clattn_problem *problem, clattn_stage stage, const clattn_device_info *device) {
  const clattn_type type = clattn_matrix_type_of(problem, stage);
  return type == CLATTN_F16 ? (int)device->matrix_f16 : type == CLATTN_BF16 ? (int)device->matrix_bf16 : 0;
}

clattn_status clattn_matrix_check(const clattn_kernel *row, const clattn_problem *problem, clattn_error *error) {
  if (!clattn_needs_stored_math(row) || clattn_matrix_type_of(problem, row->stage) != CLATTN_F32) return CLATTN_OK;
  return clattn_fail(
      error, CLATTN_UNSUPPORTED,
      "kernel %s of stage %s multiplies what is stored: it needs math CLATTN_MATH_STORED, and q, k and v that are all "
      "f16 or all bf16, not rotated (with a cache: given, and the cache of that type)",
      row->name, clattn_stage_name(row->stage));
}

int clattn_matrix_options_of(const clattn_kernel *row, clattn_stage stage, const int *value,
                             const clattn_problem *problem, const clattn_device_info *device, char *text, size_t size) {
  if (!row->matrix_unit) return 0;
  const bool software = value[0] != clattn_matrix_unit_of(problem, stage, device);
  const bool large = MATRIX_IS_DPAS(value[0]) && !software; /* twice the registers, for half of the sub-groups */
  const int used =
      snprintf(text, size, " -DSOFTWARE_UNIT=%d%s", software, large ? " -cl-intel-256-GRF-per-thread" : "");
  if (row->stage != CLATTN_STAGE_PROJECT) return used;
  const clattn_matrix_parts parts = clattn_matrix_parts_of(problem, stage);
  return used + snprintf(text + used, size - (size_t)used, " -DBFLOAT16=%d -DX_PARTS=%d -DW_PARTS=%d",
                         clattn_matrix_type_of(problem, stage) == CLATTN_BF16, parts.x, parts.w);
}
