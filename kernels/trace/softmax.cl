/* trace, softmax: the three numbers between a score and its weight. One work-item computes one row.
 *
 *     row_max[row] = max over j of scores[row][j], and of the sink
 *     exps[row][j] = exp(scores[row][j] - row_max[row]); 0 where the key is masked
 *     row_sum[row] = sum over j of exps[row][j], and exp(sink - row_max[row])
 *
 * The weight is exps / row_sum. scores is a block as in softmax/1_naive.cl, and exps is the same buffer. sinks (heads),
 * row_max and row_sum (batch, heads, query_len) are NULL if they are not wanted.
 *
 * Made for inspection, not for speed.
 */
#include "common/softmax.cl"

kernel void exps(global float *scores, const softmax_rows r, global const float *sinks, global float *row_max,
                 global float *row_sum) {
  const int row = get_global_id(0);
  if (row >= r.rows) return;
  global float *at = scores + (size_t)row * r.key_len;
  const float sink = sink_of(r, sinks, row);

  float largest = sink;
  for (int j = 0; j < r.key_len; ++j) largest = fmax(largest, at[j]);
  float sum = sink_exp(sink, largest);
  for (int j = 0; j < r.key_len; ++j) {
    const float e = live_exp(at[j], largest);
    at[j] = is_masked(e) ? 0.0f : e;
    sum += at[j];
  }
  if (row_max) row_max[r.first + row] = largest;
  if (row_sum) row_sum[r.first + row] = sum;
}
