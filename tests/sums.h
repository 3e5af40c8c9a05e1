/* Shared by the calibration tests: float sums in every order that a kernel may use, correct or with
 * a mistake, and inputs for them. */
#ifndef CLATTN_TESTS_SUMS_H
#define CLATTN_TESTS_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum input_kind { RANDOM, CONSTANT, ONE_HOT, OUTLIER, LARGE, POSITIVE, KINDS } input_kind;
typedef enum order { SEQUENTIAL, STRIPS, LANES, TREE, ORDERS } order;
typedef enum mistake {
  NONE,
  DROP_FIRST,
  DROP_LAST,
  DROP_MIDDLE,
  TWICE,
  SCALED,
  NEIGHBOUR,
  ZERO,
  NOT_A_NUMBER,
  HALF_PRECISION,
  LOST_STRIP,
  SIGN,
  MISTAKES
} mistake;

typedef struct sum_input {
  const float *a, *b; /* b: NULL means all ones */
  size_t terms;
  mistake wrong;
} sum_input;

/* Random values from -1 to 1; the same sequence in every run. */
float uniform(void);

void fill(float *values, size_t count, input_kind kind);

/* The summation depth: the longest sequence of additions into one accumulator. */
size_t chain_of(order how, size_t terms);

float to_half(float value); /* 11 significant bits */

/* Sums sequentially, in strips, in 16 lanes, or as a tree. */
float sum_in(const sum_input *in, order how, bool fused);

#endif
