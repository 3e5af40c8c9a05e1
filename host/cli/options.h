/* The options of `clattn run`. */
#ifndef CLATTN_CLI_OPTIONS_H
#define CLATTN_CLI_OPTIONS_H

#include <stdint.h>

#include "clattn.h"

typedef enum check_mode { CHECK_AUTO, CHECK_FULL, CHECK_SAMPLE, CHECK_OFF } check_mode;

typedef struct run_options {
  /* input: an example, files, or random */
  char *example, *x, *wq, *wk, *wv;
  int random;
  long long seed;
  /* sizes; 0: not given */
  long long batch, tokens, model_dim, heads, head_dim, value_dim;
  /* meaning */
  char *layout_text;
  bool layout_given;
  clattn_weight_layout layout;
  int causal;
  char *scale_text;
  bool scale_given;
  float scale;
  /* device and plan */
  char *platform, *device, *pipeline_text, *kernels;
  clattn_pipeline pipeline;
  /* output */
  char *check_text, *out, *save;
  check_mode check;
  long long repeat;
  int json;
} run_options;

/* Returns -1 to go on, or the exit code at which to stop: after --help, or a complaint. Free in every case. */
int run_options_read(int argc, const char **argv, run_options *options);
void run_options_free(run_options *options);

#endif
