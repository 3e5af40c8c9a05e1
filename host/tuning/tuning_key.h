/* Defines which problems share tuning results. */
#ifndef CLATTN_TUNING_KEY_H
#define CLATTN_TUNING_KEY_H

#include "clattn_inspect.h"

/* Sizes that a key may have; 0 if its stage does not use them. */
typedef enum clattn_key_size {
  CLATTN_KEY_HEAD_DIM, /* these two must be equal */
  CLATTN_KEY_VALUE_DIM,
  CLATTN_KEY_QUERY_LEN, /* the others are rounded up to powers of 2 and may differ by a factor of 2 */
  CLATTN_KEY_KEY_LEN,
  CLATTN_KEY_ROWS, /* for project and output, a matrix product of (rows x model_dim) and (model_dim x columns) */
  CLATTN_KEY_MODEL_DIM,
  CLATTN_KEY_COLUMNS,
  CLATTN_KEY_SIZES
} clattn_key_size;

typedef struct clattn_tuning_key {
  clattn_stage stage; /* CLATTN_STAGE_PROJECT also stands for the output stage */
  clattn_type type;
  clattn_math math; /* CLATTN_MATH_STORED only where it makes a difference to the stage */
  bool few_rows;    /* whether each KV head has few query rows */
  size_t size[CLATTN_KEY_SIZES];
} clattn_tuning_key;

/* "head_dim", ... */
const char *clattn_key_size_name(clattn_key_size size);

/* The key of a stage of the problem, for which clattn_stage_is_tuned() is true. */
clattn_tuning_key clattn_tuning_key_of(const clattn_problem *problem, clattn_stage stage);

/* The distance of two keys, in factors of 2 summed over all sizes; -1 if a result for one is not
 * valid for the other. */
int clattn_key_distance(const clattn_tuning_key *a, const clattn_tuning_key *b);

#endif
