/* Shared by the files that compare outputs with the reference. */
#ifndef CLATTN_CHECKER_H
#define CLATTN_CHECKER_H

#include "check/compare.h"
#include "reference/linear.h"
#include "plan/plan.h"
#include "clattn_check.h"
#include "problem/rotary.h"
#include "problem/shape.h"

typedef struct clattn_checker {
  const clattn_problem *asked; /* the caller's problem: its key_len counts the new keys of this run */
  const clattn_problem *seen;  /* the same as the run saw it: with a cache its key_len counts all cached keys */
  const clattn_inputs *inputs;
  const clattn_floats *floats; /* the inputs as floats */
  const clattn_outputs *outputs;
  const clattn_plan_info *plan;
  const float *keys, *values; /* read by scores and context: (tokens, heads, dim); from a cache (batch, keys, ...) */
  const size_t *row;          /* rows to check, ascending; NULL: all */
  size_t row_count;
  clattn_check_report *report;
  clattn_rotary_run rotary;         /* of a problem with a rotary embedding */
  double flops[CLATTN_STAGE_COUNT]; /* done by the reference in float so far; the report has its time */
} clattn_checker;

/* Buffers for one row of `width` results, in one allocation. */
typedef struct clattn_row_buffers {
  double *expected, *magnitude, *bound, *input;
  float *naive;
  void *memory; /* free() this */
} clattn_row_buffers;

size_t clattn_checker_row(const clattn_checker *checker, size_t i);
clattn_score_row clattn_checker_score_row(const clattn_checker *checker, size_t i);

/* Whether the sequence has this row's query: a sequence may be shorter than query_len. */
bool clattn_row_exists(const clattn_score_row *score_row);
clattn_columns clattn_visible_keys(const clattn_score_row *score_row);

bool clattn_row_buffers_allocate(clattn_row_buffers *buffers, size_t width, size_t input_width);
double *clattn_to_double(const float *from, size_t count); /* malloc'ed; NULL without memory */

/* A projection's matrix and bias in double; NULL without memory. */
typedef struct clattn_matrix {
  clattn_linear_double linear;
  double *w, *bias; /* free() both */
} clattn_matrix;
bool clattn_matrix_load(const clattn_checker *checker, const clattn_linear *linear, clattn_matrix *matrix);
void clattn_matrix_release(clattn_matrix *matrix);

/* Largest absolute value; NaN and infinities do not count. */
double clattn_largest_finite(const double *values, size_t count);

clattn_comparison clattn_check_begin(clattn_tensor tensor, bool end_to_end);
/* Compares `width` results with buffers->expected, bound, magnitude and naive. `index` is the index
 * of the first; its last entry counts up. */
void clattn_check_row(clattn_comparison *comparison, const size_t *index, int rank, const float *got, size_t width,
                      const clattn_row_buffers *buffers);
/* The i-th checked row of an output with a row of keys per query; clattn_check_keys() compares
 * it. */
const float *clattn_checked_row(const clattn_checker *checker, const float *all, size_t i);
void clattn_check_keys(const clattn_checker *checker, clattn_comparison *comparison, const clattn_score_row *score_row,
                       const float *got, const clattn_row_buffers *buffers);
/* Compares one head's part of a row of context. */
void clattn_check_context(const clattn_checker *checker, const clattn_score_row *score_row,
                          const clattn_row_buffers *buffers, clattn_comparison *comparison);
void clattn_check_finish(clattn_checker *checker, clattn_comparison *comparison);

/* Sets `index` to the position of element number `element` in the tensor. Returns the rank. */
int clattn_element_index(const clattn_problem *problem, clattn_tensor tensor, size_t element, size_t index[4]);

/* Whether scores, softmax and context were one kernel. */
bool clattn_checks_fused(const clattn_checker *checker);

/* The summation depth of scores, softmax or context, also within a fused kernel. */
size_t clattn_checker_chain(const clattn_checker *checker, clattn_stage stage);

/* The largest absolute value among the row's scores and its sink. */
double clattn_largest_score(const double *scores, size_t count, double sink);

/* Whether this is q, k or v of a projection whose result was stored as f16 or bf16 before attention read it. */
bool clattn_checks_stored(const clattn_checker *checker, clattn_tensor tensor);

/* What storing as f16 or bf16 does to a result of a projection: widens the bound, and rounds the reference in float,
 * too. Numbers from 65520 on become infinite as f16; where `got` is, and the bound allows for it, so is *expected. */
void clattn_check_narrowing(clattn_type type, float got, double *expected, double *bound, float *naive);

clattn_status clattn_fail_check_memory(clattn_error *error);

/* Number of elements of `keys` or `values`. */
size_t clattn_checked_elements(const clattn_checker *checker, clattn_tensor k_or_v);

/* Check q, k and v; the cached keys and values; the output; scores, weights and context. Each
 * tensor's reference is computed from the device's own input of that stage. */
clattn_status clattn_check_projections(clattn_checker *checker, clattn_error *error);
clattn_status clattn_check_cached(clattn_checker *checker, clattn_error *error);
clattn_status clattn_check_output(clattn_checker *checker, clattn_error *error);
clattn_status clattn_check_stages(clattn_checker *checker, clattn_error *error);

/* Check the tensors that only a traced plan has, in the same way; skip those that are missing. */
clattn_status clattn_check_x_positioned(clattn_checker *checker, clattn_error *error);
clattn_status clattn_check_products(clattn_checker *checker, clattn_error *error);
clattn_status clattn_check_exps(clattn_checker *checker, clattn_error *error);

/* Checks context and log-sum-exp of a fused kernel, from the device's own q, k and v. */
clattn_status clattn_check_fused(clattn_checker *checker, clattn_error *error);

/* Checks context, computed by the reference from the inputs. */
clattn_status clattn_check_end_to_end(clattn_checker *checker, clattn_error *error);

#endif
