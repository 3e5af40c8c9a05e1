/* softmax, rung 4: maximum and sum are joined together, as a pair (target: GPU). Formula and arguments as in rung 1.
 *
 * One work-group computes one row, as in rung 3. In it each work-item goes through its keys as in rung 2, with a
 * running maximum and sum. Then one tree joins pairs, where rung 3 has one tree for the maxima and, after it, another
 * for the sums:
 *
 *     item   0      1      2      3            0 and 2   1 and 3         all
 *          (m, s) (m, s) (m, s) (m, s)         (m, s)    (m, s)         (m, s)
 *
 * Wins over rung 3 on GPUs: two reads of the row instead of three, and half of the barriers. Loses to rung 5 on rows
 * that fit into registers. Loses on CPU devices: barriers, and rung 2's branch (twice the time of rung 3 on PoCL).
 */
#ifndef LOCAL_X
#define LOCAL_X 128 /* a power of two, 32 ... 256 */
#endif
#include "common/group.cl"
#include "common/softmax.cl"
#include "common/online.cl"

/* Joins one pair of each work-item into one pair for all. */
float2 join_pairs(local float2 *part, float2 mine) {
  const int me = get_local_id(0);
  part[me] = mine;
  barrier(CLK_LOCAL_MEM_FENCE); /* all pairs are stored */
  for (int half_size = LOCAL_X / 2; half_size > 0; half_size /= 2) {
    if (me < half_size) part[me] = join_pair(part[me], part[me + half_size]);
    barrier(CLK_LOCAL_MEM_FENCE); /* a level of the tree is complete before the next reads it */
  }
  return part[0];
}

kernel __attribute__((reqd_work_group_size(LOCAL_X, 1, 1))) void softmax(global const float *scores,
                                                                         global float *weights, const softmax_rows r,
                                                                         global const float *sinks, global float *lse) {
  local float2 part[LOCAL_X];
  const int me = get_local_id(0), row = group_id(0);
  global const float *from = scores + (size_t)row * r.key_len;
  global float *to = weights + (size_t)row * r.key_len;

  float2 pair = (float2)(-INFINITY, 0.0f);
  if (me == 0) pair = add_score(pair, sink_of(r, sinks, row));
  for (int j = me; j < r.key_len; j += LOCAL_X) pair = add_score(pair, from[j]);
  pair = join_pairs(part, pair);

  for (int j = me; j < r.key_len; j += LOCAL_X) to[j] = live_weight(live_exp(from[j], pair.x), pair.y);
  if (me == 0) store_lse(r, lse, row, pair.x, pair.y);
}
