/* How the scalar path finds its way: what q, k, v and the output are projected from, and where their vectors lie. */
#ifndef CLATTN_LINEAR_H
#define CLATTN_LINEAR_H

#include "problem/element.h"
#include "reference/reference.h"

/* `tensor` = in . w + bias, of `columns` of the matrix. */
typedef struct clattn_linear {
  clattn_tensor in, w, bias; /* CLATTN_TENSOR_COUNT: no bias */
  size_t rows, terms, all_columns;
  clattn_columns columns;
  bool transposed;
} clattn_linear;

/* tensor: q, k, v (of a problem that projects them) or output (of one that has wo). */
clattn_linear clattn_linear_of(const clattn_problem *problem, clattn_tensor tensor);
clattn_linear_float clattn_linear_in_float(const clattn_linear *linear, const clattn_floats *floats);

/* Where a row's vector begins in q, context or output, and its first key's in k or v. q, k and v are (tokens, heads,
 * dim), the results in the problem's order. */
size_t clattn_query_start(const clattn_problem *problem, const clattn_sight *sight, clattn_tensor tensor);
size_t clattn_key_start(const clattn_problem *problem, const clattn_sight *sight, clattn_tensor tensor);

/* Given q, k or v as (tokens, heads, dim), whatever their strides. */
void clattn_gather_given(const clattn_problem *problem, clattn_tensor tensor, const float *from, float *to);

#endif
