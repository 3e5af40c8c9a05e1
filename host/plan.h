/* A plan: chosen kernels, buffers, and the blocks in which scores are worked off. */
#ifndef CLATTN_PLAN_H
#define CLATTN_PLAN_H

#include "catalog.h"
#include "chain.h"
#include "device.h"

/* A piece of the scores: queries first_row ... of the (batch, head) pairs first_pair ... */
typedef struct clattn_block {
  size_t first_pair, pairs, first_row, rows;
} clattn_block;

typedef struct clattn_choice {
  const clattn_kernel *row;
  int value[CLATTN_TILES_MOST];
  clattn_geometry geometry;
  cl_kernel kernel; /* of a library row its companion, or NULL where the problem needs none */
} clattn_choice;

struct clattn_plan {
  clattn_device *device;
  clattn_problem problem;
  clattn_io io;
  clattn_choice choice[CLATTN_STAGE_COUNT];
  cl_mem buffer[CLATTN_TENSOR_COUNT]; /* scores and weights are one buffer, of a block's size */
  clattn_block largest;               /* pairs and rows of a full block */
  clattn_plan_info info;
  cl_event previous; /* the end of the last run that was enqueued; the buffers in between are in use until then */
};

/* Chooses and builds the kernel of every stage. */
clattn_status clattn_choose_kernels(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error);

/* Sizes the blocks and refuses what does not fit; nothing is allocated yet. */
clattn_status clattn_plan_memory(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error);

/* The block after this one; false behind the last. Starts from all zero. */
bool clattn_next_block(const clattn_plan *plan, clattn_block *block);

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

#endif
