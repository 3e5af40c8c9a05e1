/* A part of a matrix in global memory, for the products. Its rows are contiguous. */
typedef struct matrix {
  global const float *at; /* its corner */
  size_t row;             /* elements from one row to the next */
  int count;              /* what is left from the corner: rows of A, columns of B */
} matrix;
