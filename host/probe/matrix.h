/* Whether a matrix unit of a device computes what kernels expect of it (kernels/common/matrix_unit.cl). */
#ifndef CLATTN_MATRIX_H
#define CLATTN_MATRIX_H

#include "device/device.h"

/* What a probe is compiled for. */
typedef struct clattn_matrix_form {
  int unit;         /* MATRIX_... of kernels/common/matrix_units.h */
  clattn_type type; /* of the operands: CLATTN_F16 or CLATTN_BF16 */
  bool software;    /* computed in plain OpenCL C */
} clattn_matrix_form;

/* "NVIDIA mma.sync m16n8k16"; NULL: there is no such unit. */
const char *clattn_matrix_name(int unit);

/* Whether the device may have the unit for this type, as far as its description tells: its vendor, and
 * what its driver says of sub-groups. Only clattn_matrix_probe tells whether it has. */
bool clattn_matrix_is_likely(int unit, clattn_type type, const clattn_device_info *device);

#define CLATTN_MATRIX_FILE "probe/matrix.cl"
#define CLATTN_MATRIX_OPTIONS 160 /* bytes */

/* The options that this file is compiled with. */
void clattn_matrix_options(const clattn_matrix_form *form, const clattn_device_info *device, char *options,
                           size_t size);

/* Builds CLATTN_MATRIX_FILE for the unit, runs it, and compares its results, which are exact.
 * CLATTN_UNSUPPORTED: the compiler refuses it; CLATTN_BUILD_FAILED: a result is wrong. kernel_dir as in
 * clattn_plan_options. */
clattn_status clattn_matrix_probe(clattn_device *device, const clattn_matrix_form *form, const char *kernel_dir,
                                  clattn_error *error);

/* The number of the first unit that the device has for this type; 0: none. CLATTN_BUILD_FAILED: its
 * results are wrong. */
clattn_status clattn_matrix_first(clattn_device *device, clattn_type type, int *unit, clattn_error *error);

/* Looks, once for each type, for the unit that could compute the stage of the problem, and puts its number
 * into the device's description. One with wrong results counts as none. */
void clattn_matrix_find(clattn_device *device, const clattn_problem *problem, clattn_stage stage);

#endif
