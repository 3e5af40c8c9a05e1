/* A stage at work: what it is given, and what the stages share. */
#ifndef CLATTN_STAGE_H
#define CLATTN_STAGE_H

#include "plan.h"

/* What a stage works on: the plan's own buffers or the caller's. */
typedef struct clattn_work {
  const clattn_plan *plan;
  clattn_chain *chain;
  const cl_mem *tensor; /* by clattn_tensor; scores and weights hold one block */
  clattn_block block;   /* project takes no notice of it */
} clattn_work;

/* Each enqueues one stage; project all three projections. */
clattn_status clattn_stage_project(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_scores(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_softmax(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_context(const clattn_work *work, clattn_error *error);

/* Sets the arguments of the stage's kernel and launches it over cols x rows x pairs results. */
clattn_status clattn_launch_choice(const clattn_work *work, clattn_stage stage, const clattn_argument *arguments,
                                   size_t count, const size_t size[3], clattn_error *error);

/* How kernels see strides: (batch, head, row, 1). */
cl_ulong4 clattn_kernel_strides(const clattn_problem *problem, clattn_tensor tensor);

/* Heads of one batch that lie in a block: evenly spaced in memory, so that one library call can take them all. */
typedef struct clattn_heads {
  size_t batch, head; /* the first */
  size_t count;
  size_t in_block; /* pairs of the block before it */
} clattn_heads;

/* The next such heads of the block; false behind the last. Starts from all zero. */
bool clattn_next_heads(const clattn_work *work, clattn_heads *heads);

#endif
