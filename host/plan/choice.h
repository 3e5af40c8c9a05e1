/* A choice: its text, and how it is built. */
#ifndef CLATTN_CHOICE_H
#define CLATTN_CHOICE_H

#include "plan/plan.h"

/* A part of a string. */
typedef struct clattn_text {
  const char *start; /* NULL: nothing was said */
  size_t length;
} clattn_text;

/* What a row's geometry follows from. */
clattn_extent clattn_extent_of(const clattn_problem *problem, clattn_stage stage);

/* Cuts "scores=2,softmax=naive:LOCAL_X=64" into one text for each stage that it names. NULL names none. */
clattn_status clattn_split_kernels(const char *kernels, clattn_text wanted[CLATTN_STAGE_COUNT], clattn_error *error);

/* Row and tile sizes from "2" or "tiled:TILE=8"; nothing is built. Sizes that are not named become smaller where the
 * device needs it, unless one of them is named. */
clattn_status clattn_parse_choice(const clattn_plan *plan, clattn_stage stage, clattn_text text, clattn_choice *choice,
                                  clattn_error *error);

#define CLATTN_CHOICE_TEXT 160

/* The way back: "tiled:TILE=8", with every size. */
void clattn_write_choice(const clattn_choice *choice, char *text, size_t size);

/* Kernels and geometry. CLATTN_UNSUPPORTED, with the reason, where the device cannot run them. */
clattn_status clattn_build_choice(const clattn_plan *plan, clattn_choice *choice, const clattn_plan_options *options,
                                  clattn_error *error);

/* Its kernels, as far as there are any. */
void clattn_release_choice(clattn_choice *choice);

#endif
