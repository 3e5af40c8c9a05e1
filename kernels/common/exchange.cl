/* How the LOCAL_X work-items of a row of fused_block.cl exchange values. They offer a value each, wait, and join what
 * they offered.
 *
 * SUB_GROUPS 0: through local memory. To wait is a barrier of the work-group.
 * SUB_GROUPS 1: where the work-items of each row are a sub-group, they join values within registers, lane by lane, and
 * wait for their own row only. Where they are not, for instance because a sub-group has more lanes, they go through
 * local memory as above.
 */
#ifndef SUB_GROUPS
#define SUB_GROUPS 0
#endif
#define PART_ROW (LOCAL_X / 4) /* float4s of local memory for a row: one value of each work-item */

#if SUB_GROUPS
#include "common/exchange_sub_groups.cl"
#else
#include "common/exchange_local.cl"
#endif

void offer_value(local float4 *part, int in_step, int row, float value) {
  if (!in_step) ((local float *)part)[row * LOCAL_X + get_local_id(0)] = value;
}

/* After this, the work-items of a row know what the others offered, and have stored in local memory. */
void row_barrier(int in_step) {
  if (in_step)
    in_step_barrier();
  else
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* The largest of the values offered for a row, and of `largest`; `mine` is what this work-item offered. */
float join_max(local const float4 *part, int in_step, int row, float mine, float largest) {
  if (in_step) return fmax(largest, in_step_max(mine));
#pragma unroll
  for (int i = 0; i < PART_ROW; ++i) {
    const float4 four = part[row * PART_ROW + i];
    largest = fmax(largest, fmax(fmax(four.x, four.y), fmax(four.z, four.w)));
  }
  return largest;
}

float join_sum(local const float4 *part, int in_step, int row, float mine) {
  if (in_step) return in_step_sum(mine);
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < LOCAL_X; ++i) sum += ((local const float *)part)[row * LOCAL_X + i];
  return sum;
}
