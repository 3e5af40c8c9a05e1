/* The options of `clattn tune`. */
#ifndef CLATTN_CLI_TUNE_OPTIONS_H
#define CLATTN_CLI_TUNE_OPTIONS_H

#include "cli/options/options.h"

typedef struct tune_options {
  char *platform, *device, *file, *head_dims_text, *tokens_text, *stage_text, *type_text, *math_text;
  int quick;
  number_list head_dims, tokens;
  clattn_stage stage; /* CLATTN_STAGE_COUNT: all */
  clattn_type type;
  clattn_math math; /* CLATTN_MATH_STORED: only fused is tuned */
} tune_options;

/* Returns GO_ON, or the exit code after --help or a complaint. Free in every case. */
int tune_options_read(int argc, const char **argv, tune_options *options);
void tune_options_free(tune_options *options);

#endif
