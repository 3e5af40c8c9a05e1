/* What the result would be if a certain mistake had been made: the scalar path, on inputs that are changed so that it
 * makes that mistake. */
#ifndef CLATTN_CLI_GUESSES_H
#define CLATTN_CLI_GUESSES_H

#include "cli/exercise/cases.h"
#include "cli/exercise/facts.h"

typedef struct evidence {
  const exercise *exercise;
  case_kind kind;
  workload *work;
  bool blank; /* the learner has not begun */
  const clattn_outputs *got, *expected;
  uint64_t wrong; /* tensors of the stage that are out of their bounds, as bits; the view shows the first */
  view view;
  facts facts;
} evidence;

bool is_wrong(const evidence *e, clattn_tensor tensor);

/* The second or the first matrix of a product read along the other axis. Only where it is square, and an input. */
bool guess_other_axis(const evidence *e);
bool guess_first_axis(const evidence *e);

/* A product's sums have one term more, read past the end of the row: the next row's first number, times something. */
bool guess_term_too_many(const evidence *e);

/* Each wrong row is the value of the last key it sees, as if that had the whole weight. */
bool guess_last_key(const evidence *e);

/* Rows and columns of the result exchanged. Only where it is square. */
bool guess_exchanged(const evidence *e);

/* Of a product's sums only the terms first ... end - 1. */
bool guess_terms(const evidence *e, size_t first, size_t end);

/* Where there is one head: each row that is wrong is another row's, or each column another column's. */
bool guess_other_rows(const evidence *e);
bool guess_other_columns(const evidence *e);

/* All rows hold the same numbers, or all columns, and they should not. */
bool guess_rows_alike(const evidence *e);
bool guess_columns_alike(const evidence *e);

/* A row's weights are divided by the sum of some work-items' parts alone: those for which `counts` says so. */
bool guess_parts(const evidence *e, bool (*counts)(size_t item, size_t items));

/* Each row of weights adds up to more than 1, or to less, and to nothing else; or is not divided by its sum at all. */
bool guess_sum_too_small(const evidence *e);
bool guess_sum_too_large(const evidence *e);
bool guess_not_divided(const evidence *e);

#endif
