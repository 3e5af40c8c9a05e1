/* X of a text, as a model's embedding layer makes it for the first layer. */
#ifndef CLATTN_CLI_EMBEDDINGS_H
#define CLATTN_CLI_EMBEDDINGS_H

#include "cli/files/array.h"
#include "cli/model/vocabulary.h"
#include "cli/options/options.h"

/* Word + position (+ type 0), then LayerNorm, that of the embeddings or of the layer itself, in float, sums in double.
 * Refuses models whose first layer reads something else, and layers above the first, which read what the layers below
 * them make. False after a complaint. */
bool model_embed(const run_options *options, array *x, token_list *tokens);

#endif
