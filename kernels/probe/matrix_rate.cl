/* Probe: how many multiply-adds per second the device's matrix unit can do. Not part of attention.
 *
 * Each sub-group keeps CHAINS sums in registers and adds a product of matrices to each of them, round after round. Left
 * and right are ones and stay in registers, too, so nothing is read from memory. A chain depends only on itself, so the
 * other chains hide its latency. As in probe/multiply_add.cl, the result counts the rounds, so that no compiler can
 * leave any out.
 */
#include "common/stored.cl"
#include "common/matrix_unit.cl"

#ifndef SUB_GROUPS
#define SUB_GROUPS 4
#endif
#define LOCAL (SUB_GROUPS * UNIT_LANES)
#define WIDTH 1
#include "probe/vector.cl"

#define ONE (BFLOAT16 ? 0x3f80 : 0x3c00)
#define MOST_ROWS (UNIT_ROWS > UNIT_COLUMNS ? UNIT_ROWS : UNIT_COLUMNS)

/* expected: what a lane's sums are together */
kernel LANES_TOGETHER __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void
matrix_rate(const int rounds, const float expected, global int *report) {
  local ushort8 ones[MOST_ROWS * UNIT_DEPTH / 8];
  local uint scratch[SUB_GROUPS * UNIT_SCRATCH];
  const int item = get_local_id(0);
  const matrix_unit unit = {item % UNIT_LANES, scratch + item / UNIT_LANES * UNIT_SCRATCH};
  for (int i = item; i < MOST_ROWS * UNIT_DEPTH / 8; i += LOCAL) ones[i] = ONE;
  barrier(CLK_LOCAL_MEM_FENCE); /* all of them are there */
  const left_fragment left = load_left(unit, (local const ushort *)ones, UNIT_DEPTH);
  const right_fragment right = load_right(unit, (local const ushort *)ones, UNIT_DEPTH);

  sum_fragment sum[CHAINS];
#pragma unroll
  for (int c = 0; c < CHAINS; ++c) {
#pragma unroll
    for (int i = 0; i < SUM_VALUES; ++i) sum[c].value[i] = c;
  }
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int c = 0; c < CHAINS; ++c) multiply_add(unit, left, right, &sum[c]);
  }
  float total[CHAINS];
#pragma unroll
  for (int c = 0; c < CHAINS; ++c) {
    total[c] = 0.0f;
#pragma unroll
    for (int i = 0; i < SUM_VALUES; ++i) total[c] += sum[c].value[i];
  }
  check(total, expected, report);
}
