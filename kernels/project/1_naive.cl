/* project, rung 1: the formula, one work-item an element of the result.
 *
 *     for (row ...) for (column ...)
 *       for (k = 0; k < model_dim; ++k) out[row][column] += x[row][k] * w[k][column];      W_TRANSPOSED 0: out = x.W
 *                                                         ... * w[column][k];              W_TRANSPOSED 1: out = x.W^T
 *
 * x (rows, model_dim), out (rows, columns); w (model_dim, columns), or (columns, model_dim) when transposed.
 * Rows are the tokens of all batches, columns are heads*dim. Q, K and V are three launches of this.
 *
 * Wins nowhere; every other rung is held against it. Each work-item reads 2*model_dim values for model_dim
 * multiply-adds, so memory decides; with W_TRANSPOSED neighbouring work-items even read w model_dim values apart.
 */
#ifndef W_TRANSPOSED
#define W_TRANSPOSED 0
#endif

kernel void project(global const float *x, global const float *w, global float *out, int rows, int model_dim,
                    int columns) {
  const int column = get_global_id(0), row = get_global_id(1);
  if (column >= columns || row >= rows) return;
  float sum = 0.0f;
  for (int k = 0; k < model_dim; ++k) {
#if W_TRANSPOSED
    const float w_value = w[(size_t)column * model_dim + k];
#else
    const float w_value = w[(size_t)k * columns + column];
#endif
    sum = fma(x[(size_t)row * model_dim + k], w_value, sum);
  }
  out[(size_t)row * columns + column] = sum;
}
