/* project, rung 1: the formula, one work-item an element of the result.
 *
 *     for (row ...) for (column ...) {
 *       out[row][column] = bias[column];
 *       for (k = 0; k < model_dim; ++k) out[row][column] += x[row][k] * w[k][column];    W_TRANSPOSED 0: out = x.W
 *     }                                                     ... * w[column][k];          W_TRANSPOSED 1: out = x.W^T
 *
 * x (rows, model_dim), out (rows, columns), bias (columns) or NULL; w (model_dim, columns), or (columns, model_dim)
 * when transposed, or a part of a larger matrix that p describes. Rows are the tokens of all batches, columns are
 * heads*dim. One launch makes Q, K and V, along its third dimension, as far as they come from the same x; the output
 * projection is another, with one result.
 *
 * Wins nowhere; every other rung is held against it. Each work-item reads 2*model_dim values for model_dim
 * multiply-adds, so memory decides; with W_TRANSPOSED neighbouring work-items even read w model_dim values apart.
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
  for (int term = 0; term < p.model_dim; ++term) {
    const size_t at = W_TRANSPOSED ? column * r.w_row + term : term * r.w_row + column;
    sum = fma(x[(size_t)row * p.model_dim + term], r.w[at], sum);
  }
  r.out[(size_t)row * r.columns + column] = sum + bias_of(r, column);
}
