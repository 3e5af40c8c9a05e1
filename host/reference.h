/* The scalar path: one function a stage, in double (the truth) and in float (the CPU path that is timed). Knows nothing
 * of OpenCL.
 *
 * Each works on one row. `magnitude` (NULL: not wanted) receives the same sums with every product's absolute value:
 * what rounding errors are proportional to. */
#ifndef CLATTN_REFERENCE_H
#define CLATTN_REFERENCE_H

#include "clattn.h"

/* Some columns of a projection matrix. */
typedef struct clattn_columns {
  size_t first, count;
} clattn_columns;

#define CLATTN_REFERENCE_STAGES(REAL, SUFFIX)                                                                          \
  /* out[c] = sum over k < model_dim of x[k] * w(k, columns.first + c) */                                              \
  void clattn_project_##SUFFIX(const clattn_problem *problem, const REAL *x, const REAL *w, size_t matrix_columns,     \
                               clattn_columns columns, REAL *out, REAL *magnitude);                                    \
  /* out[j] = scale * sum over c < head_dim of q[c] * k[j * k_row + c] for j < live; -inf for the other keys */        \
  void clattn_scores_##SUFFIX(const clattn_problem *problem, const REAL *q, const REAL *k, size_t k_row, size_t live,  \
                              REAL *out, REAL *magnitude);                                                             \
  /* weights[j] = exp(scores[j] - largest) / sum, or 0 if all scores are -inf; both (key_len) */                       \
  void clattn_softmax_##SUFFIX(const REAL *scores, size_t key_len, REAL *weights);                                     \
  /* out[c] = sum over j < live of weights[j] * v[j * v_row + c] */                                                    \
  void clattn_context_##SUFFIX(const REAL *weights, size_t live, const REAL *v, size_t v_row, size_t value_dim,        \
                               REAL *out, REAL *magnitude);

CLATTN_REFERENCE_STAGES(double, double)
CLATTN_REFERENCE_STAGES(float, float)

#endif
