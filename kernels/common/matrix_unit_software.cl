/* For common/matrix_unit.cl: a matrix unit in plain OpenCL C, for any device. A sub-group's lanes are UNIT_LANES
 * work-items, one after another, of a work-group that has one dimension. Each holds what it would hold in the real unit
 * (common/matrix_units.h), and shows it to the others through local memory. Slow; for tests and for learners.
 */
typedef struct left_fragment {
  ushort value[LEFT_VALUES];
} left_fragment;

typedef struct right_fragment {
  ushort value[RIGHT_VALUES];
} right_fragment;

float load_operand(local const ushort *from) {
#if BFLOAT16
  return bfloat16_to_float(*from);
#else
  return vload_half(0, (local const half *)from);
#endif
}

left_fragment load_left(const matrix_unit unit, local const ushort *from, int row) {
  left_fragment left;
  for (int i = 0; i < LEFT_VALUES; ++i)
    left.value[i] = from[left_row(MATRIX_UNIT, unit.lane, i) * row + left_depth(MATRIX_UNIT, unit.lane, i)];
  return left;
}

right_fragment load_right(const matrix_unit unit, local const ushort *from, int row) {
  right_fragment right;
  for (int i = 0; i < RIGHT_VALUES; ++i)
    right.value[i] = from[right_row(MATRIX_UNIT, unit.lane, i) * row + right_depth(MATRIX_UNIT, unit.lane, i)];
  return right;
}

right_fragment load_right_across(const matrix_unit unit, local const ushort *from, int row) {
  right_fragment right;
  for (int i = 0; i < RIGHT_VALUES; ++i)
    right.value[i] = from[right_depth(MATRIX_UNIT, unit.lane, i) * row + right_row(MATRIX_UNIT, unit.lane, i)];
  return right;
}

void multiply_add(const matrix_unit unit, const left_fragment left, const right_fragment right, sum_fragment *sum) {
  local ushort *lefts = (local ushort *)unit.scratch, *rights = lefts + UNIT_ROWS * UNIT_DEPTH;
  if (unit.lane < UNIT_LANES / MATRIX_COPIES(MATRIX_UNIT)) { /* the other lanes hold the same */
    for (int i = 0; i < LEFT_VALUES; ++i)
      lefts[left_row(MATRIX_UNIT, unit.lane, i) * UNIT_DEPTH + left_depth(MATRIX_UNIT, unit.lane, i)] = left.value[i];
    for (int i = 0; i < RIGHT_VALUES; ++i)
      rights[right_row(MATRIX_UNIT, unit.lane, i) * UNIT_DEPTH + right_depth(MATRIX_UNIT, unit.lane, i)] =
          right.value[i];
  }
  barrier(CLK_LOCAL_MEM_FENCE); /* both matrices are complete */
  for (int i = 0; i < SUM_VALUES; ++i) {
    local const ushort *l = lefts + sum_row(MATRIX_UNIT, unit.lane, i) * UNIT_DEPTH;
    local const ushort *r = rights + sum_column(MATRIX_UNIT, unit.lane, i) * UNIT_DEPTH;
    float product = 0.0f;
    for (int d = 0; d < UNIT_DEPTH; ++d) product = fma(load_operand(l + d), load_operand(r + d), product);
    sum->value[i] += product;
  }
  barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
}

float from_lane(const matrix_unit unit, float value, int bit) {
  local float *values = (local float *)(unit.scratch + (UNIT_ROWS + UNIT_COLUMNS) * UNIT_DEPTH / 2);
  values[unit.lane] = value;
  barrier(CLK_LOCAL_MEM_FENCE); /* all values are stored */
  const float other = values[unit.lane ^ bit];
  barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  return other;
}

int any_lane(const matrix_unit unit, int condition) {
  int any = 0;
  local uint *conditions = unit.scratch + (UNIT_ROWS + UNIT_COLUMNS) * UNIT_DEPTH / 2;
  conditions[unit.lane] = condition;
  barrier(CLK_LOCAL_MEM_FENCE); /* all conditions are stored */
  for (int lane = 0; lane < UNIT_LANES; ++lane) any |= conditions[lane];
  barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read them before they are overwritten */
  return any;
}

float power_of_2(float x) {
  return exp2(x);
}

left_fragment left_of_sums(const matrix_unit unit, const sum_fragment sums[HANDED_SUMS]) {
  left_fragment left;
#if MATRIX_COPIES(MATRIX_UNIT) == 2
  const int odd = unit.lane / UNIT_ROWS; /* this lane has the columns 2 i + odd */
  for (int i = 0; i < SUM_VALUES; ++i) {
    const float other = from_lane(unit, sums[0].value[i], UNIT_ROWS);
    left.value[2 * i + odd] = to_operand(sums[0].value[i]);
    left.value[2 * i + 1 - odd] = to_operand(other);
  }
#else
  for (int i = 0; i < LEFT_VALUES; ++i) left.value[i] = to_operand(sums[i / SUM_VALUES].value[i % SUM_VALUES]);
#endif
  return left;
}
