/* Charts as SVG, drawn by gnuplot, which is a program of its own. */
#ifndef CLATTN_CLI_GNUPLOT_H
#define CLATTN_CLI_GNUPLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/file_system.h"

/* Makes the folder and looks for gnuplot, so that nothing is measured in vain. False after a complaint that names the
 * option. */
bool gnuplot_prepare(const char *option, const char *folder);

/* One chart. */
typedef struct gnuplot {
  FILE *script; /* what is written here gnuplot reads */
  clattn_part_file part;
  void (*broken_pipe)(int); /* what the program did about one before */
  char path[4096];
} gnuplot;

/* Begins FOLDER/NAME: white, whatever lies behind it. False after a complaint; then there is nothing to end. */
bool gnuplot_begin(gnuplot *g, const char *folder, const char *name);

/* Draws it: the file is whole, or as it was before. False after a complaint. */
bool gnuplot_end(gnuplot *g);

/* A text as gnuplot wants it, in quotation marks. */
void gnuplot_text(FILE *script, const char *text);

#endif
