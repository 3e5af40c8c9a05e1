/* Where a result differs from what was expected, and what can be seen of it. */
#ifndef CLATTN_CLI_FACTS_H
#define CLATTN_CLI_FACTS_H

#include "clattn_inspect.h"

/* A tensor as (pairs, rows, columns): pairs of batch and head; of q, k and v the batch alone, all heads in a row. */
typedef struct view {
  clattn_tensor tensor;
  size_t pairs, rows, columns;
  size_t heads; /* of the pairs */
  clattn_strides stride;
  const float *got, *again; /* from two runs on the same inputs */
  float *expected;
} view;

/* Its sizes and strides; got, again and expected stay to be set. */
view view_of(const clattn_problem *problem, clattn_tensor tensor);

size_t view_at(const view *v, size_t pair, size_t row, size_t column);

/* Whether two numbers are as near as float arithmetic brings them. */
bool is_near(float got, float expected);

/* Whether all of v->got is near to this. */
bool view_is(const view *v, const float *expected);

typedef struct place {
  size_t pair, row, column;
} place;

typedef struct facts {
  size_t all, wrong;
  size_t zeros, unwritten, unsteady;             /* of the wrong ones */
  size_t not_finite;                             /* neither unwritten nor -infinity */
  size_t hidden, shown;                          /* -infinity that should be finite, and the other way round */
  size_t wrong_pairs, wrong_rows, wrong_columns; /* that have any */
  place first, last;                             /* the least and largest pair, row and column of those */
  place example;                                 /* the first of all */
  bool begin_right, end_right;                   /* the first element of the first pair, and the last */
  double factor;                                 /* by which all of them are off alike; 1 if there is none */
} facts;

facts facts_of(const view *v);

#endif
