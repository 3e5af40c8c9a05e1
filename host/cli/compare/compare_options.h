/* The options of `clattn compare`. */
#ifndef CLATTN_CLI_COMPARE_OPTIONS_H
#define CLATTN_CLI_COMPARE_OPTIONS_H

#include "cli/options/options.h"

typedef struct compare_options {
  run_options input; /* random, with its sizes, meaning and device */
  bool pipelines[CLATTN_PIPELINE_COUNT];
  int sweep, json;
  char *csv, *svg, *blas, *seconds_text;
  float seconds; /* most time for one run */
} compare_options;

#define COMPARE_LEAST_TOKENS 16 /* where a sweep begins */
#define COMPARE_MOST_RUNS 21    /* of one contestant at one length */

/* Returns GO_ON, or the exit code after --help or a complaint. Free in every case. */
int compare_options_read(int argc, const char **argv, compare_options *options);
void compare_options_free(compare_options *options);

#endif
