/* A walk as text. */
#ifndef CLATTN_CLI_EXPLAIN_TEXT_H
#define CLATTN_CLI_EXPLAIN_TEXT_H

#include "cli/explain/walk.h"

/* What is walked through, and where. */
void text_begin(const walk *w);

/* One step: its matrix, how its elements came to be, a heat map where it has one, and what it says. */
void text_step(const walk_step *step, size_t number);

/* What the check said, and the article's own slips. */
void text_end(const walk *w);

/* A table of numbers alone. */
void text_table(const walk_step *step);

/* A number as tables have it, "masked" for -inf; and with as many digits as it needs itself. */
const char *text_number(double value, int digits, char text[24]);
const char *text_own_digits(double value, char text[24]);

#endif
