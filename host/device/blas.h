/* CLBlast's matrix product (GEMM). */
#ifndef CLATTN_BLAS_H
#define CLATTN_BLAS_H

#include "device/queue.h"

/* A row-major matrix in a buffer, or `count` matrices whose starts are `step` elements apart. */
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

/* Makes several calls if the product exceeds the queue's launch limit. Only one call at a time runs
 * in a process. CLATTN_UNSUPPORTED in a build without CLBlast. */
clattn_status clattn_blas_multiply(clattn_queue *queue, int slot, const clattn_blas_product *product,
                                   clattn_error *error);

#endif
