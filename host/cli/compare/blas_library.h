/* OpenBLAS or another library with cblas_sgemm, loaded on demand. */
#ifndef CLATTN_CLI_BLAS_LIBRARY_H
#define CLATTN_CLI_BLAS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

enum { BLAS_ROW_MAJOR = 101, BLAS_PLAIN = 111, BLAS_TRANSPOSED = 112 }; /* as in every cblas.h */

typedef struct blas_library {
  /* C = alpha.A.B + beta.C with A (m, k) and B (k, n), each maybe stored transposed; ld:
   * elements from row to row. */
  void (*sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                const float *b, int ldb, float beta, float *c, int ldc);
  void (*set_threads)(int threads); /* NULL if it is not OpenBLAS */
} blas_library;

/* Loads it for good. path NULL: OpenBLAS, where the system finds it. On failure returns false
 * and writes the reason. */
bool blas_library_load(blas_library *blas, const char *path, char *reason, size_t size);

#endif
