/* Products by a GPU's matrix unit, behind one interface for all vendors. Include common/stored.cl first. Compile with
 *
 *     MATRIX_UNIT      the unit, a number of common/matrix_units.h, which says what left, right and sum are
 *     BFLOAT16         1: left and right are bfloat16, else half
 *     SOFTWARE_UNIT    1: the unit is computed in plain OpenCL C, lane by lane (common/matrix_unit_software.cl)
 *
 * probe/matrix.cl is an example of its use. Each back end defines, for a matrix in local memory whose rows are `row`
 * elements apart:
 *
 *     left_fragment load_left(unit, from, row)             UNIT_ROWS rows of UNIT_DEPTH elements
 *     right_fragment load_right(unit, from, row)           UNIT_COLUMNS rows of UNIT_DEPTH elements
 *     right_fragment load_right_across(unit, from, row)    UNIT_DEPTH rows of UNIT_COLUMNS elements: right transposed
 *     right_strip load_strip(unit, from, row)              STRIP rights at once, one below the other
 *     right_strip load_strip_across(unit, from, row)       STRIP rights at once, side by side
 *     void multiply_add(unit, left, right, &sum)           sum += left . right^T
 *     left_fragment left_of_sums(unit, sums)               HANDED_SUMS neighbouring sums, rounded
 *     float from_lane(unit, value, bit)                    the value of the lane whose number differs in this bit
 *     int any_lane(unit, condition)                        1 in all lanes if the condition is not 0 in one of them
 *     float power_of_2(x)                                  2^x for x <= 0; may be 0 where it is below 2^-126
 *
 * This file adds row_max, row_sum, find_largest and scale_rows for the rows of a sum. sum_row and sum_column of
 * common/matrix_units.h say which element sum.value[i] is.
 *
 * All lanes of a sub-group call these together; a kernel has such sub-groups with LANES_TOGETHER before its attributes.
 * With SOFTWARE_UNIT they have barriers of the work-group, so all its sub-groups must call them equally often. `from`
 * is aligned to 16 bytes, and `row` is a multiple of 8.
 *
 * A sum becomes the next product's left without local memory: in all units but WMMA_11 a lane already holds, in the
 * sums, the elements of left that it needs. In WMMA_11 it exchanges half of them with one other lane.
 */
#include "common/matrix_units.h"

#ifndef BFLOAT16
#define BFLOAT16 0
#endif
#ifndef SOFTWARE_UNIT
#define SOFTWARE_UNIT 0
#endif

#define UNIT_ROWS MATRIX_ROWS(MATRIX_UNIT)
#define UNIT_COLUMNS MATRIX_COLUMNS(MATRIX_UNIT)
#define UNIT_DEPTH MATRIX_DEPTH(MATRIX_UNIT)
#define UNIT_LANES MATRIX_LANES(MATRIX_UNIT)
#define LEFT_VALUES MATRIX_LEFT(MATRIX_UNIT)
#define RIGHT_VALUES MATRIX_RIGHT(MATRIX_UNIT)
#define SUM_VALUES MATRIX_SUM(MATRIX_UNIT)
#define LANE_ROWS MATRIX_LANE_ROWS(MATRIX_UNIT)
#define HANDED_SUMS (UNIT_DEPTH / UNIT_COLUMNS)
#define STRIP MATRIX_STRIP(MATRIX_UNIT)

/* Local memory of a sub-group, in uints. Only the software unit uses it; elsewhere it is 1, as no array is empty. */
#if SOFTWARE_UNIT
#define UNIT_SCRATCH ((UNIT_ROWS + UNIT_COLUMNS) * UNIT_DEPTH / 2 + UNIT_LANES)
#else
#define UNIT_SCRATCH 1
#endif

/* Put before a kernel's loop over fragments or sums. Unrolled, it keeps these in registers. In plain OpenCL C such
 * loops have barriers, of which compilers would make too many. */
#if SOFTWARE_UNIT
#define UNROLL
#else
#define UNROLL _Pragma("unroll")
#endif

/* Intel's drivers choose the width of sub-groups themselves unless the kernel asks for one. */
#if MATRIX_IS_DPAS(MATRIX_UNIT) && !SOFTWARE_UNIT
#define LANES_TOGETHER __attribute__((intel_reqd_sub_group_size(UNIT_LANES)))
#else
#define LANES_TOGETHER
#endif

typedef struct matrix_unit {
  int lane;
  local uint *scratch; /* [UNIT_SCRATCH] */
} matrix_unit;

/* A lane's elements of sum. */
typedef struct sum_fragment {
  float value[SUM_VALUES];
} sum_fragment;

/* A float as the unit's type, rounded to nearest. */
ushort to_operand(float value) {
#if BFLOAT16
  return float_to_bfloat16(value);
#else
  ushort bits;
  vstore_half_rte(value, 0, (half *)&bits);
  return bits;
#endif
}

uint two_operands(float first, float second) {
  return to_operand(first) | (uint)to_operand(second) << 16;
}

#if SOFTWARE_UNIT
#include "common/matrix_unit_software.cl"
#elif MATRIX_IS_MMA(MATRIX_UNIT)
#include "common/matrix_unit_nvidia.cl"
#elif MATRIX_IS_DPAS(MATRIX_UNIT)
#include "common/matrix_unit_intel.cl"
#else
#include "common/matrix_unit_amd.cl"
#endif

/* ---- strips ------------------------------------------------------------------------------------------------------ */

/* Neighbouring fragments. NVIDIA's back end loads them with one instruction. */
#ifndef LOADS_STRIPS
typedef struct right_strip {
  right_fragment right[STRIP];
} right_strip;

right_strip load_strip(const matrix_unit unit, local const ushort *from, int row) {
  right_strip strip;
#pragma unroll
  for (int i = 0; i < STRIP; ++i) strip.right[i] = load_right(unit, from + i * UNIT_COLUMNS * row, row);
  return strip;
}

right_strip load_strip_across(const matrix_unit unit, local const ushort *from, int row) {
  right_strip strip;
#pragma unroll
  for (int i = 0; i < STRIP; ++i) strip.right[i] = load_right_across(unit, from + i * UNIT_COLUMNS, row);
  return strip;
}
#endif

/* ---- rows of a sum ----------------------------------------------------------------------------------------------- */

/* The largest of what the lanes of a row have. */
float row_max(const matrix_unit unit, float mine) {
#pragma unroll
  for (int bit = MATRIX_FIRST_BIT(MATRIX_UNIT); bit < MATRIX_END_BIT(MATRIX_UNIT); bit *= 2)
    mine = fmax(mine, from_lane(unit, mine, bit));
  return mine;
}

/* The sum of what the lanes of a row have; the same in each lane, because addition commutes. */
float row_sum(const matrix_unit unit, float mine) {
#pragma unroll
  for (int bit = MATRIX_FIRST_BIT(MATRIX_UNIT); bit < MATRIX_END_BIT(MATRIX_UNIT); bit *= 2)
    mine += from_lane(unit, mine, bit);
  return mine;
}

/* largest[LANE_ROWS] becomes the larger of itself and this lane's elements of each row. */
void find_largest(const sum_fragment sum, float largest[LANE_ROWS]) {
#pragma unroll
  for (int i = 0; i < SUM_VALUES; ++i)
    largest[MATRIX_LANE_ROW(MATRIX_UNIT, i)] = fmax(largest[MATRIX_LANE_ROW(MATRIX_UNIT, i)], sum.value[i]);
}

/* Multiplies each row by its factor. */
void scale_rows(const float factor[LANE_ROWS], sum_fragment *sum) {
#pragma unroll
  for (int i = 0; i < SUM_VALUES; ++i) sum->value[i] *= factor[MATRIX_LANE_ROW(MATRIX_UNIT, i)];
}
