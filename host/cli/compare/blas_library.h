/* OpenBLAS, or another library that has cblas_sgemm: loaded when it is wanted. */
#ifndef CLATTN_CLI_BLAS_LIBRARY_H
#define CLATTN_CLI_BLAS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

enum { BLAS_ROW_MAJOR = 101, BLAS_PLAIN = 111, BLAS_TRANSPOSED = 112 }; /* as in every cblas.h */

typedef struct blas_library {
  /* C = alpha . A . B + beta . C; A is (m, k) and B (k, n), as they are or transposed; ld: elements from row to row. */
  void (*sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                const float *b, int ldb, float beta, float *c, int ldc);
  void (*set_threads)(int threads); /* NULL where it is not OpenBLAS */
} blas_library;

/* Loads it; it stays loaded. path NULL: OpenBLAS, wherever the system finds it. False leaves the reason. */
bool blas_library_load(blas_library *blas, const char *path, char *reason, size_t size);

#endif
