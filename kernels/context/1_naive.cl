/* context, rung 1: the formula. One work-item computes one element of the result.
 *
 *     for (query i ...) for (column c ...)
 *       context[i][c] = sum over the keys j that are not masked of weights[i][j] * v[j][c]
 *
 * A masked key has a special weight (common/masked.cl). Its value is skipped, not multiplied, so that a NaN in it does
 * not spread.
 *
 * weights is a block (pairs, rows, key_len), as scores writes it. The strides in `a` describe v and context in memory.
 * The work-item's number is (c, i, pair in the block).
 *
 * With ONLY_NONFINITE 1 the kernel is a repair: it recomputes only elements that are not finite. It post-processes a
 * product that knows no mask and has spread such a NaN (CLBlast's).
 *
 * Wins nowhere.
 */
#include "common/attention.cl"
#include "common/masked.cl"
#ifndef ONLY_NONFINITE
#define ONLY_NONFINITE 0
#endif

kernel void context(global const float *weights, global const float *v, global float *context, const attention a,
                    global const int *sequences) {
  const int c = get_global_id(0), row = get_global_id(1), pair = get_global_id(2);
  sequence s;
  find_sequence(a, sequences, pair, &s);
  if (c >= a.value_dim || row >= rows_of(a, s)) return;
  global const float *weights_row = weights + ((size_t)pair * a.rows + row) * a.key_len;
  global const float *v_head = v + key_offset(a, a.v, s);
  global float *to = context + query_offset(a, a.context, s) + row * a.context.row + c;
#if ONLY_NONFINITE
  if (isfinite(*to)) return;
#endif
  float sum = 0.0f;
  /* exercise weighted-sum: add up the values of the visible keys, each times its weight; skip masked keys */
  for (int key = first_key(a, s, row); key < end_key(a, s, row); ++key)
    if (!is_masked(weights_row[key])) sum = fma(weights_row[key], v_head[key * a.v.row + c], sum);
  /* end of exercise */
  *to = sum;
}
