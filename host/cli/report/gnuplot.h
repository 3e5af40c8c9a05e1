/* Charts and pictures, drawn by the program gnuplot. */
#ifndef CLATTN_CLI_GNUPLOT_H
#define CLATTN_CLI_GNUPLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/file_system.h"

/* Whether gnuplot is there; else complains, naming the option that needs it. */
bool gnuplot_is_there(const char *option);

/* Makes the folder and looks for gnuplot, before anything is measured. False after a complaint
 * that names the option. / */
bool gnuplot_prepare(const char *option, const char *folder);

typedef enum gnuplot_format { GNUPLOT_SVG, GNUPLOT_PNG } gnuplot_format;

/* One chart. */
typedef struct gnuplot {
  gnuplot_format format;
  FILE *script; /* gnuplot reads what is written here */
  clattn_part_file part;
  void (*broken_pipe)(int); /* the handler to restore */
  char path[4096];
} gnuplot;

/* Begins FOLDER/NAME: an SVG with a white background and a grid, or a PNG, for which the caller sets the terminal.
 * False after a complaint; then do not call gnuplot_end. */
bool gnuplot_begin(gnuplot *g, gnuplot_format format, const char *folder, const char *name);

/* Draws it. The file is complete or unchanged. False after a complaint. */
bool gnuplot_end(gnuplot *g);

/* Writes a text in quotation marks, as gnuplot reads it. */
void gnuplot_text(FILE *script, const char *text);

#endif
