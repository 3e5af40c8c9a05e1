/* The cores that the CPU's contestants share out their work to: by OpenMP, where the program was built with it. */
#ifndef CLATTN_CLI_TEAM_H
#define CLATTN_CLI_TEAM_H

#include <stdbool.h>
#include <stddef.h>

#include "clattn_check.h"

/* Whether there is one. */
bool team_exists(void);

/* Its threads; 1 without. */
size_t team_size(void);

/* As clattn_loop.run: one after the other without a team. */
void team_run(size_t pieces, void (*piece)(void *of, size_t i), void *of);

#endif
