/* Sines and cosines of positions. Angles are computed in double: in float they would be off by 4e-3 at position 64k. */
#ifndef CLATTN_POSITIONS_H
#define CLATTN_POSITIONS_H

#include "problem/sequence.h"

/* Elements of each vector that the rotary embedding rotates. */
size_t clattn_rotary_dim(const clattn_problem *problem);

/* The number that is added to column `column` of x at this position. */
double clattn_sinusoid(const clattn_problem *problem, int64_t position, size_t column);

/* The angle by which the rotary embedding rotates this pair. */
double clattn_rotary_angle(const clattn_problem *problem, int64_t position, size_t pair);

/* The elements of a vector that make up a pair. */
typedef struct clattn_pair {
  size_t first, second;
} clattn_pair;
clattn_pair clattn_rotary_pair(const clattn_problem *problem, size_t pair);

/* Fill rows of the device's tables for `count` positions from `first` on: (count, model_dim), or
 * cos and sin as (count, rotary_dim / 2, 2). */
void clattn_fill_sinusoids(const clattn_problem *problem, int64_t first, size_t count, float *table);
void clattn_fill_rotary(const clattn_problem *problem, int64_t first, size_t count, float *table);

/* The position of a sequence's first new key. */
int64_t clattn_first_key_position(const clattn_sequence *sequence);

/* The position of a token of x, q (as a query) or k (as a key). */
int64_t clattn_token_position(const clattn_problem *problem, const clattn_inputs *inputs, clattn_tensor tensor,
                              size_t token);

/* Rotates one vector: `value` in double, `naive` in float as the device does it. Rotates its bound
 * and magnitude (NULL: not wanted), too. */
typedef struct clattn_turned {
  double *value, *bound, *magnitude;
  float *naive;
} clattn_turned;
void clattn_rotate_float(const clattn_problem *problem, int64_t position, float *vector);
void clattn_rotate(const clattn_problem *problem, int64_t position, const clattn_turned *vector);

#endif
