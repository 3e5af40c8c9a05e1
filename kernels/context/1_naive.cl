/* context, rung 1: the formula, one work-item an element of the result.
 *
 *     for (query i ...) for (c < value_dim ...)
 *       for (every key j that is live for i) context[i][c] += weights[i][j] * v[j][c]
 *
 * Masked keys are left out, not multiplied by their weight 0: a NaN in the value of a masked key stays there.
 *
 * weights is a block, (pairs, rows, key_len), as scores leaves it; v and context lie in memory as v_stride and
 * context_stride say (common/layout.cl). Work-item (c, i, pair in the block).
 *
 * ONLY_NONFINITE 1 makes a repair of it: elements that are finite already are left alone. It runs behind a product that
 * knows of no mask and has spread such a NaN (CLBlast).
 *
 * Wins nowhere.
 */
#include "common/layout.cl"
#ifndef ONLY_NONFINITE
#define ONLY_NONFINITE 0
#endif

kernel void context(global const float *weights, global const float *v, global float *context, ulong4 v_stride,
                    ulong4 context_stride, int heads, int first_pair, int first_row, int rows, int key_len,
                    int value_dim) {
  const int c = get_global_id(0), row = get_global_id(1), pair = get_global_id(2);
  if (c >= value_dim || row >= rows) return;
  global const float *weights_row = weights + ((size_t)pair * rows + row) * key_len;
  global const float *v_head = v + head_offset(v_stride, first_pair + pair, heads);
  global float *to =
      context + head_offset(context_stride, first_pair + pair, heads) + (first_row + row) * context_stride.z;
#if ONLY_NONFINITE
  if (isfinite(to[c])) return;
#endif
  const int live = live_keys(first_row + row, key_len);
  float sum = 0.0f;
  for (int key = 0; key < live; ++key) sum = fma(weights_row[key], v_head[key * v_stride.z + c], sum);
  to[c] = sum;
}
