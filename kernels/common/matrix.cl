/* A part of a matrix in global memory, as the products take it. Its rows are contiguous. */
typedef struct matrix {
  global const float *at; /* its first element */
  size_t row;             /* elements from one row to the next */
  int count;              /* rows of A, or columns of B, from that element to the end */
} matrix;
