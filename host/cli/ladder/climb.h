/* Takes a device up the rungs of a stage. */
#ifndef CLATTN_CLI_CLIMB_H
#define CLATTN_CLI_CLIMB_H

#include "cli/ladder/ladder.h"
#include "cli/input/workload.h"

/* Finds the rungs of stage->stage and what the problem costs; everything else of `w` is set. Returns as climb does. */
int climb_prepare(stage_ladder *stage, const workload *w);

/* Checks and times all rungs, and predicts nothing; `step` is called before each. GO_ON, or the exit code at which to
 * stop, after a complaint. */
int climb(stage_ladder *stage, const workload *w, void (*step)(void *of, const rung *rung), void *of);

#endif
