/* Results as .npy files. */
#ifndef CLATTN_CLI_SAVE_H
#define CLATTN_CLI_SAVE_H

#include "clattn.h"

/* Makes the folder if it is not there (NULL: nothing to do), before anything is computed for it. Returns -1 to go on,
 * or the exit code after a complaint. */
int save_prepare(const char *folder);

/* Context to `file`, everything to `folder`; each may be NULL. Returns as save_prepare. */
int save_outputs(const clattn_problem *problem, const clattn_outputs *outputs, const char *file, const char *folder);

#endif
