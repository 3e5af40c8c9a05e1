/* The files that a run reads, by name. */
#ifndef CLATTN_CLI_INPUT_NAMES_H
#define CLATTN_CLI_INPUT_NAMES_H

#include "cli/options/options.h"

/* Whether writing `path` would leave every input file of the options as it is; else complains of `option`. Two names
 * are one file also through links. */
bool inputs_are_spared(const run_options *options, const char *option, const char *path);

#endif
