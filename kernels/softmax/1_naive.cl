/* softmax, rung 1: the formula. One work-item computes one row.
 *
 *     largest = max over j of scores[row][j], and of the sink
 *     sum     = sum over j of exp(scores[row][j] - largest), and exp(sink - largest)
 *     weights[row][j] = exp(scores[row][j] - largest) / sum
 *     lse[row] = largest + log(sum)
 *
 * The largest score is subtracted so that exp never overflows; the quotient is the same. common/softmax.cl describes
 * how masked keys are handled.
 *
 * scores and weights (rows, key_len) are a block whose first row has the number r.first; they may be the same buffer.
 * sinks (heads) and lse (batch, heads, query_len) are NULL if they are not wanted.
 *
 * Wins nowhere: a GPU has far more lanes than there are rows, and neighbouring work-items read a whole row apart.
 */
#include "common/softmax.cl"

kernel void softmax(global const float *scores, global float *weights, const softmax_rows r, global const float *sinks,
                    global float *lse) {
  const int row = get_global_id(0);
  if (row >= r.rows) return;
  global const float *from = scores + (size_t)row * r.key_len;
  global float *to = weights + (size_t)row * r.key_len;
  const float sink = sink_of(r, sinks, row);

  float largest = sink;
  /* exercise row-maximum: find the largest score of the row, and of the sink */
  for (int j = 0; j < r.key_len; ++j) largest = fmax(largest, from[j]);
  /* end of exercise */
  float sum = sink_exp(sink, largest);
  /* exercise row-sum: add all live_exp to sum, then compute the weights */
  for (int j = 0; j < r.key_len; ++j) sum += live_exp(from[j], largest);
  for (int j = 0; j < r.key_len; ++j) to[j] = live_weight(live_exp(from[j], largest), sum);
  /* end of exercise */
  store_lse(r, lse, row, largest, sum);
}
