/* What all rungs of fused share, and the running maximum and sum of a row, which all rungs but the first use.
 *
 * Keys arrive one by one, or tile by tile. m is the largest score so far, s the sum of exp(score - m), and o the sum of
 * exp(score - m) * v. When a score larger than m arrives, s and o are first rescaled:
 *
 *     s * exp(m - new m),    o * exp(m - new m)        (Milakov and Gimelshein 2018; Dao et al. 2022)
 *
 * At the end o / s is the context.
 *
 * All sums are scaled down by 2^headroom, which is at least the number of keys. Without this, a sum of values near the
 * largest float would overflow before it is divided. A power of two costs no precision.
 *
 * As in the staged kernels, a masked key (its score is -infinity) is skipped, whatever its value holds. The weight of
 * any other key may underflow to 0, and so may the factors above; 0 times a NaN or an infinity is NaN, so such a value
 * shows in the result. Finite values never produce an infinity on the way that a factor of 0 could turn into NaN:
 * thanks to the headroom, all sums stay within the range of a float.
 */
#include "common/attention.cl"
#include "common/masked.cl"
#include "common/stored.cl"
#include "common/cached.cl"

/* Storage types of q, k and v: STORED_... of common/attention.h; 0 is float. Kernels read the stored type and convert
 * each element to float as they load it. Kernels that read caches in place are compiled for the cache's type. */
#ifndef Q_TYPE
#define Q_TYPE 0
#endif
#ifndef K_TYPE
#define K_TYPE 0
#endif
#ifndef V_TYPE
#define V_TYPE 0
#endif

/* 1: keys and values are in the pages of a cache. Only kernels that read caches in place know this. */
#ifndef PAGES
#define PAGES 0
#endif

/* Where a head's first key or value is; of a head in pages, which share their rows: where row 0 is. */
size_t rows_offset(const attention a, const kernel_strides stride, const sequence s) {
  return PAGES ? (size_t)(s.head / a.group) * stride.head : key_offset(a, stride, s);
}

/* 0 ... 31: 2^headroom is at least the number of keys. */
int headroom_of(int keys) {
  return keys > 1 ? 32 - clz(keys - 1) : 0;
}

/* The logit that a head has in addition to its scores; -infinity without sinks. */
float head_sink(global const float *sinks, const sequence s) {
  return sinks ? sinks[s.head] : -INFINITY;
}

/* The sink's term of the sum while the sink is the maximum. */
float sink_part(float sink, int headroom) {
  return sink == -INFINITY ? 0.0f : ldexp(1.0f, -headroom);
}

/* exp(x) for x <= 0. Processors have an instruction for powers of two. The product's rounding error grows with |x|, and
 * the result shrinks faster: beside the largest weight, exp(0), the error is at most 0.5 * 2^-24. */
float exp_below_0(float x) {
  return exp2(x * M_LOG2E_F);
}

/* exp(score - largest) * 2^-headroom, for an unmasked score. Compilers take the power of two out of loops. */
float live_part(float score, float largest, int headroom) {
  return exp_below_0(score - largest) * ldexp(1.0f, -headroom);
}

/* The factor by which sums shrink when the maximum grows; 0 before the first score. */
float shrink(float largest, float larger) {
  return exp_below_0(largest - larger);
}

/* Stores log of the sum of exp(scores) in lse (batch, heads, query_len), for a row of this pair. A row whose keys are
 * all masked has the sum 0. */
void store_fused_lse(const attention a, global float *lse, int pair, int row, float largest, float sum, int headroom) {
  if (lse) lse[(size_t)pair * a.query_len + row] = sum == 0.0f ? -INFINITY : largest + log(ldexp(sum, headroom));
}
