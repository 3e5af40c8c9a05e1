/* A stage at work: what it is given, and what the stages share. */
#ifndef CLATTN_STAGE_H
#define CLATTN_STAGE_H

#include "problem/kernel_arguments.h"
#include "plan/plan.h"
#include "problem/sequence.h"
#include "problem/shape.h"

/* What a stage works on: the plan's own buffers or the caller's. */
typedef struct clattn_work {
  const clattn_plan *plan;
  const clattn_problem
      *problem; /* the plan's; with a cache, as scores see it: its key_len counts what is in the cache */
  clattn_chain *chain;
  const cl_mem *tensor;        /* floats, by clattn_tensor; scores and weights hold one block */
  const cl_mem *stored;        /* likewise, in the problem's type, where that is not float */
  const clattn_inputs *inputs; /* the lengths are looked at */
  cl_mem sequences;            /* NULL: all alike */
  bool lse_wanted, row_max_wanted, row_sum_wanted;
  clattn_block block; /* of the scores; for the stages of the blocks alone */
  int until;          /* how far scores are taken: UNTIL_... */
} clattn_work;

/* Each enqueues one stage; project all three projections, convert all inputs. */
clattn_status clattn_stage_convert(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_project(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_rotary(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_cache(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_scores(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_softmax(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_context(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_fused(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_products(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_exps(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_output(const clattn_work *work, clattn_error *error);

/* The output into its stored type. */
clattn_status clattn_stage_convert_output(const clattn_work *work, clattn_error *error);

/* About how much a launch of the stage does: over the block, where it works on one. For the chain's limit. */
double clattn_launch_flops(const clattn_work *work, clattn_stage stage);

/* Sets the arguments of the stage's kernel and launches it over cols x rows x pairs results. */
clattn_status clattn_launch_choice(const clattn_work *work, clattn_stage stage, const clattn_argument *arguments,
                                   size_t count, const size_t size[3], clattn_error *error);

/* What scores and context read: k and v, or what is in the cache. */
cl_mem clattn_keys(const clattn_work *work);
cl_mem clattn_values(const clattn_work *work);

bool clattn_uses_library(const clattn_work *work, clattn_stage stage);

/* What the kernels of scores and context are told of the problem and the block. */
attention clattn_kernel_attention(const clattn_work *work);

/* Likewise those of softmax of the block's rows. */
softmax_rows clattn_kernel_rows(const clattn_work *work);

/* Heads of one batch that lie in a block and read key heads that are evenly spaced in memory, so that one library call
 * can take them all. */
typedef struct clattn_heads {
  size_t batch, head, kv_head; /* the first */
  size_t count;
  size_t kv_step;  /* key heads from one to the next: 0 or 1 */
  size_t in_block; /* pairs of the block before it */
  clattn_sequence sequence;
  size_t rows; /* of the block that the sequence has */
} clattn_heads;

/* The next such heads of the block; false behind the last. Starts from all zero. */
bool clattn_next_heads(const clattn_work *work, clattn_heads *heads);

#endif
