/* The walk of `clattn explain`: from options to a device, an input and the library's walk over it. */
#ifndef CLATTN_CLI_EXPLAIN_LOAD_H
#define CLATTN_CLI_EXPLAIN_LOAD_H

#include "cli/explain/tokens.h"
#include "cli/input/input.h"
#include "explain/walk.h"

typedef struct loaded_walk {
  input input;
  clattn_device *device;
  clattn_cache *cache; /* NULL: the problem has none */
  clattn_problem seen;
  walk walk;
} loaded_walk;

/* Loads the input and makes the walk: clattn_walk_make. `names` (NULL: none) stay valid as long as the walk. Returns
 * GO_ON, or the exit code after a complaint. Free in every case. */
int walk_load(const run_options *options, const token_names *names, const char *focus, walk_form form,
              loaded_walk *loaded);
void walk_unload(loaded_walk *loaded);

#endif
