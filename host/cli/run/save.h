/* Results as .npy files. */
#ifndef CLATTN_CLI_SAVE_H
#define CLATTN_CLI_SAVE_H

#include "clattn_inspect.h"
#include "cli/options/options.h"

/* What a run saves, and where. */
typedef struct saving {
  const run_options *options; /* --out, --save, and the input files, which must not be overwritten */
  const clattn_plan *plan;
  const clattn_problem *problem; /* of the plan */
  const clattn_problem *seen;    /* as the run sees it (clattn_cache_problem) */
} saving;

/* Checks, before anything is computed or written, that each file can be written and is not one
 * of the inputs. Makes the folder if it is missing. Does not use `seen`. Returns GO_ON, or the
 * exit code after a complaint. */
int save_prepare(const saving *saving);

/* Writes the output, or the context if there is no output, to --out, and all tensors of the plan
 * to --save. Returns GO_ON, or the exit code after a complaint. */
int save_outputs(const saving *saving, const clattn_outputs *outputs);

#endif
