/* What all rungs of fused share, and of all but the first the running maximum and sum of a row.
 *
 * Keys come one after the other, or tile by tile. With m the largest score so far, s the sum of exp(score - m) and
 * o = the sum of exp(score - m) * v, a score that is larger than m makes them, before it is added itself,
 *
 *     s * exp(m - new m),    o * exp(m - new m)        (Milakov and Gimelshein 2018; Dao et al. 2022)
 *
 * and o / s is the context at the end.
 *
 * All sums are kept smaller by a power of two that is at least the number of keys: a sum of values near the largest
 * float would overflow before it is divided, and a power of two costs no digit.
 *
 * As in the staged kernels, a masked key (its score is -infinity) is left out, whatever its value holds. The weight of
 * any other key may underflow to 0, as may the factors above: 0 times a NaN or an infinity is NaN, and shows. Finite
 * values never make an infinity on the way, so that there is none for a factor of 0 to make a NaN of: with the headroom
 * all sums stay within what a float can hold.
 */
#include "common/attention.cl"
#include "common/masked.cl"
#include "common/stored.cl"

/* How q and k, and v, are stored: 0 float, 1 half, 2 bfloat16, as in common/attention.h. They are read as they are, and
 * become floats on the way. */
#ifndef QK_TYPE
#define QK_TYPE 0
#endif
#ifndef V_TYPE
#define V_TYPE 0
#endif

/* 0 ... 31: 2^headroom is at least the number of keys. */
int headroom_of(int keys) {
  return keys > 1 ? 32 - clz(keys - 1) : 0;
}

/* The logit that a head has besides its scores; -infinity without. */
float head_sink(global const float *sinks, const sequence s) {
  return sinks ? sinks[s.head] : -INFINITY;
}

/* The sink's part of the sum while it is the largest. */
float sink_part(float sink, int headroom) {
  return sink == -INFINITY ? 0.0f : ldexp(1.0f, -headroom);
}

/* exp(score - largest) * 2^-headroom of a live score. */
float live_part(float score, float largest, int headroom) {
  return ldexp(exp(score - largest), -headroom);
}

/* By what sums shrink when the maximum grows; 0 before the first score. */
float shrink(float largest, float larger) {
  return exp(largest - larger);
}

/* log of the sum of exp(scores): lse (batch, heads, query_len), of a row of this pair. A row in which all is masked has
 * the sum 0. */
void store_fused_lse(const attention a, global float *lse, int pair, int row, float largest, float sum, int headroom) {
  if (lse) lse[(size_t)pair * a.query_len + row] = sum == 0.0f ? -INFINITY : largest + log(ldexp(sum, headroom));
}
