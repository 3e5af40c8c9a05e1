/* softmax, rung 2: maximum and sum in one read of the row, one work-item per row. Formula and arguments as in rung 1.
 *
 *     for (each score of the row)
 *       if (score > m) shrink s by exp(m - score); m = score
 *       s += exp(score - m)
 *
 * See common/online.cl. The row is read twice instead of three times. exp is computed twice for each score, as in rung
 * 1, and once more for each new maximum; a row in random order has about log(key_len) of them.
 *
 * Less exact on rows that rise from key to key, since each new maximum rounds the sum once more. For a row of 4096
 * scores that rise by 1e-6 each, the sum came out 500 units of 2^-24 wrong; with rung 1's loop it was 15 units (both
 * measured in C, on a CPU).
 *
 * Wins over rung 1 where reading takes most of the time. Loses to rung 1 on a CPU, whose cache serves the third read:
 * it takes nearly twice as long (PoCL, Zen 5, 1024 keys), because its loop has a branch for each score. Loses to rung 3
 * on GPUs: neighbouring work-items still read a whole row apart, and a GPU has far more lanes than there are rows.
 */
#include "common/softmax.cl"
#include "common/online.cl"

kernel void softmax(global const float *scores, global float *weights, const softmax_rows r, global const float *sinks,
                    global float *lse) {
  const int row = get_global_id(0);
  if (row >= r.rows) return;
  global const float *from = scores + (size_t)row * r.key_len;
  global float *to = weights + (size_t)row * r.key_len;

  float2 pair = (float2)(-INFINITY, 0.0f);
  pair = add_score(pair, sink_of(r, sinks, row));
  for (int j = 0; j < r.key_len; ++j) pair = add_score(pair, from[j]);
  for (int j = 0; j < r.key_len; ++j) to[j] = live_weight(live_exp(from[j], pair.x), pair.y);
  store_lse(r, lse, row, pair.x, pair.y);
}
