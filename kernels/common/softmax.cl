/* What all rungs of softmax share: masked keys, sinks and the log of the sum.
 *
 * A masked key holds -infinity and gets weight exactly 0. Every other key's weight is at least 2^-126, the smallest
 * that no device flushes to 0, so that context can tell the two apart. A row in which every key is masked has the sum 0
 * and gets 0 everywhere, not 0/0. A NaN in a row makes all its live weights NaN: fmax passes over it, the sum does not.
 */
#include "common/attention.h"

/* exp(score - largest). With largest -infinity all scores are -infinity or NaN. */
float live_exp(float score, float largest) {
  const float e = exp(score - largest);
  return score == -INFINITY ? 0.0f : e < FLT_MIN ? FLT_MIN : e; /* a NaN is not smaller, and stays */
}

/* From live_exp to the weight. */
float live_weight(float e, float sum) {
  const float weight = e / sum;
  return e == 0.0f ? 0.0f : weight < FLT_MIN ? FLT_MIN : weight;
}

/* The logit that this row of the block has besides its scores; -infinity without. */
float sink_of(const softmax_rows r, global const float *sinks, int row) {
  return sinks ? sinks[(r.first + row) / r.query_len % r.heads] : -INFINITY;
}

/* log of the sum of exp(scores): lse (batch, heads, query_len). */
void store_lse(const softmax_rows r, global float *lse, int row, float largest, float sum) {
  if (lse) lse[r.first + row] = largest + log(sum);
}
