/* CLBlast's matrix product. */
#ifndef CLATTN_BLAS_H
#define CLATTN_BLAS_H

#include "device/chain.h"

/* A row-major matrix in a buffer, or `count` of them, `step` elements apart. */
typedef struct clattn_blas_matrix {
  cl_mem buffer;
  size_t offset; /* elements */
  size_t row;    /* elements from one row to the next */
  size_t step;
  bool transposed;
} clattn_blas_matrix;

/* c (rows, columns) = factor * a (rows, terms) * b (terms, columns), `count` times. */
typedef struct clattn_blas_product {
  size_t rows, columns, terms, count;
  float factor;
  clattn_blas_matrix a, b, c;
} clattn_blas_product;

/* In several calls where it is more than the chain's limit. Calls are serialised within the process. CLATTN_UNSUPPORTED
 * in a build without CLBlast. */
clattn_status clattn_blas_multiply(clattn_chain *chain, const clattn_blas_product *product, clattn_error *error);

#endif
