/* Memory for the results of a run that is checked. */
#ifndef CLATTN_CLI_OUTPUTS_H
#define CLATTN_CLI_OUTPUTS_H

#include "clattn_inspect.h"

/* What a run is for: the output, or the context if the problem has no output. */
clattn_tensor outputs_result(const clattn_problem *problem);

/* Allocates an output and fills it with NaN, so that elements that no kernel writes fail the check. False without
 * memory. */
bool outputs_allocate(clattn_outputs *outputs, clattn_tensor tensor, size_t bytes);

/* Frees all outputs that were allocated so. */
void outputs_free(clattn_outputs *outputs);

#endif
