/* Keeps the files that a run reads from being overwritten. */
#ifndef CLATTN_CLI_INPUT_NAMES_H
#define CLATTN_CLI_INPUT_NAMES_H

#include "cli/options/options.h"

/* Whether `path` is none of the input files, directly or through links; else complains, naming
 * `option`. */
bool inputs_are_spared(const run_options *options, const char *option, const char *path);

#endif
