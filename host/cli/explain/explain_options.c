/* Reads the options of `clattn explain`: those of `clattn run` without its output, and a few
 * more. */
#include "cli/explain/explain_options.h"

#include <popt.h>
#include <stdlib.h>

int explain_options_read(int argc, const char **argv, explain_options *o) {
  *o = (explain_options){.step = 0};
  struct poptOption table[] = {
      {"focus", 0, POPT_ARG_STRING, &o->focus, 0,
       "show only one query, or begin the page with it: a word of the example, or its number", "TOKEN"},
      {"tokens-from", 0, POPT_ARG_STRING, &o->tokens_from, 0,
       "names of the tokens of given x or q, one on each line, in UTF-8", "FILE"},
      {"step", 0, POPT_ARG_NONE, &o->step, 0, "wait for Enter after each step, on a terminal", NULL},
      {"svg", 0, POPT_ARG_STRING, &o->picture[PICTURE_SVG], 0, "write each heat map as an SVG file", "DIR"},
      {"png", 0, POPT_ARG_STRING, &o->picture[PICTURE_PNG], 0, "write each heat map as a PNG file, drawn by gnuplot",
       "DIR"},
      {"html", 0, POPT_ARG_STRING, &o->html, 0, "write the walk as a page for a browser instead of text", "FILE"},
      POPT_TABLEEND};
  const own_options own = {.command = "explain",
                           .table = table,
                           .title = "walk:",
                           .usage = "[EXAMPLE | dictionary | routing | bank | heads | confusions] [OPTIONS]",
                           .word = &o->word};
  return own_options_read(argc, argv, &own, &o->run);
}

void explain_options_free(explain_options *o) {
  run_options_free(&o->run);
  free(o->word);
  free(o->focus);
  for (int f = 0; f < PICTURE_FORMATS; ++f) free(o->picture[f]);
  free(o->html);
  free(o->tokens_from);
}
