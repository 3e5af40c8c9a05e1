/* Where and how a result differs from the expected one. */
#ifndef CLATTN_CLI_FACTS_H
#define CLATTN_CLI_FACTS_H

#include "clattn_inspect.h"

/* A tensor as (pairs, rows, columns). A pair is a batch and a head; for q, k and v only a batch,
 * with all heads in a row. */
typedef struct view {
  clattn_tensor tensor;
  size_t pairs, rows, columns;
  size_t heads; /* in the pairs */
  clattn_strides stride;
  float least;              /* a smaller magnitude may differ as much as this one */
  const float *got, *again; /* from two runs on the same inputs */
  float *expected;
} view;

/* Sets sizes and strides; the caller sets got, again and expected. */
view view_of(const clattn_problem *problem, clattn_tensor tensor);

size_t view_at(const view *v, size_t pair, size_t row, size_t column);

/* Whether two numbers agree within the accuracy of the arithmetic: float, or float with weights that are rounded to
 * the type of the inputs. */
bool is_near(const view *v, float got, float expected);

/* Whether all of v->got agrees with `expected`. */
bool view_is(const view *v, const float *expected);

typedef struct place {
  size_t pair, row, column;
} place;

typedef struct facts {
  size_t all, wrong;
  size_t zeros, unwritten, unsteady;             /* among the wrong ones; unsteady: differing between runs */
  size_t not_finite;                             /* neither unwritten nor -infinity */
  size_t hidden, shown;                          /* -infinity instead of a finite number, and the reverse */
  size_t wrong_pairs, wrong_rows, wrong_columns; /* with any wrong element */
  place first, last;                             /* their smallest and largest pair, row and column */
  place example;                                 /* the first wrong element */
  bool begin_right, end_right; /* whether the first and the last element of the first pair are right */
  double factor;               /* by which all elements are off; 1: there is none */
} facts;

facts facts_of(const view *v);

#endif
