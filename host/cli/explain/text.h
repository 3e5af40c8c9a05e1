/* Prints a walk as text. */
#ifndef CLATTN_CLI_EXPLAIN_TEXT_H
#define CLATTN_CLI_EXPLAIN_TEXT_H

#include "cli/explain/walk.h"

/* Prints the input and the device. */
void text_begin(const walk *w);

/* Prints a step: its matrix, how its elements are computed, its heat map if it has one, and
 * sentences about it. */
void text_step(const walk_step *step, size_t number);

/* Prints the result of the check, and notes on mistakes in the article. */
void text_end(const walk *w);

/* Prints only the table. */
void text_table(const walk_step *step);

/* A number as in tables, "masked" for -inf; with the given number of decimals, or as many as it
 * needs. */
const char *text_number(double value, int digits, char text[24]);
const char *text_own_digits(double value, char text[24]);

#endif
