/* Judging one tensor, element by element. */
#ifndef CLATTN_COMPARE_H
#define CLATTN_COMPARE_H

#include "clattn_check.h"

#define CLATTN_NOT_FINITE (-1.0)

typedef struct clattn_element {
  float got;
  double expected;  /* scalar path in double */
  float naive;      /* scalar path in float */
  double bound;     /* gate 1; CLATTN_NOT_FINITE: every value that is not finite is right, and no other */
  double magnitude; /* of the terms that were added up */
} clattn_element;

typedef struct clattn_comparison {
  clattn_tensor_check check;
  /* For gate 2, over the whole tensor: */
  double naive_error; /* of the scalar path in float */
  double round_trip;  /* of adding 0.3 and taking it away again in float */
  double magnitude;
} clattn_comparison;

/* index has as many entries as the tensor has dimensions, at most 4. */
void clattn_compare(clattn_comparison *comparison, const size_t *index, int rank, const clattn_element *element);

/* Judges gate 2 and sets check.passed. */
void clattn_comparison_finish(clattn_comparison *comparison);

/* Gate 1 of a sum of `terms` products of total magnitude `magnitude`; `chain` is the longest chain of additions. */
double clattn_bound_product(double magnitude, size_t terms, size_t chain);

/* Gate 1 of a score: the same, and what softcap and bias add. */
double clattn_bound_score(const clattn_problem *problem, double magnitude, size_t chain);

/* Rounding once to a storage type. */
double clattn_bound_narrowing(clattn_type type, double value);

/* Rounding once to bytes that stand for multiples of `step`. */
double clattn_bound_bytes(double step, double value);

/* Gate 1 of x with its position added: both addends are rounded once, and so is their sum. */
double clattn_bound_positioned(double x, double position);

/* Gate 1 of exp(score - row_max), where the two are `distance` apart. */
double clattn_bound_exp(double value, double distance);

/* Gate 1 of the log of a row's sum: that of a weight, which is as far off as the sum, and the log's own rounding. */
double clattn_bound_lse(double lse, double largest_score, size_t keys, size_t chain);

/* Gate 1 of a weight: largest_score is the largest absolute value in the row. It is what rounding and underflow make
 * together. */
double clattn_bound_weight(double weight, double largest_score, size_t keys, size_t chain);
double clattn_bound_weight_rounding(double weight, double largest_score, size_t keys, size_t chain);

/* How much of a weight, or of an exp, can be lost by underflow where the device may make 0 of what is below `smallest`:
 * all of it. Nothing of a weight of 0. */
double clattn_bound_underflow(double weight, double smallest);

/* The magnitude for which gate 2 allows this error. */
double clattn_magnitude_of(double error);

#endif
