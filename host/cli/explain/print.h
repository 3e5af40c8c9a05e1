/* Prints texts of the walk on standard output. */
#ifndef CLATTN_CLI_EXPLAIN_PRINT_H
#define CLATTN_CLI_EXPLAIN_PRINT_H

#include "explain/out.h"
#include "explain/walk.h"

/* An empty text, coloured if standard output may be. */
out print_begin(void);

/* Prints and frees the text. False after a complaint. */
bool print_out(out *o);

/* Print what comes before the steps of a walk, a step, and what comes after them. False after a complaint. */
bool print_begin_of(const walk *w);
bool print_step(const walk *w, size_t step);
bool print_end_of(const walk *w);

/* Prints only the table of a step. False after a complaint. */
bool print_table(const walk_step *step);

#endif
