/* What a cache holds before a run. */
#ifndef CLATTN_CLI_PAST_H
#define CLATTN_CLI_PAST_H

#include "cli/input/input.h"

/* If the problem has a cache: creates it, appends the past, and sets input->inputs.cache; else
 * *cache stays NULL. *seen becomes the problem as a run sees it. Returns GO_ON, or the exit code
 * after a complaint. */
int past_load(clattn_device *device, input *in, clattn_cache **cache, clattn_problem *seen);

#endif
