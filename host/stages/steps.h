/* The steps of a run, in order: which stage's function is called when, and what is handed over
 * after it. */
#ifndef CLATTN_STEPS_H
#define CLATTN_STEPS_H

#include "problem/stages.h"
#include "stages/stage.h"

typedef struct clattn_step {
  clattn_scope scope;
  clattn_stage stage; /* the step does nothing in plans without it */
  clattn_status (*run)(const clattn_work *work, clattn_error *error);
  int until; /* how far scores are taken: UNTIL_... */
  /* Lists end with CLATTN_TENSOR_COUNT. */
  clattn_tensor results[3];  /* can be handed over after this step, in plans without its stage, too */
  clattn_tensor only_for[4]; /* the step is left out when none of these is wanted; an empty list: never */
} clattn_step;

/* NULL when index is past the last step. */
const clattn_step *clattn_step_at(size_t index);

#endif
