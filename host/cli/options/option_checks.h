/* Which options go together, and which need others. */
#ifndef CLATTN_CLI_OPTION_CHECKS_H
#define CLATTN_CLI_OPTION_CHECKS_H

#include "cli/options/options.h"

/* False after a complaint. Each value is right in itself. The first is asked before --model fills in what the
 * checkpoint decides; `input_files` is how many files of inputs there are then. */
bool options_fit_model(const run_options *options);
bool options_fit_together(const run_options *options, int input_files);

#endif
