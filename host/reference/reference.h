/* The scalar path: one function a stage, in double (the truth) and in float (the CPU path that is timed). Knows nothing
 * of OpenCL.
 *
 * Each works on one row. `magnitude` (NULL: not wanted) receives the same sums with every product's absolute value:
 * what rounding errors are proportional to. */
#ifndef CLATTN_REFERENCE_H
#define CLATTN_REFERENCE_H

#include "problem/sequence.h"

/* Some columns of a matrix. */
typedef struct clattn_columns {
  size_t first, count;
} clattn_columns;

#define CLATTN_REFERENCE_STAGES(REAL, SUFFIX)                                                                          \
  /* w (terms, all_columns), or (all_columns, terms) when transposed; bias (all_columns), NULL without */              \
  typedef struct clattn_linear_##SUFFIX {                                                                              \
    const REAL *w, *bias;                                                                                              \
    size_t terms, all_columns;                                                                                         \
    bool transposed;                                                                                                   \
  } clattn_linear_##SUFFIX;                                                                                            \
  /* Vectors `step` elements apart; at: that of the sequence's first key. */                                           \
  typedef struct clattn_vectors_##SUFFIX {                                                                             \
    const REAL *at;                                                                                                    \
    size_t step;                                                                                                       \
  } clattn_vectors_##SUFFIX;                                                                                           \
  /* (key_len) each; scaled, softcapped and magnitude may be NULL */                                                   \
  typedef struct clattn_score_row_##SUFFIX {                                                                           \
    REAL *scaled, *softcapped, *scores, *magnitude;                                                                    \
  } clattn_score_row_##SUFFIX;                                                                                         \
  /* out[c] = bias(columns.first + c) + sum over k < terms of x[k] * w(k, columns.first + c) */                        \
  void clattn_project_##SUFFIX(const clattn_linear_##SUFFIX *linear, const REAL *x, clattn_columns columns, REAL *out, \
                               REAL *magnitude);                                                                       \
  /* scaled[j] = scale * sum over c < head_dim of q[c] * k_j[c], then softcap, then bias and mask; keys and rows that  \
   * the sequence does not have are -inf in all of them */                                                             \
  void clattn_scores_##SUFFIX(const clattn_problem *problem, const clattn_sight *sight, const REAL *q,                 \
                              clattn_vectors_##SUFFIX k, clattn_score_row_##SUFFIX out);                               \
  /* exps[j] = exp(scores[j] - *row_max), where that is the largest score, or the sink; 0 where the score is -inf.     \
   * Both (key_len). Returns their sum, the sink's part with it. */                                                    \
  REAL clattn_exps_##SUFFIX(const REAL *scores, size_t key_len, REAL sink, REAL *exps, REAL *row_max);                 \
  /* weights[j] = exp(scores[j] - largest) / sum; 0 where the score is -inf. Both (key_len). The logit `sink` is part  \
   * of the sum, -inf: there is none. Returns log(sum of exp(scores)). */                                              \
  REAL clattn_softmax_##SUFFIX(const REAL *scores, size_t key_len, REAL sink, REAL *weights);                          \
  /* out[c] = sum over the keys j whose score is not -inf of weights[j] * v_j[c]; scores and weights (key_len) */      \
  void clattn_context_##SUFFIX(clattn_columns keys, const REAL *scores, const REAL *weights,                           \
                               clattn_vectors_##SUFFIX v, size_t value_dim, REAL *out, REAL *magnitude);

CLATTN_REFERENCE_STAGES(double, double)
CLATTN_REFERENCE_STAGES(float, float)

#endif
