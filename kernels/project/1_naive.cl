/* project, rung 1: the formula as one would first write it. One work-item computes one element of the result.
 *
 *     for (row ...) for (column ...) {
 *       out[row][column] = bias[column];
 *       for (k = 0; k < model_dim; ++k) out[row][column] += x[row][k] * w[k][column];    W_TRANSPOSED 0: out = x.W
 *     }                                                     ... * w[column][k];          W_TRANSPOSED 1: out = x.W^T
 *
 * x (rows, model_dim), out (rows, columns), bias (columns) or NULL; w (model_dim, columns), or (columns, model_dim) if
 * transposed; w may be a part of a larger matrix, which p describes. Rows are the tokens of all batches, columns are
 * heads*dim. One launch computes Q, K and V along its third dimension, if they come from the same x; the output
 * projection is a launch of its own, with one result.
 *
 * The outer loop has become the first dimension: the work-item's number is (row, column, which). Neighbouring
 * work-items, which a GPU runs in lockstep, are neighbouring rows:
 *
 *          x                 w                out
 *       0  . # . .           . . . .          0 . .      At step k they all read the same element of w, and a column
 *       1  . # . .           # . . .          1 . .      of x, whose elements are a row apart. At the end they write a
 *       2  . # . .           . . . .          2 . .      column of out, whose elements are a row apart, too.
 *
 * Memory comes in pieces of 32 to 128 bytes, 8 to 32 neighbouring floats. Here only one float of each piece of x and
 * out is used.
 *
 * Wins nowhere. On a CPU, which runs work-items one after another, it is as fast as rung 2 (PoCL, 1024 tokens x 512).
 */
#include "common/projection.cl"

kernel void project(global const float *x, global const float *wq, global const float *wk, global const float *wv,
                    global const float *bq, global const float *bk, global const float *bv, global float *q,
                    global float *k, global float *v, const projection p) {
  const int row = get_global_id(0), column = get_global_id(1);
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
