/* Kernels that multiply in a matrix unit: which problems they compute, and with which unit. */
#ifndef CLATTN_CATALOG_MATRIX_H
#define CLATTN_CATALOG_MATRIX_H

#include "clattn_inspect.h"

struct clattn_kernel;

/* Whether the kernel rounds weights in a matrix unit, and so computes only problems with
 * CLATTN_MATH_STORED whose q, k and v are all f16 or all bf16 where it reads them. Those that project
 * compute every problem. */
bool clattn_needs_stored_math(const struct clattn_kernel *row);

/* Whether the fused kernel would multiply q, k and v of this problem as they are stored, in half or in a matrix
 * unit. */
bool clattn_multiplies_stored(const struct clattn_kernel *row, const clattn_problem *problem,
                              const clattn_device_info *device);

/* The type that a stage's matrix unit multiplies: CLATTN_F16 or CLATTN_BF16; CLATTN_F32: such kernels do
 * not compute the stage. */
clattn_type clattn_matrix_type_of(const clattn_problem *problem, clattn_stage stage);

/* How many numbers of that type have x, and w, of a projection as their sum: 1 to 3. */
typedef struct clattn_matrix_parts {
  int x, w;
} clattn_matrix_parts;

clattn_matrix_parts clattn_matrix_parts_of(const clattn_problem *problem, clattn_stage stage);

/* The device's unit for that type, a number of kernels/common/matrix_units.h; 0: the device has none that is
 * known, or the stage is for no unit. */
int clattn_matrix_unit_of(const clattn_problem *problem, clattn_stage stage, const clattn_device_info *device);

/* CLATTN_OK unless the kernel multiplies in a matrix unit and cannot compute this problem. */
clattn_status clattn_matrix_check(const struct clattn_kernel *row, const clattn_problem *problem, clattn_error *error);

/* Writes the options that the kernel's unit needs at this stage, among them whether it is computed in plain
 * OpenCL C, which it is unless it is the device's; with a space before each. Returns its length; 0: the kernel
 * has no such unit. */
int clattn_matrix_options_of(const struct clattn_kernel *row, clattn_stage stage, const int *value,
                             const clattn_problem *problem, const clattn_device_info *device, char *text, size_t size);

#endif
