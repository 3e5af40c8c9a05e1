/* The bounds that decide whether a tensor is right, element by element. */
#ifndef CLATTN_COMPARE_H
#define CLATTN_COMPARE_H

#include "clattn_check.h"

#define CLATTN_NOT_FINITE (-1.0)

typedef struct clattn_element {
  float got;
  double expected;  /* reference in double */
  float naive;      /* reference in float */
  double bound;     /* gate 1; CLATTN_NOT_FINITE: only NaN and infinities are right */
  double magnitude; /* sum of the absolute values of the terms */
} clattn_element;

typedef struct clattn_comparison {
  clattn_tensor_check check;
  /* For gate 2, over the whole tensor: */
  double naive_error; /* largest error of the reference in float */
  double round_trip;  /* largest error of adding and subtracting 0.3 in float */
  double magnitude;
} clattn_comparison;

/* index has as many entries as the tensor has dimensions, at most 4. */
void clattn_compare(clattn_comparison *comparison, const size_t *index, int rank, const clattn_element *element);

/* Applies gate 2 and sets check.passed. */
void clattn_comparison_finish(clattn_comparison *comparison);

/* Gate 1 of a sum of `terms` products of total magnitude `magnitude`; `chain` is the summation
 * depth. */
double clattn_bound_product(double magnitude, size_t terms, size_t chain);

/* What such a sum may be off where its operands are halves and up to `chain` products are added up in
 * half; 0 for a chain of 0. Add it to the above. */
double clattn_bound_half_product(double magnitude, size_t terms, size_t chain);

/* The terms of a sum: the sum, and those of their absolute values and of their squares. */
typedef struct clattn_terms {
  double sum, magnitude, squares;
} clattn_terms;

void clattn_terms_add(clattn_terms *terms, double term);

/* The magnitude for which gate 2 allows what such a sum is off at most in practice. */
double clattn_half_magnitude(const clattn_terms *terms, size_t chain);

/* The same for a sum whose factors were rounded: `roundings` are the bounds of what that changes in each
 * term, with the term's sign. */
double clattn_rounded_magnitude(const clattn_terms *roundings);

/* Gate 1 of a score: the same plus the roundings of softcap and bias. */
double clattn_bound_score(const clattn_problem *problem, double magnitude, size_t chain);

/* Bound of one rounding to a storage type. */
double clattn_bound_narrowing(clattn_type type, double value);

/* Bound of one rounding to int8, in multiples of `step`. */
double clattn_bound_bytes(double step, double value);

/* What an element becomes as a nibble of a group with this scale, and the bound of what is read back.
 * A group without a scale (NaN) is NaN. */
double clattn_nibble(double scale, double value, double *bound);

/* Gate 1 of x with its position added. */
double clattn_bound_positioned(double x, double position);

/* Gate 1 of exp(score - row_max); `distance` is row_max - score. */
double clattn_bound_exp(double value, double distance);

/* Gate 1 of log-sum-exp: the bound of a weight, whose error is the sum's, plus the rounding of
 * log. */
double clattn_bound_lse(double lse, double largest_score, size_t keys, size_t chain);

/* Gate 1 of the log-sum-exp and of the weights of parts that are merged two at a time. largest: the largest
 * absolute log-sum-exp; distance: by how much a part's is below the merged one. */
double clattn_bound_merged_lse(size_t parts, double largest);
double clattn_bound_merged_weight(double weight, double distance, size_t parts, double largest);

/* Gate 1 of a weight, from rounding and underflow together. largest_score is the largest absolute
 * score in the row. The second function gives the part of rounding. */
double clattn_bound_weight(double weight, double largest_score, size_t keys, size_t chain);
double clattn_bound_weight_rounding(double weight, double largest_score, size_t keys, size_t chain);

/* Error of a weight or exp by underflow, on a device that may flush numbers below `smallest` to 0;
 * 0 for a weight of 0. */
double clattn_bound_underflow(double weight, double smallest);

/* The magnitude for which gate 2 allows `error`. */
double clattn_magnitude_of(double error);

#endif
