/* Shares the work of the CPU's contestants among the cores, with OpenMP if the program was built
 * with it. */
#ifndef CLATTN_CLI_TEAM_H
#define CLATTN_CLI_TEAM_H

#include <stdbool.h>
#include <stddef.h>

#include "clattn_check.h"

/* Whether the program was built with OpenMP. */
bool team_exists(void);

/* The number of threads; 1 without OpenMP. */
size_t team_size(void);

/* As clattn_loop.run; one after the other without OpenMP. */
void team_run(size_t pieces, void (*piece)(void *of, size_t i), void *of);

#endif
