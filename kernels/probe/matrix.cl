/* Probe: whether a matrix unit computes what common/matrix_unit.cl says, with small integers, which are exact. Not part
 * of attention, but the same steps: scores, their row's maximum and sum, scores as the next product's left.
 *
 *     scores = x . y^T         result = (scores . z) * sum of the row's scores
 *
 * Each sub-group has rows of x of its own; y and z are for all.
 */
#include "common/stored.cl"
#include "common/matrix_unit.cl"

#define SUB_GROUPS 2
#define STEPS 2 /* along the depth of the scores */
#define WIDTH (STEPS * UNIT_DEPTH)
#define ITEMS (SUB_GROUPS * UNIT_LANES)

void copy_in(global const ushort *from, int count, local ushort *to) {
  for (int i = get_local_id(0); i < count; i += ITEMS) to[i] = from[i];
}

/* x (SUB_GROUPS * UNIT_ROWS, WIDTH); y (UNIT_DEPTH, WIDTH); z (UNIT_DEPTH, UNIT_COLUMNS); result, largest (rows of x,
 * UNIT_COLUMNS); largest: the row's largest score, as the lane of this element knows it. One work-group. */
kernel LANES_TOGETHER __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
matrix(global const ushort *x, global const ushort *y, global const ushort *z, global float *result,
       global float *largest) {
  /* As vectors, so that rows begin at multiples of 16 bytes. */
  local ushort8 xs[SUB_GROUPS * UNIT_ROWS * WIDTH / 8], ys[UNIT_DEPTH * WIDTH / 8], zs[UNIT_DEPTH * UNIT_COLUMNS / 8];
  local uint scratch[SUB_GROUPS * UNIT_SCRATCH];
  const int item = get_local_id(0), sub_group = item / UNIT_LANES;
  const matrix_unit unit = {item % UNIT_LANES, scratch + sub_group * UNIT_SCRATCH};
  local const ushort *left = (local const ushort *)xs + sub_group * UNIT_ROWS * WIDTH;
  local const ushort *right = (local const ushort *)ys;
  copy_in(x, SUB_GROUPS * UNIT_ROWS * WIDTH, (local ushort *)xs);
  copy_in(y, UNIT_DEPTH * WIDTH, (local ushort *)ys);
  copy_in(z, UNIT_DEPTH * UNIT_COLUMNS, (local ushort *)zs);
  barrier(CLK_LOCAL_MEM_FENCE); /* all three are complete */

  sum_fragment scores[HANDED_SUMS], product;
#pragma unroll
  for (int s = 0; s < HANDED_SUMS; ++s) {
#pragma unroll
    for (int i = 0; i < SUM_VALUES; ++i) scores[s].value[i] = 0.0f;
#pragma unroll
    for (int d = 0; d < WIDTH; d += UNIT_DEPTH)
      multiply_add(unit, load_left(unit, left + d, WIDTH),
                   load_right(unit, right + s * UNIT_COLUMNS * WIDTH + d, WIDTH), &scores[s]);
  }
  float most[LANE_ROWS], sum[LANE_ROWS];
#pragma unroll
  for (int r = 0; r < LANE_ROWS; ++r) {
    most[r] = -INFINITY;
    sum[r] = 0.0f;
  }
#pragma unroll
  for (int s = 0; s < HANDED_SUMS; ++s) {
    find_largest(scores[s], most);
#pragma unroll
    for (int i = 0; i < SUM_VALUES; ++i) sum[MATRIX_LANE_ROW(MATRIX_UNIT, i)] += scores[s].value[i];
  }
#pragma unroll
  for (int r = 0; r < LANE_ROWS; ++r) {
    most[r] = row_max(unit, most[r]);
    sum[r] = row_sum(unit, sum[r]);
  }
#pragma unroll
  for (int i = 0; i < SUM_VALUES; ++i) product.value[i] = 0.0f;
  multiply_add(unit, left_of_sums(unit, scores), load_right_across(unit, (local const ushort *)zs, UNIT_COLUMNS),
               &product);
  scale_rows(sum, &product);
  const int votes_are_right = any_lane(unit, unit.lane == 1) && !any_lane(unit, 0);
#pragma unroll
  for (int i = 0; i < SUM_VALUES; ++i) {
    const int row = sub_group * UNIT_ROWS + sum_row(MATRIX_UNIT, unit.lane, i);
    const int column = sum_column(MATRIX_UNIT, unit.lane, i);
    result[row * UNIT_COLUMNS + column] = votes_are_right ? product.value[i] : NAN;
    largest[row * UNIT_COLUMNS + column] = most[MATRIX_LANE_ROW(MATRIX_UNIT, i)];
  }
}
