/* `--model DIR`: takes a layer's matrices, and what its scores mean, from a checkpoint folder as transformers lays it
 * out. */
#ifndef CLATTN_CLI_MODEL_H
#define CLATTN_CLI_MODEL_H

#include "cli/options/options.h"

/* Fills the options that the checkpoint decides, as if they had been given; the caller has read the options' own
 * values. Refuses those that contradict it, and models that ask for what clattn does not have. False after a complaint.
 */
bool model_fill(run_options *options);

#endif
