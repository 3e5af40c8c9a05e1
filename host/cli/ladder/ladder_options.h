/* The options of `clattn ladder`. */
#ifndef CLATTN_CLI_LADDER_OPTIONS_H
#define CLATTN_CLI_LADDER_OPTIONS_H

#include <stddef.h>

#include "clattn_inspect.h"

typedef enum ladder_number {
  LADDER_TOKENS,
  LADDER_KEY_TOKENS,
  LADDER_MODEL_DIM,
  LADDER_HEADS,
  LADDER_KV_HEADS,
  LADDER_HEAD_DIM,
  LADDER_NUMBERS
} ladder_number;

typedef struct ladder_options {
  char *platform, *device, *word, *svg, *type_text, *math_text;
  char *number_text[LADDER_NUMBERS];
  size_t number[LADDER_NUMBERS];
  int causal, csv, json;
  clattn_type type;
  clattn_math math;
  clattn_stage stage; /* CLATTN_STAGE_COUNT: all */
} ladder_options;

/* Returns GO_ON, or the exit code after --help or a complaint. Free in every case. */
int ladder_options_read(int argc, const char **argv, ladder_options *options);
void ladder_options_free(ladder_options *options);

#endif
