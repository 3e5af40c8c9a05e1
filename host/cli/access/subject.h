/* Runs one kernel on a tiny problem. */
#ifndef CLATTN_ACCESS_SUBJECT_H
#define CLATTN_ACCESS_SUBJECT_H

#include "clattn_inspect.h"
#include "recorder/launch.h"

/* The sizes of the problem, from the options. */
typedef struct sizes {
  int64_t tokens, key_tokens, heads, head_dim, model_dim;
  int64_t sub_group; /* work-items of a sub-group */
  int causal;
} sizes;

enum { SUBJECT_WORD = 256 };

typedef struct subject {
  const char *word; /* "scores=tiled:TILE=8" */
  clattn_stage stage;
  char choice[256]; /* "tiled:TILE=8", with all tile sizes */
  int rung;
  bool stored_math; /* it multiplies what is stored, halves here */
  clattn_problem problem;
  bool correct;           /* whether the results of the whole pipeline are */
  const launch *launches; /* valid until the next subject_run */
  size_t count;
} subject;

/* Runs "STAGE=KERNEL", perhaps followed by ":TILE=SIZE". The kernel is a number or a name; tile
 * sizes that are not given are the smallest above 1. Returns GO_ON, or the exit code after a
 * complaint. */
int subject_run(const char *word, const sizes *sizes, subject *subject);

/* If `word` is only a stage, writes the word of its next kernel, "scores=tiled"; else the word
 * itself, once. *next begins with 0. False after the last one. */
bool subject_next(const char *word, size_t *next, char one[SUBJECT_WORD]);

#endif
