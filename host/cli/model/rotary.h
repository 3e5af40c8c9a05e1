/* The rotary embedding of a model's layer. */
#ifndef CLATTN_CLI_MODEL_ROTARY_H
#define CLATTN_CLI_MODEL_ROTARY_H

#include "cli/model/config.h"
#include "cli/model/families.h"
#include "cli/options/options.h"

/* Sets pairs, base, dimensions and scaling. `kind` is the layer's, of layer_types; NULL: there are none. False after a
 * complaint. */
bool model_set_rotary(const json_t *config, const model_family *family, const char *kind, size_t head_dim,
                      run_options *options);

#endif
