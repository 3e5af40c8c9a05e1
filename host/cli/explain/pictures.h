/* Writes heat maps of a walk and of demonstrations, as SVG and PNG files. */
#ifndef CLATTN_CLI_PICTURES_H
#define CLATTN_CLI_PICTURES_H

#include "cli/options/options.h"
#include "cli/report/heat_map.h"
#include "explain/walk.h"

/* A folder for each picture_format; NULL: no such pictures are wanted. */
typedef char *const *picture_folders;

/* Looks for what draws them, and makes the folders that are missing. Functions that return bool return false after a
 * complaint. */
bool pictures_prepare(picture_folders folders);

/* Refuses to overwrite input files. */
bool pictures_spare_inputs(const walk *w, const run_options *options, picture_folders folders);

/* Writes one file for each step with a heat map, and prints its path. */
bool pictures_write(const walk *w, picture_folders folders);

/* Writes the first `columns` of a table of weights as ID.svg or ID.png, and prints the paths. */
bool pictures_write_table(const walk_step *table, size_t columns, const char *id, const char *title,
                          picture_folders folders);

#endif
