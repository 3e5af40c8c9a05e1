/* A selected kernel: its text form, and its build. */
#ifndef CLATTN_CHOICE_H
#define CLATTN_CHOICE_H

#include "plan/plan.h"

/* A part of a string. */
typedef struct clattn_text {
  const char *start; /* NULL: nothing was given */
  size_t length;
} clattn_text;

/* The sizes from which a row's geometry is computed. */
clattn_extent clattn_extent_of(const clattn_problem *problem, clattn_stage stage, const clattn_device_info *device);

/* Cuts "scores=2,softmax=naive:LOCAL_X=64" into one text for each stage that it names. NULL names none. */
clattn_status clattn_split_kernels(const char *kernels, clattn_text wanted[CLATTN_STAGE_COUNT], clattn_error *error);

/* Parses row and tile sizes from "2" or "tiled:TILE=8"; builds nothing. If the text names no size,
 * the default sizes are reduced as far as the device needs it. */
clattn_status clattn_parse_choice(const clattn_plan *plan, clattn_stage stage, clattn_text text, clattn_choice *choice,
                                  clattn_error *error);

#define CLATTN_CHOICE_TEXT 160

/* The reverse: writes "tiled:TILE=8", with every size. */
void clattn_write_choice(const clattn_choice *choice, char *text, size_t size);

#define CLATTN_OPTIONS_TEXT 512

/* Writes the options that the kernel's file is compiled with. */
void clattn_choice_options(const clattn_problem *problem, const clattn_device_info *device, const clattn_choice *choice,
                           char *options, size_t size);

/* Builds the kernels and sets the geometry. CLATTN_UNSUPPORTED, with the reason, if the device
 * cannot run them. */
clattn_status clattn_build_choice(const clattn_plan *plan, clattn_choice *choice, const clattn_plan_options *options,
                                  clattn_error *error);

/* Releases the kernels that were built. */
void clattn_release_choice(clattn_choice *choice);

#endif
