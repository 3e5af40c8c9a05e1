/* A plan: selected kernels, buffers, and the blocks in which scores are computed. */
#ifndef CLATTN_PLAN_H
#define CLATTN_PLAN_H

#include "catalog/catalog.h"
#include "device/queue.h"
#include "device/device.h"
#include "programs/program.h"
#include "plan/tables.h"

/* A block of the scores: `rows` queries from first_row on, of `pairs` (batch, head) pairs from
 * first_pair on. */
typedef struct clattn_block {
  size_t first_pair, pairs, first_row, rows;
} clattn_block;

typedef struct clattn_choice {
  clattn_stage stage;
  const clattn_kernel *row; /* NULL: the problem has nothing to do for the stage */
  int value[CLATTN_TILES_MOST];
  clattn_geometry geometry;
  cl_kernel kernel;       /* of a library row: the post-process of its GEMM; NULL: none needed */
  cl_kernel post_process; /* of a fused row: its post-process; NULL: none */
  clattn_geometry post_process_geometry;
  clattn_program *program;         /* of both */
  bool by_hand;                    /* named by the caller, or the pipeline's own */
  char origin[CLATTN_ORIGIN_TEXT]; /* of the program; empty: nothing was built */
} clattn_choice;

/* Only host/plan/reasons.c adds entries. */
typedef struct clattn_reasons {
  struct reason_entry *entry;
  size_t count, room;
} clattn_reasons;

struct clattn_plan {
  clattn_device *device;
  clattn_problem problem;    /* the caller's but for math; a run with a cache sees more keys: clattn_work.seen */
  clattn_math math_asked;    /* the caller's; problem.math is set with the kernels (clattn_choose_kernels) */
  clattn_pipeline pipeline;  /* never CLATTN_PIPELINE_AUTO */
  char pipeline_reason[256]; /* one line */
  bool may_fall_back;        /* from fused to staged if no fused kernel runs on the device */
  clattn_io io;
  bool trace;
  size_t guard_bytes;
  bool weights_kept; /* runs bring a clattn_weights: there are no buffers for projection matrices and biases */
  clattn_launch_limit limit;
  double rate[CLATTN_SLOT_COUNT]; /* speed that runs measured when they cut launches: clattn_queue.rate */
  clattn_choice choice[CLATTN_STAGE_COUNT];
  /* Floats; for a mask its own type. Scores and weights share one buffer of a block's size. */
  cl_mem buffer[CLATTN_TENSOR_COUNT];
  cl_mem stored[CLATTN_TENSOR_COUNT];   /* in the problem's type, if not float: inputs, output, projected q, k and v */
  clattn_tables tables;                 /* of positions */
  void *reordered[CLATTN_TENSOR_COUNT]; /* host memory for inputs that are given in another order; NULL: none */
  cl_mem sequences;                     /* NULL if all have full length */
  cl_int *sequences_host;               /* its contents for the current run */
  cl_mem workspace;                     /* of the fused kernel and its post-process; NULL: none */
  clattn_block largest;                 /* pairs and rows of a full block */
  uint64_t held_bytes;                  /* device memory that the ledger counts for this plan */
  clattn_plan_info info;
  clattn_reasons reasons;  /* why these kernels were selected */
  clattn_stage stopped_at; /* the stage at which the last run failed; CLATTN_STAGE_COUNT: none */
  cl_event previous;       /* end of the last enqueued run; the buffers are in use until then */
};

/* Whether scores, softmax and context are one kernel, so that the plan holds no scores. */
bool clattn_plan_is_fused(const clattn_plan *plan);

/* Whether the kernel of fused or output stores the output itself, in the problem's type; that of fused
 * where a run does not ask for the context in floats. Otherwise a launch of the stage convert narrows
 * what it made. */
bool clattn_plan_stores_output(const clattn_plan *plan);

/* The kind of self-test that the choice's kernel must pass for this plan. The type is the problem's, if the kernel is
 * compiled for all types and learns from its arguments which one to store. */
clattn_test_kind clattn_choice_test_kind(const clattn_plan *plan, const clattn_choice *choice);

/* Whether the fused kernel reads q, k and v that were projected as f16 or bf16; and whether the kernels of project
 * store them so. If not, they store floats, and convert narrows these. */
bool clattn_plan_reads_projections_stored(const clattn_plan *plan);
bool clattn_plan_stores_projections(const clattn_plan *plan);

/* Whether the fused kernel reads the problem's cache in place, whatever its type; and whether each run
 * must first bring the whole cache into plain floats, because the plan's kernels can read nothing else. */
bool clattn_plan_reads_cache(const clattn_plan *plan);
bool clattn_plan_gathers(const clattn_plan *plan);

/* Whether kernels that the plan selects by itself must first pass their self-test. */
bool clattn_self_test_wanted(const clattn_plan_options *options);

/* A plan is made in four steps: begin, choose, test (host/selftest), finish. clattn_plan_destroy
 * works after each. begin checks the problem and the options; the options are not kept. */
clattn_status clattn_plan_begin(clattn_device *device, const clattn_problem *problem,
                                const clattn_plan_options *options, clattn_plan **plan, clattn_error *error);
/* Decides what the caller left open: CLATTN_PIPELINE_AUTO, and whether the plan is traced. */
clattn_status clattn_choose_pipeline(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error);
/* After clattn_choose_kernels() failed. true: call it again, now for the staged pipeline. */
bool clattn_fall_back(clattn_plan *plan, clattn_status status, const clattn_error *error);
/* Sizes and allocates the buffers for the kernels that were chosen. */
clattn_status clattn_plan_finish(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error);

/* Forgets the kernels that were chosen, and why. */
void clattn_release_choices(clattn_plan *plan);

/* Chooses and builds the kernel of every stage. Sets plan->problem.math: where q, k and v are projected it is
 * CLATTN_MATH_STORED only if the fused kernel multiplies them as they are stored. Everywhere else projections leave
 * floats, which are more exact. */
clattn_status clattn_choose_kernels(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error);

/* Sizes the blocks and refuses what does not fit; nothing is allocated yet. */
clattn_status clattn_plan_memory(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error);

/* Fills to[batch * SEQUENCE_INTS] with the description of the sequences that kernels read. */
void clattn_describe_sequences(const clattn_problem *problem, const clattn_inputs *inputs, cl_int *to);

/* Allocates all buffers and fills them with NaN. */
clattn_status clattn_plan_allocate(clattn_plan *plan, clattn_error *error);

/* Moves on to the next block; false after the last. Start with a block of zeros. */
bool clattn_next_block(const clattn_plan *plan, clattn_block *block);

#endif
