/* The keys that one query may see: its sequence, its range of visible keys, and what is added to
 * its scores. The reference, the library calls and (as sequences) the kernels all use this. */
#ifndef CLATTN_SEQUENCE_H
#define CLATTN_SEQUENCE_H

#include "clattn_inspect.h"

typedef struct clattn_cached_sequence {
  size_t length;           /* keys that are held */
  size_t before, appended; /* keys before the last run, and keys that it added */
  size_t pages;            /* pages in use: the first entries of its row in the page table */
  size_t dropped, window;  /* keys that a rolling window has dropped before the first that is held; that window */
} clattn_cached_sequence;

/* First member of clattn_cache: of a cache this file needs only the lengths. */
typedef struct clattn_cached_lengths {
  clattn_cached_sequence *sequences; /* (batch) */
} clattn_cached_lengths;

/* One sequence of the batch. first_query, first_key and first_new count tokens from the beginning
 * of the packed tensor; without packing they are 0. */
typedef struct clattn_sequence {
  size_t first_query, query_len, first_key, key_len;
  size_t first_new, new_len; /* keys of this run in k and v; a cache has older keys before them */
  int64_t position;          /* of query 0 among the keys */
  int64_t dropped;           /* keys that a cache held before key 0; positions of tokens count them */
} clattn_sequence;

/* Keys first ... end - 1; empty when first == end. */
typedef struct clattn_span {
  size_t first, end;
} clattn_span;

/* Everything that one row of scores needs besides q and k. */
typedef struct clattn_score_row {
  size_t batch, head, kv_head, query; /* query counts within the sequence */
  clattn_sequence sequence;
  clattn_span keys; /* visible keys by causality and window; none for a row after the last query */
  int64_t position;
  double slope, sink;           /* 0 and -infinity if the problem has none */
  const float *bias;            /* mask value of key 0; NULL: no float mask */
  const unsigned char *allowed; /* of key 0; NULL: no bool mask */
  size_t mask_step, mask_len;
} clattn_score_row;

/* The lengths in `inputs` must have passed clattn_check_arguments(); NULL: full lengths. */
clattn_sequence clattn_sequence_of(const clattn_problem *problem, const clattn_inputs *inputs, size_t batch);
clattn_span clattn_live_keys(const clattn_problem *problem, const clattn_sequence *sequence, size_t query);

/* `row` numbers the rows as (batch, head, query). */
clattn_score_row clattn_score_row_of(const clattn_problem *problem, const clattn_inputs *inputs, size_t row);

/* Gets the bias of this key's score, which is mask - slope * distance. false: the key is masked. */
typedef struct clattn_bias {
  double mask, slope, distance;
} clattn_bias;
bool clattn_score_row_bias(const clattn_score_row *score_row, size_t key, clattn_bias *bias);

/* Window sizes; CLATTN_UNBOUNDED becomes INT_MAX. A causal problem's right side is at most 0. */
int64_t clattn_window_left(const clattn_problem *problem);
int64_t clattn_window_right(const clattn_problem *problem);

#endif
