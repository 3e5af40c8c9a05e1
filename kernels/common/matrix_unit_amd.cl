/* For common/matrix_unit.cl: AMD's WMMA and MFMA, as built-in functions of clang, which is AMD's compiler. */
#pragma OPENCL EXTENSION cl_khr_fp16 : enable

#if MATRIX_UNIT == MATRIX_WMMA_11
typedef ushort16 operand_values;
typedef float8 sum_values;
#define LOAD_OPERANDS(from) vload16(0, from)
#define AS_HALVES(values) as_half16(values)
#define AS_SHORTS(values) as_short16(values)
#define LOAD_SUM vload8
#define STORE_SUM vstore8
#define MULTIPLY_F16(a, b, sum) __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(a, b, sum)
#define MULTIPLY_BF16(a, b, sum) __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(a, b, sum)
#elif MATRIX_UNIT == MATRIX_WMMA_12
typedef ushort8 operand_values;
typedef float8 sum_values;
#define LOAD_OPERANDS(from) vload8(0, from)
#define AS_HALVES(values) as_half8(values)
#define AS_SHORTS(values) as_short8(values)
#define LOAD_SUM vload8
#define STORE_SUM vstore8
#define MULTIPLY_F16(a, b, sum) __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(a, b, sum)
#define MULTIPLY_BF16(a, b, sum) __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32_gfx12(a, b, sum)
#else
typedef ushort4 operand_values;
typedef float4 sum_values;
#define LOAD_OPERANDS(from) vload4(0, from)
#define AS_HALVES(values) as_half4(values)
#define AS_SHORTS(values) as_short4(values)
#define LOAD_SUM vload4
#define STORE_SUM vstore4
#define MULTIPLY_F16(a, b, sum) __builtin_amdgcn_mfma_f32_16x16x16f16(a, b, sum, 0, 0, 0)
#define MULTIPLY_BF16(a, b, sum) __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(a, b, sum, 0, 0, 0)
#endif

typedef struct left_fragment {
  operand_values values; /* the unit's B */
} left_fragment;

typedef struct right_fragment {
  operand_values values; /* the unit's A */
} right_fragment;

/* Left and right are alike: a lane has a row's elements side by side. */
operand_values load_operands(const matrix_unit unit, local const ushort *from, int row) {
  return LOAD_OPERANDS(from + left_row(MATRIX_UNIT, unit.lane, 0) * row + left_depth(MATRIX_UNIT, unit.lane, 0));
}

left_fragment load_left(const matrix_unit unit, local const ushort *from, int row) {
  left_fragment left;
  left.values = load_operands(unit, from, row);
  return left;
}

right_fragment load_right(const matrix_unit unit, local const ushort *from, int row) {
  right_fragment right;
  right.values = load_operands(unit, from, row);
  return right;
}

right_fragment load_right_across(const matrix_unit unit, local const ushort *from, int row) {
  right_fragment right;
  ushort value[RIGHT_VALUES];
#pragma unroll
  for (int i = 0; i < RIGHT_VALUES; ++i)
    value[i] = from[(right_depth(MATRIX_UNIT, unit.lane, 0) + i) * row + right_row(MATRIX_UNIT, unit.lane, 0)];
  right.values = LOAD_OPERANDS(value);
  return right;
}

void multiply_add(const matrix_unit unit, const left_fragment left, const right_fragment right, sum_fragment *sum) {
  const sum_values old = LOAD_SUM(0, sum->value);
#if BFLOAT16
  STORE_SUM(MULTIPLY_BF16(AS_SHORTS(right.values), AS_SHORTS(left.values), old), 0, sum->value);
#else
  STORE_SUM(MULTIPLY_F16(AS_HALVES(right.values), AS_HALVES(left.values), old), 0, sum->value);
#endif
}

float from_lane(const matrix_unit unit, float value, int bit) {
  return as_float(__builtin_amdgcn_ds_bpermute((unit.lane ^ bit) * 4, as_int(value)));
}

int any_lane(const matrix_unit unit, int condition) {
#if UNIT_LANES == 64
  return __builtin_amdgcn_ballot_w64(condition != 0) != 0;
#else
  return __builtin_amdgcn_ballot_w32(condition != 0) != 0;
#endif
}

/* The instruction alone, which makes subnormal numbers 0: around it native_exp2 has five more that keep them. */
#if __has_builtin(__builtin_amdgcn_exp2f)
#define EXP2 __builtin_amdgcn_exp2f
#else
#define EXP2 native_exp2
#endif

float power_of_2(float x) {
  return EXP2(x);
}

left_fragment left_of_sums(const matrix_unit unit, const sum_fragment sums[HANDED_SUMS]) {
  left_fragment left;
  ushort value[LEFT_VALUES];
#if MATRIX_UNIT == MATRIX_WMMA_11
  const int odd = unit.lane / UNIT_ROWS; /* this lane has the columns 2 i + odd */
#pragma unroll
  for (int i = 0; i < SUM_VALUES; ++i) {
    const ushort mine = to_operand(sums[0].value[i]);
    const ushort other = (ushort)__builtin_amdgcn_ds_bpermute((unit.lane ^ UNIT_ROWS) * 4, mine);
    value[2 * i] = odd ? other : mine;
    value[2 * i + 1] = odd ? mine : other;
  }
#else
#pragma unroll
  for (int i = 0; i < LEFT_VALUES; ++i) value[i] = to_operand(sums[0].value[i]);
#endif
  left.values = LOAD_OPERANDS(value);
  return left;
}
