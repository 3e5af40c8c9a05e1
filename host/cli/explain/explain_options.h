/* The options of `clattn explain`. */
#ifndef CLATTN_CLI_EXPLAIN_OPTIONS_H
#define CLATTN_CLI_EXPLAIN_OPTIONS_H

#include "cli/options/options.h"
#include "cli/report/heat_map.h"

typedef struct explain_options {
  run_options run;
  char *word, *focus, *html, *tokens_from;
  char *picture[PICTURE_FORMATS]; /* folders; NULL: none */
  int step;
} explain_options;

/* Returns GO_ON, or the exit code after --help or a complaint. Free in every case. */
int explain_options_read(int argc, const char **argv, explain_options *options);
void explain_options_free(explain_options *options);

#endif
