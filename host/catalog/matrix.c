/* Kernels that multiply in a matrix unit: see matrix.h. */
#include "catalog/matrix.h"

#include <stdio.h>

#include "base/status.h"
#include "catalog/catalog.h"
#include "problem/facts.h"

#include "../../kernels/common/matrix_units.h"

bool clattn_suits_matrix_unit(const clattn_problem *problem) {
  return clattn_has_stored_products(problem, CLATTN_F16) || clattn_has_stored_products(problem, CLATTN_BF16);
}

int clattn_matrix_unit_of(const clattn_problem *problem, const clattn_device_info *device) {
  if (clattn_has_stored_products(problem, CLATTN_F16)) return (int)device->matrix_f16;
  if (clattn_has_stored_products(problem, CLATTN_BF16)) return (int)device->matrix_bf16;
  return 0;
}

clattn_status clattn_matrix_check(const clattn_kernel *row, const clattn_problem *problem, clattn_error *error) {
  if (!row->matrix_unit || clattn_suits_matrix_unit(problem)) return CLATTN_OK;
  return clattn_fail(
      error, CLATTN_UNSUPPORTED,
      "kernel %s of stage %s multiplies what is stored: it needs math CLATTN_MATH_STORED, and given q, k "
      "and v that are all f16 or all bf16, not rotated (with a cache: of that type)",
      row->name, clattn_stage_name(row->stage));
}

int clattn_matrix_options_of(const clattn_kernel *row, const int *value, const clattn_problem *problem,
                             const clattn_device_info *device, char *text, size_t size) {
  if (!row->matrix_unit) return 0;
  const bool software = value[0] != clattn_matrix_unit_of(problem, device);
  const bool large = MATRIX_IS_DPAS(value[0]) && !software; /* twice the registers, for half of the sub-groups */
  return snprintf(text, size, " -DSOFTWARE_UNIT=%d%s", software, large ? " -cl-intel-256-GRF-per-thread" : "");
}
