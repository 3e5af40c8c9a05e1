/* For common/matrix_unit.cl: Intel's DPAS (dot product accumulate systolic), through the extension
 * cl_intel_subgroup_matrix_multiply_accumulate. The kernel must ask for sub-groups of UNIT_LANES. */
#pragma OPENCL EXTENSION cl_intel_subgroups : enable

typedef struct left_fragment {
  int8 pairs; /* of depth; the unit's B */
} left_fragment;

#if MATRIX_UNIT == MATRIX_DPAS_8
typedef int8 right_values; /* a row each, two elements */
#else
typedef short8 right_values; /* a row each, one element */
#endif

typedef struct right_fragment {
  right_values rows; /* the unit's A */
} right_fragment;

/* Some of Intel's headers lack these functions. */
float8 __attribute__((overloadable)) intel_sub_group_f16_f16_matrix_mad_k16(right_values a, int8 b, float8 sum);
float8 __attribute__((overloadable)) intel_sub_group_bf16_bf16_matrix_mad_k16(right_values a, int8 b, float8 sum);

left_fragment load_left(const matrix_unit unit, local const ushort *from, int row) {
  left_fragment left;
  left.pairs = vload8(0, (local const int *)(from + unit.lane * row));
  return left;
}

#if MATRIX_UNIT == MATRIX_DPAS_8
#define DPAS_VALUE(from, row, r, lane) ((local const int *)((from) + (r) * (row)))[lane]
#define DPAS_ACROSS(from, row, r, lane)                                                                                \
  ((from)[2 * (lane) * (row) + (r)] | (int)((uint)(from)[(2 * (lane) + 1) * (row) + (r)] << 16))
#else
#define DPAS_VALUE(from, row, r, lane) ((local const short *)((from) + (r) * (row)))[lane]
#define DPAS_ACROSS(from, row, r, lane) ((local const short *)((from) + (lane) * (row)))[r]
#endif
#define DPAS_ROWS(f, from, row, lane)                                                                                  \
  (right_values)(f(from, row, 0, lane), f(from, row, 1, lane), f(from, row, 2, lane), f(from, row, 3, lane),           \
                 f(from, row, 4, lane), f(from, row, 5, lane), f(from, row, 6, lane), f(from, row, 7, lane))

right_fragment load_right(const matrix_unit unit, local const ushort *from, int row) {
  right_fragment right;
  right.rows = DPAS_ROWS(DPAS_VALUE, from, row, unit.lane);
  return right;
}

right_fragment load_right_across(const matrix_unit unit, local const ushort *from, int row) {
  right_fragment right;
  right.rows = DPAS_ROWS(DPAS_ACROSS, from, row, unit.lane);
  return right;
}

void multiply_add(const matrix_unit unit, const left_fragment left, const right_fragment right, sum_fragment *sum) {
  const float8 old = vload8(0, sum->value);
#if BFLOAT16
  vstore8(intel_sub_group_bf16_bf16_matrix_mad_k16(right.rows, left.pairs, old), 0, sum->value);
#else
  vstore8(intel_sub_group_f16_f16_matrix_mad_k16(right.rows, left.pairs, old), 0, sum->value);
#endif
}

/* Not for rows of sums: a lane has its row to itself. */
float from_lane(const matrix_unit unit, float value, int bit) {
  return intel_sub_group_shuffle_xor(value, bit);
}

int any_lane(const matrix_unit unit, int condition) {
  return sub_group_any(condition);
}

float power_of_2(float x) {
  return exp2(x);
}

left_fragment left_of_sums(const matrix_unit unit, const sum_fragment sums[HANDED_SUMS]) {
  left_fragment left;
  left.pairs =
      (int8)(two_operands(sums[0].value[0], sums[0].value[1]), two_operands(sums[0].value[2], sums[0].value[3]),
             two_operands(sums[0].value[4], sums[0].value[5]), two_operands(sums[0].value[6], sums[0].value[7]),
             two_operands(sums[1].value[0], sums[1].value[1]), two_operands(sums[1].value[2], sums[1].value[3]),
             two_operands(sums[1].value[4], sums[1].value[5]), two_operands(sums[1].value[6], sums[1].value[7]));
  return left;
}
