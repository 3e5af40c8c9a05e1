/* What all rungs of softmax share: masked keys, sinks and the log of the sum.
 *
 * The score of a masked key is -infinity. Its weight becomes MASKED_WEIGHT, so that context can distinguish it from a
 * key whose exp has underflowed to 0 (common/masked.cl). A row whose keys are all masked has the sum 0; its weights are
 * all MASKED_WEIGHT, not 0/0. A NaN in a row makes all its unmasked weights NaN: fmax ignores it, but the sum does not.
 */
#include "common/attention.h"
#include "common/masked.cl"

/* exp(score - largest), or MASKED_WEIGHT. If largest is -infinity, every score is -infinity or NaN. */
float live_exp(float score, float largest) {
  return score == -INFINITY ? MASKED_WEIGHT : exp(score - largest);
}

/* The sink's term of the sum; 0 without a sink. */
float sink_exp(float sink, float largest) {
  return sink == -INFINITY ? 0.0f : exp(sink - largest);
}

/* From live_exp() to the weight. */
float live_weight(float e, float sum) {
  return is_masked(e) ? MASKED_WEIGHT : e / sum;
}

/* The logit that this row of the block has in addition to its scores; -infinity without sinks. */
float sink_of(const softmax_rows r, global const float *sinks, int row) {
  return sinks ? sinks[(r.first + row) / r.query_len % r.heads] : -INFINITY;
}

/* Stores log of the sum of exp(scores) in lse (batch, heads, query_len). */
void store_lse(const softmax_rows r, global float *lse, int row, float largest, float sum) {
  if (lse) lse[r.first + row] = largest + log(sum);
}
