/* An exam: a small problem whose results the scalar path knows, run by given kernels. */
#ifndef CLATTN_EXAM_H
#define CLATTN_EXAM_H

#include "plan/plan.h"
#include "clattn_check.h"

typedef struct clattn_exam {
  clattn_problem problem;
  clattn_plan *plan; /* NULL until it is created */
  clattn_inputs inputs;
  clattn_outputs outputs;
  void *memory[2 * CLATTN_TENSOR_COUNT];
  clattn_check_report report;
} clattn_exam;

typedef struct clattn_mark {
  bool right;
  char text[CLATTN_ANSWER_TEXT]; /* what was compared, or what was wrong: one line */
} clattn_mark;

/* Tokens of the small problems, with which `few` of the real ones have no few rows. */
enum { CLATTN_EXAM_TOKENS = 70, CLATTN_EXAM_WIDTH = 80 };

/* Small problems for the kernels of a real one, with q, k and v given for the stages of scores, with x for the others:
 * with its head_dim, value_dim and types, on which programs depend. */
clattn_problem clattn_exam_attention(const clattn_problem *real);
clattn_problem clattn_exam_projection(const clattn_problem *real);

/* An exam of which nothing is made yet. */
clattn_exam clattn_exam_of(clattn_problem problem);

/* Draws the inputs, runs and compares. CLATTN_OK: it ran, and the marks can be had. */
clattn_status clattn_exam_take(clattn_exam *e, clattn_error *error);

/* Of the stage's own results, each fed with the device's input of that stage. */
clattn_mark clattn_exam_mark(const clattn_exam *e, clattn_stage stage);

/* The plan and a cache among the inputs, too. */
void clattn_exam_finish(clattn_exam *e);

#endif
