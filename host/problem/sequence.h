/* What one query may see: the sequence it belongs to, the keys in its sight, and what is added to its scores. The same
 * for the scalar path, for the library calls and, as sequences, for the kernels. */
#ifndef CLATTN_SEQUENCE_H
#define CLATTN_SEQUENCE_H

#include "clattn_inspect.h"

typedef struct clattn_cached_sequence {
  size_t length;           /* keys that it has */
  size_t before, appended; /* at the last run: what it had, and what was added */
  size_t pages;            /* that it holds, the first entries of its row of the table */
} clattn_cached_sequence;

/* A clattn_cache begins with this: the length of each sequence is all that a problem's meaning depends on. */
typedef struct clattn_cached_lengths {
  clattn_cached_sequence *sequences; /* (batch) */
} clattn_cached_lengths;

/* One of the batch. Tokens count from the sequence's beginning in the batch, or from that of the packed tensor. */
typedef struct clattn_sequence {
  size_t first_query, query_len, first_key, key_len;
  size_t first_new, new_len; /* keys of this run: where they are in k and v; with a cache the others came before them */
  int64_t position;          /* of its query 0 among its keys */
} clattn_sequence;

/* Keys first ... end - 1; empty when first == end. */
typedef struct clattn_span {
  size_t first, end;
} clattn_span;

/* Everything about one row of scores but q and k. */
typedef struct clattn_sight {
  size_t batch, head, kv_head, query; /* query counts within the sequence */
  clattn_sequence sequence;
  clattn_span keys; /* within causality and window; empty for a row behind the sequence's last query */
  int64_t position;
  double slope, sink;           /* 0 and -infinity without */
  const float *bias;            /* of key 0; NULL without */
  const unsigned char *allowed; /* likewise */
  size_t mask_step, mask_len;
} clattn_sight;

/* The lengths in `inputs` must be in order (clattn_check_arguments); NULL: the lengths are full. */
clattn_sequence clattn_sequence_of(const clattn_problem *problem, const clattn_inputs *inputs, size_t batch);
clattn_span clattn_live_keys(const clattn_problem *problem, const clattn_sequence *sequence, size_t query);

/* Of the row that counts (batch, head, query). */
clattn_sight clattn_sight_of(const clattn_problem *problem, const clattn_inputs *inputs, size_t row);

/* What is added to the score of this key: the mask's value, and slope times distance taken away. False: it is masked.
 */
typedef struct clattn_bias {
  double mask, slope, distance;
} clattn_bias;
bool clattn_sight_bias(const clattn_sight *sight, size_t key, clattn_bias *bias);

/* How far position +- window reach: a side without end is as wide as anything can be. */
int64_t clattn_window_left(const clattn_problem *problem);
int64_t clattn_window_right(const clattn_problem *problem);

#endif
