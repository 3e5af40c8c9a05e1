/* What all rungs of softmax share: masked keys, sinks and the log of the sum.
 *
 * A masked key holds -infinity and gets MASKED_WEIGHT, so that context can tell it from a live key whose exp has
 * underflowed to 0 (common/masked.cl). A row in which every key is masked has the sum 0 and gets MASKED_WEIGHT
 * everywhere, not 0/0. A NaN in a row makes all its live weights NaN: fmax passes over it, the sum does not.
 */
#include "common/attention.h"
#include "common/masked.cl"

/* exp(score - largest). With largest -infinity all scores are -infinity or NaN. */
float live_exp(float score, float largest) {
  return score == -INFINITY ? MASKED_WEIGHT : exp(score - largest);
}

/* The sink's part of the sum; 0 without one. */
float sink_exp(float sink, float largest) {
  return sink == -INFINITY ? 0.0f : exp(sink - largest);
}

/* From live_exp to the weight. */
float live_weight(float e, float sum) {
  return is_masked(e) ? MASKED_WEIGHT : e / sum;
}

/* The logit that this row of the block has besides its scores; -infinity without. */
float sink_of(const softmax_rows r, global const float *sinks, int row) {
  return sinks ? sinks[(r.first + row) / r.query_len % r.heads] : -INFINITY;
}

/* log of the sum of exp(scores): lse (batch, heads, query_len). */
void store_lse(const softmax_rows r, global float *lse, int row, float largest, float sum) {
  if (lse) lse[r.first + row] = largest + log(sum);
}
