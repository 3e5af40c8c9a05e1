/* Results as .npy files. */
#ifndef CLATTN_CLI_SAVE_H
#define CLATTN_CLI_SAVE_H

#include "clattn.h"

/* Before anything is computed: whether `file` can be written, and `folder` made if it is not there. Each may be NULL.
 * Returns -1 to go on, or the exit code after a complaint. */
int save_prepare(const clattn_plan *plan, const clattn_problem *problem, const char *file, const char *folder);

/* The output, or else the context, to `file`, everything that the plan has to `folder`. Returns as save_prepare. */
int save_outputs(const clattn_plan *plan, const clattn_problem *problem, const clattn_outputs *outputs,
                 const char *file, const char *folder);

#endif
