/* The positions of tokens, and the sines and cosines that are added to x. */
#ifndef CLATTN_POSITIONS_H
#define CLATTN_POSITIONS_H

#include "problem/sequence.h"

/* The positions of `count` tokens: ids, or where they are NULL first, first + 1, ... */
typedef struct clattn_position_list {
  const int32_t *id;
  int64_t first;
  size_t count;
} clattn_position_list;
int64_t clattn_position_at(const clattn_position_list *list, size_t i);

/* The number that is added to column `column` of x at this position. */
double clattn_sinusoid(const clattn_problem *problem, int64_t position, size_t column);

/* Fills rows of the device's table: (count, model_dim). */
void clattn_fill_sinusoids(const clattn_problem *problem, const clattn_position_list *positions, float *table);

/* The ids of the tokens of x, q or k; NULL: a token's place in its sequence is its position. */
const int32_t *clattn_position_ids_of(const clattn_problem *problem, const clattn_inputs *inputs, clattn_tensor tensor);

/* The place of a sequence's first query and of its first new key, counted from its first key. */
int64_t clattn_first_query_position(const clattn_sequence *sequence);
int64_t clattn_first_key_position(const clattn_sequence *sequence);

/* The position of a token of x, q (as a query) or k (as a key). */
int64_t clattn_token_position(const clattn_problem *problem, const clattn_inputs *inputs, clattn_tensor tensor,
                              size_t token);

/* The largest position of the run's tokens, padding too, + 1. inputs: NULL for full lengths. */
int64_t clattn_positions_end(const clattn_problem *problem, const clattn_inputs *inputs);

/* CLATTN_INVALID_ARGUMENT where ids, cosines or sines are missing, or a position is out of range: below 0, or beyond
 * the cosines and sines. With a cache call it after the cache has counted the new keys. */
clattn_status clattn_check_positions(const clattn_problem *problem, const clattn_inputs *inputs, clattn_error *error);

#endif
