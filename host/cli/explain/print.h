/* Prints texts of the walk on standard output. */
#ifndef CLATTN_CLI_EXPLAIN_PRINT_H
#define CLATTN_CLI_EXPLAIN_PRINT_H

#include "explain/out.h"
#include "explain/walk.h"

/* An empty text, coloured if standard output may be. */
out print_begin(void);

/* Prints and frees the text; complains where memory for it was missing. */
void print_out(out *o);

/* Print what comes before the steps of a walk, a step, and what comes after them. */
void print_begin_of(const walk *w);
void print_step(const walk *w, size_t step);
void print_end_of(const walk *w);

/* Prints only the table of a step. */
void print_table(const walk_step *step);

/* Whether a text could not be printed, so that the command must not end as if all were well. */
bool print_failed(void);

#endif
