/* Writes the heat maps of a walk as SVG files. */
#ifndef CLATTN_CLI_PICTURES_H
#define CLATTN_CLI_PICTURES_H

#include "cli/options/options.h"
#include "explain/walk.h"

/* Makes the folder if it is missing, and refuses to overwrite input files. Both functions return
 * false after a complaint. / */
bool pictures_prepare(const walk *w, const run_options *options, const char *folder);

/* Writes one file for each step with a heat map, and prints its path. */
bool pictures_write(const walk *w, const char *folder);

#endif
