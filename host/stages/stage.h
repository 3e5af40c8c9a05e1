/* The functions of the stages, what they are given, and what they share. */
#ifndef CLATTN_STAGE_H
#define CLATTN_STAGE_H

#include "problem/kernel_arguments.h"
#include "plan/plan.h"
#include "problem/sequence.h"
#include "problem/shape.h"

/* What a stage works on. Buffers are the plan's own or the caller's. */
typedef struct clattn_work {
  const clattn_plan *plan;    /* plan->problem is the problem as the caller asked for it */
  const clattn_problem *seen; /* the problem as this run sees it: with a cache its key_len counts all cached keys */
  clattn_queue *queue;
  const cl_mem *tensor;        /* floats, by clattn_tensor; scores and weights hold one block */
  const cl_mem *stored;        /* inputs, output, and projected q, k and v that the fused kernel reads so, in the
                                  problem's type, by clattn_tensor, unless it is float */
  const clattn_inputs *inputs; /* stages use the lengths, the cache and projection_weights */
  cl_mem sequences;            /* the bounds of each sequence; NULL: all have full length */
  bool context_wanted, lse_wanted, row_max_wanted, row_sum_wanted;
  clattn_block block; /* the scores that the step works on; only for steps in CLATTN_SCOPE_BLOCK */
  int until;          /* how far scores are taken: UNTIL_... */
} clattn_work;

/* Each enqueues one stage: project all three projections, convert all inputs. steps.c has their
 * order. */
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

/* More parts of convert: narrows projected q, k and v where the fused kernel reads them so and project does not store
 * them so, and widens them for a caller who wants them; narrows the output to its stored type. */
clattn_status clattn_stage_convert_projections(const clattn_work *work, clattn_error *error);
clattn_status clattn_stage_convert_output(const clattn_work *work, clattn_error *error);

/* About how many operations a launch of the stage does, over the block if it works on one. Long
 * launches are cut by this number. */
double clattn_launch_flops(const clattn_work *work, clattn_stage stage);

/* Sets the arguments of the stage's kernel and launches it over cols x rows x pairs results; in
 * work-groups as its geometry defines, or as the given one does. */
clattn_status clattn_launch_choice(const clattn_work *work, clattn_stage stage, const clattn_argument *arguments,
                                   size_t count, const size_t size[3], clattn_error *error);
clattn_status clattn_launch_divided(const clattn_work *work, clattn_stage stage, const clattn_geometry *geometry,
                                    const clattn_argument *arguments, size_t count, const size_t size[3],
                                    clattn_error *error);

/* The keys and values that scores and context read: this run's k and v, or the cache's, gathered or in
 * place. */
cl_mem clattn_keys(const clattn_work *work);
cl_mem clattn_values(const clattn_work *work);

/* Whether the kernel that makes this run's output stores it in its type, so that nothing is left to convert. */
bool clattn_output_is_stored(const clattn_work *work);

/* Brings all cached keys or values into floats (batch, rows, heads, dim). */
clattn_status clattn_gather_cached(const clattn_work *work, clattn_tensor cached, cl_mem floats, size_t rows,
                                   clattn_error *error);

/* Whether CLBlast computes the stage's product. */
bool clattn_uses_library(const clattn_work *work, clattn_stage stage);

/* The argument that describes the problem and the block to the kernels of scores and context. */
attention clattn_kernel_attention(const clattn_work *work);

/* The argument that describes the block's rows to the kernels of softmax. */
softmax_rows clattn_kernel_rows(const clattn_work *work);

/* Heads of one batch in a block whose KV heads are evenly spaced in memory, so that one library
 * call can take them all. */
typedef struct clattn_heads {
  size_t batch, head, kv_head; /* the first */
  size_t count;
  size_t kv_step;  /* KV heads from one to the next: 0 or 1 */
  size_t in_block; /* the block's pairs before the first */
  clattn_sequence sequence;
  size_t rows; /* the block's rows that the sequence has */
} clattn_heads;

/* The next such heads of the block; false after the last. Start from all zero. */
bool clattn_next_heads(const clattn_work *work, clattn_heads *heads);

#endif
