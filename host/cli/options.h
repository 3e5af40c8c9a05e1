/* The options of `clattn run`. */
#ifndef CLATTN_CLI_OPTIONS_H
#define CLATTN_CLI_OPTIONS_H

#include <stdint.h>

#include "clattn.h"

typedef enum check_mode { CHECK_AUTO, CHECK_FULL, CHECK_SAMPLE, CHECK_OFF } check_mode;

/* Options that take a whole number. */
typedef enum number_option {
  NUMBER_BATCH,
  NUMBER_TOKENS,
  NUMBER_MODEL_DIM,
  NUMBER_HEAD_DIM,
  NUMBER_VALUE_DIM,
  NUMBER_HEADS,
  NUMBER_REPEAT,
  NUMBER_SEED,
  NUMBER_COUNT
} number_option;

typedef struct run_options {
  /* input: an example, files, or random */
  char *example, *x, *wq, *wk, *wv;
  int random;
  char *number_text[NUMBER_COUNT];
  size_t number[NUMBER_COUNT]; /* 0: not given; the seed is 1 then */
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
  int json;
} run_options;

/* Returns -1 to go on, or the exit code at which to stop: after --help, or a complaint. Free in every case. */
int run_options_read(int argc, const char **argv, run_options *options);
void run_options_free(run_options *options);

#endif
