/* project, rung 1: the formula, one work-item an element of the result.
 *
 *     for (row ...) for (column ...) {
 *       out[row][column] = bias[column];
 *       for (k = 0; k < model_dim; ++k) out[row][column] += x[row][k] * w[k][column];    W_TRANSPOSED 0: out = x.W
 *     }                                                     ... * w[column][k];          W_TRANSPOSED 1: out = x.W^T
 *
 * x (rows, model_dim), out (rows, columns), bias (columns) or NULL; w (model_dim, columns), or (columns, model_dim)
 * when transposed, or a part of a larger matrix that p describes. Rows are the tokens of all batches, columns are
 * heads*dim. Q, K and V are three launches of this, the output projection another.
 *
 * Wins nowhere; every other rung is held against it. Each work-item reads 2*model_dim values for model_dim
 * multiply-adds, so memory decides; with W_TRANSPOSED neighbouring work-items even read w model_dim values apart.
 */
#include "common/projection.cl"

kernel void project(global const float *x, global const float *w, global const float *bias, global float *out,
                    const projection p) {
  const int column = get_global_id(0), row = get_global_id(1);
  if (column >= p.columns || row >= p.rows) return;
  float sum = 0.0f;
  for (int k = 0; k < p.model_dim; ++k) {
    const size_t at = W_TRANSPOSED ? column * p.w_row + k : k * p.w_row + column;
    sum = fma(x[(size_t)row * p.model_dim + k], w[p.w_offset + at], sum);
  }
  out[(size_t)row * p.columns + column] = sum + bias_of(p, bias, column);
}
