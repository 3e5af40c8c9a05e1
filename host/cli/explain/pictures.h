/* A walk's heat maps as SVG files. */
#ifndef CLATTN_CLI_PICTURES_H
#define CLATTN_CLI_PICTURES_H

#include "cli/options/options.h"
#include "cli/explain/walk.h"

/* Makes the folder where it is missing; no picture may take the place of an input file. Both: false after a complaint.
 */
bool pictures_prepare(const walk *w, const run_options *options, const char *folder);

/* One file for each step that has a heat map; says which. */
bool pictures_write(const walk *w, const char *folder);

#endif
