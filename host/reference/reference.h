/* The reference: one function for each stage, in double (to check results against) and in float (the
 * CPU implementation that benchmarks time). It uses no OpenCL.
 *
 * Each function computes one row. `magnitude` (NULL: not wanted) receives the same sums over the
 * absolute values of all products; rounding errors are proportional to it. */
#ifndef CLATTN_REFERENCE_H
#define CLATTN_REFERENCE_H

#include "problem/sequence.h"

/* A range of columns of a matrix. */
typedef struct clattn_columns {
  size_t first, count;
} clattn_columns;

/* Columns of a matrix, in runs: column c is first + c / run * step + c % run of the matrix. */
typedef struct clattn_column_runs {
  size_t first, count, run, step;
} clattn_column_runs;

#define CLATTN_REFERENCE_STAGES(REAL, SUFFIX)                                                                          \
  /* w: (terms, all_columns), or (all_columns, terms) if transposed; bias: (all_columns), NULL if none */              \
  typedef struct clattn_linear_##SUFFIX {                                                                              \
    const REAL *w, *bias;                                                                                              \
    size_t terms, all_columns;                                                                                         \
    bool transposed;                                                                                                   \
  } clattn_linear_##SUFFIX;                                                                                            \
  /* Vectors that start `step` elements apart; `at` is the vector of the sequence's first key. */                      \
  typedef struct clattn_vectors_##SUFFIX {                                                                             \
    const REAL *at;                                                                                                    \
    size_t step;                                                                                                       \
  } clattn_vectors_##SUFFIX;                                                                                           \
  /* All (key_len); scaled, softcapped and magnitude may be NULL. */                                                   \
  typedef struct clattn_score_row_##SUFFIX {                                                                           \
    REAL *scaled, *softcapped, *scores, *magnitude;                                                                    \
  } clattn_score_row_##SUFFIX;                                                                                         \
  /* out[c] = bias(column c) + sum over k < terms of x[k] * w(k, column c) */                                          \
  void clattn_project_##SUFFIX(const clattn_linear_##SUFFIX *linear, const REAL *x, clattn_column_runs columns,        \
                               REAL *out, REAL *magnitude);                                                            \
  /* scaled[j] = scale * sum over c < head_dim of q[c] * k_j[c]; then softcap; then bias and mask.                     \
   * All are -inf for rows and keys beyond the end of the sequence. */                                                 \
  void clattn_scores_##SUFFIX(const clattn_problem *problem, const clattn_score_row *score_row, const REAL *q,         \
                              clattn_vectors_##SUFFIX k, clattn_score_row_##SUFFIX out);                               \
  /* exps[j] = exp(scores[j] - *row_max), 0 where the score is -inf. *row_max is the largest score or                  \
   * the sink. scores and exps are (key_len). Returns the sum of exps, including the sink's term. */                   \
  REAL clattn_exps_##SUFFIX(const REAL *scores, size_t key_len, REAL sink, REAL *exps, REAL *row_max);                 \
  /* weights[j] = exp(scores[j] - largest) / sum, 0 where the score is -inf. scores and weights are                    \
   * (key_len). The sum includes the logit `sink` (-inf: no sink). Returns log(sum of exp(scores)). */                 \
  REAL clattn_softmax_##SUFFIX(const REAL *scores, size_t key_len, REAL sink, REAL *weights);                          \
  /* out[c] = sum of weights[j] * v_j[c] over keys j with a score above -inf. scores and weights are                   \
   * (key_len). */                                                                                                     \
  void clattn_context_##SUFFIX(clattn_columns keys, const REAL *scores, const REAL *weights,                           \
                               clattn_vectors_##SUFFIX v, size_t value_dim, REAL *out, REAL *magnitude);

CLATTN_REFERENCE_STAGES(double, double)
CLATTN_REFERENCE_STAGES(float, float)

#endif
