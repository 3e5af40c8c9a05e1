/* What the result would be if a certain mistake had been made: the scalar path, on inputs that are changed so that it
 * makes that mistake. */
#ifndef CLATTN_CLI_GUESSES_H
#define CLATTN_CLI_GUESSES_H

#include "cases.h"
#include "facts.h"

typedef struct evidence {
  const exercise *exercise;
  case_kind kind;
  workload *work;
  view view;
  facts facts;
} evidence;

/* The second matrix of a product read along the other axis. Told where it is square alone. */
bool guess_other_axis(const evidence *e);

/* Rows and columns of the result exchanged. Told where it is square alone. */
bool guess_exchanged(const evidence *e);

/* Of a product's sums only the terms first ... end - 1. */
bool guess_terms(const evidence *e, size_t first, size_t end);

/* Each row that is wrong is another row's, or each column another column's. */
bool guess_other_rows(const evidence *e);
bool guess_other_columns(const evidence *e);

/* A row's weights are divided by the sum of some work-items' parts alone: those for which `counts` says so. */
bool guess_parts(const evidence *e, bool (*counts)(size_t item, size_t items));

#endif
