/* Shared by the files that hold outputs against the scalar path. */
#ifndef CLATTN_CHECKER_H
#define CLATTN_CHECKER_H

#include "check/compare.h"
#include "reference/linear.h"
#include "plan/plan.h"
#include "clattn_check.h"
#include "problem/shape.h"

typedef struct clattn_checker {
  const clattn_problem *asked; /* the problem as the caller asked for it: its keys are the run's new ones */
  const clattn_problem *seen;  /* the problem as the run saw it: with a cache its key_len counts all cached keys */
  const clattn_inputs *inputs;
  const clattn_floats *floats; /* the same, as floats */
  const clattn_outputs *outputs;
  const clattn_plan_info *plan;
  const float *keys, *values; /* what scores and context read: (tokens, heads, dim), or of a cache (batch, keys, ...) */
  const size_t *row;          /* to check, ascending; NULL: all */
  size_t row_count;
  clattn_check_report *report;
  double flops[CLATTN_STAGE_COUNT]; /* of the scalar path in float so far; its time is in the report */
} clattn_checker;

/* Everything a stage needs for one row of `width` results; one allocation. */
typedef struct clattn_row_buffers {
  double *expected, *magnitude, *bound, *input;
  float *naive;
  void *memory; /* free() this */
} clattn_row_buffers;

size_t clattn_checker_row(const clattn_checker *checker, size_t i);
clattn_sight clattn_checker_sight(const clattn_checker *checker, size_t i);

/* Whether the sequence has this row's query: packed sequences may be shorter than the longest. */
bool clattn_row_exists(const clattn_sight *sight);
clattn_columns clattn_keys_in_sight(const clattn_sight *sight);

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
/* Compares `width` results from buffers->expected, bound, magnitude and naive; index's last entry counts on from what
 * it is. */
void clattn_check_row(clattn_comparison *comparison, const size_t *index, int rank, const float *got, size_t width,
                      const clattn_row_buffers *buffers);
/* The i-th checked row in one of the outputs that have a row of keys for each query, and such a row compared. */
const float *clattn_checked_row(const clattn_checker *checker, const float *all, size_t i);
void clattn_check_keys(const clattn_checker *checker, clattn_comparison *comparison, const clattn_sight *sight,
                       const float *got, const clattn_row_buffers *buffers);
/* One head's part of a row of context, likewise. */
void clattn_check_context(const clattn_checker *checker, const clattn_sight *sight, const clattn_row_buffers *buffers,
                          clattn_comparison *comparison);
void clattn_check_finish(clattn_checker *checker, clattn_comparison *comparison);

/* The index, by the tensor's shape, of the element that has `element` others before it. Returns the rank. */
int clattn_element_index(const clattn_problem *problem, clattn_tensor tensor, size_t element, size_t index[4]);

/* Whether scores, softmax and context were one kernel. */
bool clattn_checks_fused(const clattn_checker *checker);

/* The longest chain of additions of scores, softmax or context, or of the part that a fused kernel has of them. */
size_t clattn_checker_chain(const clattn_checker *checker, clattn_stage stage);

/* The largest score of the row in absolute value, the sink among them. */
double clattn_largest_score(const double *scores, size_t count, double sink);

clattn_status clattn_fail_check_memory(clattn_error *error);

/* Elements of `keys` or `values`. */
size_t clattn_checked_elements(const clattn_checker *checker, clattn_tensor k_or_v);

/* Each from the device's own input of its stage: q, k, v, what the cache made of them, and output; scores, weights,
 * their like, and context. */
clattn_status clattn_check_projections(clattn_checker *checker, clattn_error *error);
clattn_status clattn_check_cached(clattn_checker *checker, clattn_error *error);
clattn_status clattn_check_output(clattn_checker *checker, clattn_error *error);
clattn_status clattn_check_stages(clattn_checker *checker, clattn_error *error);

/* What a traced plan has besides, where it is there: each from the device's own input, too. */
clattn_status clattn_check_x_positioned(clattn_checker *checker, clattn_error *error);
clattn_status clattn_check_products(clattn_checker *checker, clattn_error *error);
clattn_status clattn_check_exps(clattn_checker *checker, clattn_error *error);

/* Context and log-sum-exp of a fused kernel, from the device's own q, k and v. */
clattn_status clattn_check_fused(clattn_checker *checker, clattn_error *error);

/* Context all the way from the inputs. */
clattn_status clattn_check_end_to_end(clattn_checker *checker, clattn_error *error);

#endif
