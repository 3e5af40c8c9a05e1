/* From options to a problem with its matrices. */
#ifndef CLATTN_CLI_INPUT_H
#define CLATTN_CLI_INPUT_H

#include "clattn.h"
#include "examples.h"
#include "options.h"

typedef struct input {
  clattn_problem problem;
  const example *example; /* NULL: files or random */
  char name[64];          /* of the example, "files" or "random, seed 1" */
  float *x, *wq, *wk, *wv;
} input;

/* Returns -1 to go on, or the exit code after a complaint. Free in every case. */
int input_load(const run_options *options, input *input);
void input_free(input *input);

#endif
