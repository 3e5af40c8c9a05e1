/* A test case: a small problem; its results by given kernels are compared with the reference. */
#ifndef CLATTN_TEST_CASE_H
#define CLATTN_TEST_CASE_H

#include "plan/plan.h"
#include "clattn_check.h"

typedef struct clattn_test_case {
  clattn_problem problem;
  clattn_plan *plan; /* NULL until it is created */
  clattn_inputs inputs;
  clattn_outputs outputs;
  void *output_alone; /* of a run without context, where the fused kernel stores the output; else NULL */
  void *memory[2 * CLATTN_TENSOR_COUNT];
  clattn_check_report report;
} clattn_test_case;

typedef struct clattn_case_result {
  bool passed;
  char text[CLATTN_TEST_TEXT]; /* one line: what was compared, or what was wrong */
} clattn_case_result;

/* Sequence length of the small problems, long enough that clattn_has_few_rows() is false, columns of x, and
 * tokens of a page. */
enum { CLATTN_TEST_CASE_TOKENS = 70, CLATTN_TEST_CASE_WIDTH = 80, CLATTN_TEST_CASE_PAGE = 16 };

/* Small problems for the kernels of a real problem: q, k and v are given for the stages that work
 * on scores, x for the others. head_dim, value_dim and types, on which programs depend, are the
 * real problem's. */
clattn_problem clattn_test_case_attention(const clattn_problem *real);
clattn_problem clattn_test_case_projection(const clattn_problem *real);

/* A case without a plan and memory. */
clattn_test_case clattn_test_case_of(clattn_problem problem);

/* Draws the inputs, makes the cache, runs and compares. CLATTN_OK: clattn_test_case_result can be called. */
clattn_status clattn_test_case_run(clattn_test_case *e, clattn_error *error);

/* Whether this stage's results are right, given the device's own input of the stage. */
clattn_case_result clattn_test_case_result(const clattn_test_case *e, clattn_stage stage);

/* Frees everything, including the plan and the cache in `inputs`. */
void clattn_test_case_finish(clattn_test_case *e);

#endif
