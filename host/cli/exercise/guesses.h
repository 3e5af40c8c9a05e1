/* Each guess tells whether a certain mistake explains the result. Many run the reference on
 * inputs that are changed so that it makes the mistake. */
#ifndef CLATTN_CLI_GUESSES_H
#define CLATTN_CLI_GUESSES_H

#include "cli/exercise/cases.h"
#include "cli/exercise/facts.h"

typedef struct evidence {
  const exercise *exercise;
  case_kind kind;
  workload *work;
  bool blank; /* the learner has not written any code */
  const clattn_outputs *got, *expected;
  uint64_t wrong; /* tensors of the stage outside their bounds, as bits; `view` is the first */
  view view;
  facts facts;
} evidence;

bool is_wrong(const evidence *e, clattn_tensor tensor);

/* The second or the first matrix of a product is read along the other axis. Only if it is square
 * and an input. */
bool guess_other_axis(const evidence *e);
bool guess_first_axis(const evidence *e);

/* Each row is the value of its last key, as if that had all the weight. */
bool guess_last_key(const evidence *e);

/* Rows and columns of the result are exchanged. Only if it is square. */
bool guess_exchanged(const evidence *e);

/* The sums of a product have only the terms first ... end - 1. */
bool guess_terms(const evidence *e, size_t first, size_t end);

/* With one head: each row equals some row of the expected result, or each column some column. */
bool guess_other_rows(const evidence *e);
bool guess_other_columns(const evidence *e);

/* All rows are the same, or all columns, and should not be. */
bool guess_rows_alike(const evidence *e);
bool guess_columns_alike(const evidence *e);

/* The weights of a row are divided by the sum of only some work-items' parts: those for which
 * `counts` is true. */
bool guess_parts(const evidence *e, bool (*counts)(size_t item, size_t items));

/* Each row of weights adds up to more than 1; or to less; or is not divided by its sum at all. */
bool guess_sum_too_small(const evidence *e);
bool guess_sum_too_large(const evidence *e);
bool guess_not_divided(const evidence *e);

#endif
