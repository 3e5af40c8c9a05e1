/* Kernels that multiply in a matrix unit: which problems they compute, and with which unit. */
#ifndef CLATTN_CATALOG_MATRIX_H
#define CLATTN_CATALOG_MATRIX_H

#include "clattn_inspect.h"

struct clattn_kernel;

/* Whether such kernels compute the problem: CLATTN_MATH_STORED, and q, k and v are all f16 or all bf16
 * where the kernel reads them. */
bool clattn_suits_matrix_unit(const clattn_problem *problem);

/* The device's unit for the problem's type, a number of kernels/common/matrix_units.h; 0: the device has
 * none that is known, or the problem is for no unit. */
int clattn_matrix_unit_of(const clattn_problem *problem, const clattn_device_info *device);

/* CLATTN_OK unless the kernel multiplies in a matrix unit and cannot compute this problem. */
clattn_status clattn_matrix_check(const struct clattn_kernel *row, const clattn_problem *problem, clattn_error *error);

/* Writes the options that the kernel's unit needs, among them whether it is computed in plain OpenCL C,
 * which it is unless it is the device's; with a space before each. Returns its length; 0: the kernel has no such unit.
 */
int clattn_matrix_options_of(const struct clattn_kernel *row, const int *value, const clattn_problem *problem,
                             const clattn_device_info *device, char *text, size_t size);

#endif
