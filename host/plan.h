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

#endif
