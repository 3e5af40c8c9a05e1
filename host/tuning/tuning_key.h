/* Which problems share what was found by tuning. */
#ifndef CLATTN_TUNING_KEY_H
#define CLATTN_TUNING_KEY_H

#include "clattn_inspect.h"

/* Sizes that a key may have; 0 for those that its stage has not. */
typedef enum clattn_key_size {
  CLATTN_KEY_HEAD_DIM, /* these two must be the same, ... */
  CLATTN_KEY_VALUE_DIM,
  CLATTN_KEY_QUERY_LEN, /* ... the others are rounded up to powers of 2 and may differ by a factor of 2 */
  CLATTN_KEY_KEY_LEN,
  CLATTN_KEY_ROWS, /* of project and output: a matrix of rows x model_dim times model_dim x columns */
  CLATTN_KEY_MODEL_DIM,
  CLATTN_KEY_COLUMNS,
  CLATTN_KEY_SIZES
} clattn_key_size;

typedef struct clattn_tuning_key {
  clattn_stage stage; /* project for output, too */
  clattn_type type;
  bool few_rows; /* of queries a key head */
  size_t size[CLATTN_KEY_SIZES];
} clattn_tuning_key;

/* "head_dim", ... */
const char *clattn_key_size_name(clattn_key_size size);

/* Whether plans take tuned kernels for this stage. */
bool clattn_is_tuned(clattn_stage stage);

/* Of a stage of the problem that clattn_is_tuned. */
clattn_tuning_key clattn_tuning_key_of(const clattn_problem *problem, clattn_stage stage);

/* How far apart two keys are, in factors of 2 of all sizes together; -1 where one says nothing about the other. */
int clattn_key_distance(const clattn_tuning_key *a, const clattn_tuning_key *b);

#endif
