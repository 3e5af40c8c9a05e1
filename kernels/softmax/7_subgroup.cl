/* softmax, rung 7: sub-groups join maxima and sums (target: GPU with sub-groups). Formula and arguments as in rung 1.
 *
 * One work-group computes one row and keeps it in registers, as in rung 5. Rung 5 joins the work-items' maxima through
 * local memory, by a tree with a barrier after each level. Here each sub-group first joins its own, lane by lane,
 * within the registers; then one value of each sub-group passes through local memory:
 *
 *     sub-group       0              1             2             3
 *     lane       0 1 ... 31     0 1 ... 31    0 1 ... 31    0 1 ... 31
 *                     m              m             m             m         sub_group_reduce_max
 *                     `------- 4 words of local memory ---------'          one barrier
 *
 * A row takes 2 barriers, however many lanes a sub-group has; rung 5 takes 17 with 128 work-items. A sub-group for each
 * row would need no barrier at all, but where it has 8 lanes (on GPUs of Intel), 128 registers for a row of 1024 keys.
 *
 * Wins over rung 5 on GPUs: fewer barriers, and less local memory. Loses on CPU devices, where a work-group's
 * work-items run one after the other.
 */
#ifndef LOCAL_X
#define LOCAL_X 128 /* a power of two, 32 ... 256 */
#endif
#ifndef ITEM_KEYS
#define ITEM_KEYS 16 /* 4 ... 32 */
#endif
#include "common/group.cl"
#include "common/softmax.cl"
#include "common/sub_groups.cl"

/* Reduces one value of each work-item of a group to one value for all. part is local memory with room for one value of
 * each sub-group. fmax() leaves out a NaN, and sub_group_reduce_max() may make one of it; the row's sum keeps it. */
float join_max(local float *part, float mine) {
  const float of_lanes = sub_group_reduce_max(mine);
  if (get_sub_group_local_id() == 0) part[get_sub_group_id()] = of_lanes;
  barrier(CLK_LOCAL_MEM_FENCE); /* the maxima of all sub-groups are stored */
  float joined = part[0];
  for (int i = 1; i < (int)get_num_sub_groups(); ++i) joined = fmax(joined, part[i]);
  return joined;
}

float join_sum(local float *part, float mine) {
  const float of_lanes = sub_group_reduce_add(mine);
  if (get_sub_group_local_id() == 0) part[get_sub_group_id()] = of_lanes;
  barrier(CLK_LOCAL_MEM_FENCE); /* the sums of all sub-groups are stored */
  float joined = part[0];
  for (int i = 1; i < (int)get_num_sub_groups(); ++i) joined += part[i];
  return joined;
}

kernel __attribute__((reqd_work_group_size(LOCAL_X, 1, 1))) void softmax(global const float *scores,
                                                                         global float *weights, const softmax_rows r,
                                                                         global const float *sinks, global float *lse) {
  local float maxima[LOCAL_X], sums[LOCAL_X]; /* a sub-group has at least one work-item */
  const int me = get_local_id(0), row = group_id(0);
  global const float *from = scores + (size_t)row * r.key_len;
  global float *to = weights + (size_t)row * r.key_len;
  const float sink = sink_of(r, sinks, row);

  float mine[ITEM_KEYS];
  float largest = sink;
  for (int i = 0; i < ITEM_KEYS; ++i) {
    const int j = i * LOCAL_X + me;
    mine[i] = j < r.key_len ? from[j] : -INFINITY;
    largest = fmax(largest, mine[i]);
  }
  for (int j = ITEM_KEYS * LOCAL_X + me; j < r.key_len; j += LOCAL_X) largest = fmax(largest, from[j]);
  largest = join_max(maxima, largest);

  float sum = me == 0 ? sink_exp(sink, largest) : 0.0f;
  for (int i = 0; i < ITEM_KEYS; ++i) {
    mine[i] = live_exp(mine[i], largest); /* beyond the last key: masked */
    sum += mine[i];
  }
  for (int j = ITEM_KEYS * LOCAL_X + me; j < r.key_len; j += LOCAL_X) sum += live_exp(from[j], largest);
  sum = join_sum(sums, sum);

  for (int i = 0; i < ITEM_KEYS; ++i) {
    const int j = i * LOCAL_X + me;
    if (j < r.key_len) to[j] = live_weight(mine[i], sum);
  }
  for (int j = ITEM_KEYS * LOCAL_X + me; j < r.key_len; j += LOCAL_X)
    to[j] = live_weight(live_exp(from[j], largest), sum);
  if (me == 0) store_lse(r, lse, row, largest, sum);
}
