/* softmax, rung 5: each work-item keeps its part of the row in registers (target: GPU). Formula and arguments as in
 * rung 1.
 *
 * One work-group computes one row, as in rung 3, but the row is read from global memory once and exp is computed once
 * for each score: the ITEM_KEYS scores of a work-item stay in registers from the maximum to the quotient. A row of more
 * than LOCAL_X*ITEM_KEYS keys does not fit; the remaining keys are read and computed as in rung 3.
 *
 * Wins over rung 4 on GPUs: half of the reads, half of the exps. Loses on CPU devices because of the barriers.
 */
#ifndef LOCAL_X
#define LOCAL_X 128 /* a power of two, 32 ... 256 */
#endif
#ifndef ITEM_KEYS
#define ITEM_KEYS 16 /* 4 ... 32 */
#endif
#include "common/group.cl"
#include "common/join.cl"
#include "common/softmax.cl"

kernel __attribute__((reqd_work_group_size(LOCAL_X, 1, 1))) void softmax(global const float *scores,
                                                                         global float *weights, const softmax_rows r,
                                                                         global const float *sinks, global float *lse) {
  local float part[LOCAL_X];
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
  largest = join_max(part, largest);

  float sum = me == 0 ? sink_exp(sink, largest) : 0.0f;
  for (int i = 0; i < ITEM_KEYS; ++i) {
    mine[i] = live_exp(mine[i], largest); /* beyond the last key: masked */
    sum += mine[i];
  }
  for (int j = ITEM_KEYS * LOCAL_X + me; j < r.key_len; j += LOCAL_X) sum += live_exp(from[j], largest);
  sum = join_sum(part, sum);

  for (int i = 0; i < ITEM_KEYS; ++i) {
    const int j = i * LOCAL_X + me;
    if (j < r.key_len) to[j] = live_weight(mine[i], sum);
  }
  for (int j = ITEM_KEYS * LOCAL_X + me; j < r.key_len; j += LOCAL_X)
    to[j] = live_weight(live_exp(from[j], largest), sum);
  if (me == 0) store_lse(r, lse, row, largest, sum);
}
