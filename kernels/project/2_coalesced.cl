/* project, rung 2: neighbouring work-items are neighbouring columns. Formula and arguments as in rung 1.
 *
 * The same work-item, but the two dimensions are exchanged: its number is (column, row, which).
 *
 *          x              w              out
 *       . . . .        . . . .         0 1 2 3      At step k neighbours all read the same element of x, and a row of
 *       . # . .        # # # #         . . . .      w, one beside the other. At the end they write a row of out.
 *       . . . .        . . . .         . . . .
 *
 * A GPU fetches a row of neighbouring floats in one piece and uses all of it ("coalesced").
 *
 * Wins over rung 1 on GPUs. With W_TRANSPOSED, w is stored the other way around: neighbours read floats model_dim
 * apart, and only the writes are coalesced. Loses to rung 3: each work-item still fetches every element of x and w
 * itself, for a single multiply-add.
 */
#include "common/projection.cl"

kernel void project(global const float *x, global const float *wq, global const float *wk, global const float *wv,
                    global const float *bq, global const float *bk, global const float *bv, global float *q,
                    global float *k, global float *v, const projection p) {
  const int column = get_global_id(0), row = get_global_id(1);
  result r;
  find_result(p, wq, wk, wv, bq, bk, bv, q, k, v, &r);
  if (column >= r.columns || row >= p.rows) return;
  float sum = 0.0f;
  /* exercise dot-product: compute this work-item's element of x.W, or of x.W^T with W_TRANSPOSED, plus its bias */
  for (int term = 0; term < p.model_dim; ++term) {
    const size_t at = W_TRANSPOSED ? column * r.w_row + term : term * r.w_row + column;
    sum = fma(x[(size_t)row * p.model_dim + term], r.w[at], sum);
  }
  r.out[(size_t)row * r.columns + column] = sum + bias_of(r, column);
  /* end of exercise */
}
