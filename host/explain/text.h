/* Writes a walk as text. */
#ifndef CLATTN_EXPLAIN_TEXT_H
#define CLATTN_EXPLAIN_TEXT_H

#include "explain/out.h"
#include "explain/walk.h"

/* Writes the input and the device. */
void clattn_text_begin(out *o, const walk *w);

/* Writes a step: its matrix, how its elements are computed, its heat map if it has one, and
 * sentences about it. */
void clattn_text_step(out *o, const walk_step *step, size_t number);

/* Writes the result of the check, and notes on mistakes in the article. */
void clattn_text_end(out *o, const walk *w);

/* Writes only the table. */
void clattn_text_table(out *o, const walk_step *step);

/* A number as in tables, "masked" for -inf; with the given number of decimals, or as many as it
 * needs. */
const char *clattn_text_number(double value, int digits, char text[24]);
const char *clattn_text_own_digits(double value, char text[24]);

#endif
