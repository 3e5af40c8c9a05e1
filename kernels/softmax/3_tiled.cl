/* softmax, rung 3: one work-group computes one row; maximum and sum are joined in local memory (target: GPU). Formula
 * and arguments as in rung 1.
 *
 *      item 0   1   2   3  |  0   1   2   3  | ...     Neighbouring work-items read neighbouring scores. Each first
 *      key  0   1   2   3  |  4   5   6   7  | ...     reduces its own, then common/join.cl joins the partial results.
 *
 * Wins over rung 2 on GPUs: LOCAL_X lanes work on a row, with contiguous reads; but it reads the row three times, as
 * rung 1 does, and computes exp twice. Loses on CPU devices because of the barriers.
 */
#ifndef LOCAL_X
#define LOCAL_X 128 /* a power of two, 32 ... 256 */
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

  float largest = sink;
  for (int j = me; j < r.key_len; j += LOCAL_X) largest = fmax(largest, from[j]);
  largest = join_max(part, largest);

  float sum = me == 0 ? sink_exp(sink, largest) : 0.0f;
  for (int j = me; j < r.key_len; j += LOCAL_X) sum += live_exp(from[j], largest);
  sum = join_sum(part, sum);

  for (int j = me; j < r.key_len; j += LOCAL_X) to[j] = live_weight(live_exp(from[j], largest), sum);
  if (me == 0) store_lse(r, lse, row, largest, sum);
}
