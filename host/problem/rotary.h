/* The rotary embedding: the angles of a run, and rotation on the host. Angles are computed in double: in float they
 * would be off by 4e-3 at position 64k. */
#ifndef CLATTN_ROTARY_H
#define CLATTN_ROTARY_H

#include "problem/positions.h"
#include "problem/scaling.h"

/* Elements of each vector that are rotated. */
size_t clattn_rotary_dim(const clattn_problem *problem);

/* The elements of a vector that make up a pair. */
typedef struct clattn_pair {
  size_t first, second;
} clattn_pair;
clattn_pair clattn_rotary_pair(const clattn_problem *problem, size_t pair);

/* The embedding as one run has it. inputs: NULL for full lengths; given cosines and sines are missing then. */
typedef struct clattn_rotary_run {
  const clattn_problem *problem;
  clattn_scaled scaled;
  const float *cos, *sin; /* the caller's, (rotary_rows, rotary_dim / 2); NULL: computed */
} clattn_rotary_run;
clattn_rotary_run clattn_rotary_of(const clattn_problem *problem, const clattn_inputs *inputs);

/* The angle of a pair from one position to the next, where cosines and sines are computed. */
double clattn_rotary_frequency(const clattn_rotary_run *run, size_t pair);

/* What a pair is multiplied by at a position. */
typedef struct clattn_turn {
  double cos, sin;
} clattn_turn;
clattn_turn clattn_rotary_turn(const clattn_rotary_run *run, int64_t position, size_t pair);

/* Fills rows of the device's table: cos and sin as (count, rotary_dim / 2, 2). */
void clattn_fill_rotary(const clattn_rotary_run *run, const clattn_position_list *positions, float *table);

/* Rotates one vector: `value` in double, `naive` in float as the device does it. Rotates its bound
 * and magnitude (NULL: not wanted), too. */
typedef struct clattn_turned {
  double *value, *bound, *magnitude;
  float *naive;
} clattn_turned;
void clattn_rotate_float(const clattn_rotary_run *run, int64_t position, float *vector);
void clattn_rotate(const clattn_rotary_run *run, int64_t position, const clattn_turned *vector);

#endif
