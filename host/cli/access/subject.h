/* One kernel at work on a tiny problem. */
#ifndef CLATTN_ACCESS_SUBJECT_H
#define CLATTN_ACCESS_SUBJECT_H

#include "clattn_inspect.h"
#include "recorder/launch.h"

/* What the program is asked for besides kernels. */
typedef struct sizes {
  int64_t tokens, key_tokens, heads, head_dim, model_dim;
  int causal;
} sizes;

enum { SUBJECT_WORD = 256 };

typedef struct subject {
  const char *word; /* "scores=tiled:TILE=8" */
  clattn_stage stage;
  char choice[256]; /* "tiled:TILE=8", with all tile sizes */
  int rung;
  clattn_problem problem;
  bool correct;           /* the whole pipeline's results */
  const launch *launches; /* until the next subject is run */
  size_t count;
} subject;

/* Runs "STAGE=RUNG", perhaps with tile sizes behind colons: the kernel by number or name, tile sizes that are not given
 * as the smallest above 1. GO_ON, or the exit code at which to stop, after a complaint. */
int subject_run(const char *word, const sizes *sizes, subject *subject);

/* The word of the stage's next kernel, "scores=tiled", where `word` is a stage alone; else the word itself, once. *next
 * begins with 0. false behind the last. */
bool subject_next(const char *word, size_t *next, char one[SUBJECT_WORD]);

#endif
