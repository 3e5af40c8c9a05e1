/* Checks and times the rungs of a stage on a device. */
#ifndef CLATTN_CLI_CLIMB_H
#define CLATTN_CLI_CLIMB_H

#include "cli/ladder/ladder.h"
#include "cli/input/workload.h"

/* Lists the rungs of stage->stage and computes what the problem costs. The caller has set `w`.
 * Returns as climb does. / */
int climb_prepare(stage_ladder *stage, const workload *w);

/* Checks and times all rungs; does not predict. Calls `step` before each. Returns GO_ON, or the
 * exit code after a complaint. */
int climb(stage_ladder *stage, const workload *w, void (*step)(void *of, const rung *rung), void *of);

#endif
