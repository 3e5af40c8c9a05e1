/* Results as .npy files. */
#ifndef CLATTN_CLI_SAVE_H
#define CLATTN_CLI_SAVE_H

#include "clattn_inspect.h"
#include "cli/options/options.h"

/* What a run saves, and where to. */
typedef struct saving {
  const run_options *options; /* --out, --save, and the input files, which must not be overwritten */
  const clattn_plan *plan;
  const clattn_problem *problem; /* the plan's */
  const clattn_problem *seen;    /* as the run sees it: clattn_cache_problem */
} saving;

/* Before anything is computed or written: whether each file can be written and is not one of the inputs; the folder is
 * made if it is missing. `seen` is not looked at. Returns GO_ON, or the exit code after a complaint. */
int save_prepare(const saving *saving);

/* Writes the output, or else the context, to --out, and everything that the plan has to --save. Returns likewise. */
int save_outputs(const saving *saving, const clattn_outputs *outputs);

#endif
