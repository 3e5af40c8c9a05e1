/* Shared by the files that hold outputs against the scalar path. */
#ifndef CLATTN_CHECK_H
#define CLATTN_CHECK_H

#include "compare.h"
#include "plan.h"
#include "shape.h"

typedef struct clattn_checker {
  const clattn_problem *problem;
  const clattn_inputs *inputs;
  const clattn_outputs *outputs;
  const clattn_plan_info *plan;
  const size_t *row; /* to check, ascending; NULL: all */
  size_t row_count;
  clattn_check_report *report;
  double flops[CLATTN_STAGE_COUNT]; /* of the scalar path in float so far; its time is in the report */
} clattn_checker;

/* Where a row of (batch, head, query) lies, and how many keys it sees. */
typedef struct clattn_place {
  size_t batch, head, query, live;
} clattn_place;

/* Everything a stage needs for one row of `width` results; one allocation. */
typedef struct clattn_row_buffers {
  double *expected, *magnitude, *bound, *input;
  float *naive;
  void *memory; /* free() this */
} clattn_row_buffers;

size_t clattn_checker_row(const clattn_checker *checker, size_t i);
clattn_place clattn_place_of(const clattn_problem *problem, size_t row);
size_t clattn_place_offset(clattn_strides strides, clattn_place at, size_t row);

bool clattn_row_buffers_allocate(clattn_row_buffers *buffers, size_t width, size_t input_width);
double *clattn_to_double(const float *from, size_t count); /* malloc'ed; NULL without memory */

/* Largest absolute value; NaN and infinities do not count. */
double clattn_largest_finite(const double *values, size_t count);

clattn_comparison clattn_check_begin(clattn_tensor tensor, bool end_to_end);
/* One row of a head of context, from buffers->expected, bound, magnitude and naive. */
void clattn_check_context_row(const clattn_checker *checker, clattn_comparison *comparison, clattn_place at,
                              const clattn_row_buffers *buffers);
void clattn_check_finish(clattn_checker *checker, clattn_comparison *comparison);

clattn_status clattn_fail_check_memory(clattn_error *error);

/* Every tensor from the device's own input of its stage. */
clattn_status clattn_check_stages(clattn_checker *checker, clattn_error *error);

/* Context all the way from X. */
clattn_status clattn_check_end_to_end(clattn_checker *checker, clattn_error *error);

#endif
