/* The inputs and projection matrix of each projected tensor, and the positions of vectors in the
 * tensors. */
#ifndef CLATTN_LINEAR_H
#define CLATTN_LINEAR_H

#include "problem/element.h"
#include "reference/reference.h"

/* `tensor` = in . w + bias, with the given columns of matrix w. */
typedef struct clattn_linear {
  clattn_tensor in, w, bias; /* bias: CLATTN_TENSOR_COUNT if there is none */
  size_t rows, terms, all_columns;
  clattn_columns columns;   /* on the device, where q, k and v of wqkv are side by side */
  clattn_column_runs given; /* of the matrix that the caller gives */
  bool transposed;
} clattn_linear;

/* tensor: q, k or v (if the problem projects them) or output (if it has wo). */
clattn_linear clattn_linear_of(const clattn_problem *problem, clattn_tensor tensor);
/* The given columns of one vector: `count` from column `first` of the tensor on, all within one run. */
clattn_column_runs clattn_linear_vector(const clattn_linear *linear, size_t first, size_t count);
clattn_linear_float clattn_linear_in_float(const clattn_linear *linear, const clattn_floats *floats);

/* The index of the first element of a row's vector in q, context or output, and of its sequence's
 * first key in k or v. q, k and v are (tokens, heads, dim); results have the problem's order. */
size_t clattn_query_start(const clattn_problem *problem, const clattn_score_row *score_row, clattn_tensor tensor);
size_t clattn_key_start(const clattn_problem *problem, const clattn_score_row *score_row, clattn_tensor tensor);

/* Copies given q, k or v, with any strides, to (tokens, heads, dim). */
void clattn_gather_given(const clattn_problem *problem, clattn_tensor tensor, const float *from, float *to);

#endif
