/* A plan: chosen kernels, buffers, and the blocks in which scores are worked off. */
#ifndef CLATTN_PLAN_H
#define CLATTN_PLAN_H

#include "catalog/catalog.h"
#include "device/queue.h"
#include "device/device.h"
#include "programs/program.h"
#include "plan/tables.h"

/* A piece of the scores: queries first_row ... of the (batch, head) pairs first_pair ... */
typedef struct clattn_block {
  size_t first_pair, pairs, first_row, rows;
} clattn_block;

typedef struct clattn_choice {
  clattn_stage stage;
  const clattn_kernel *row; /* NULL: the problem has nothing to do for the stage */
  int value[CLATTN_TILES_MOST];
  clattn_geometry geometry;
  cl_kernel kernel;    /* of a library row what runs behind it, or NULL where the problem needs none */
  cl_kernel companion; /* of a fused row; NULL: none */
  clattn_geometry companion_geometry;
  clattn_program *program;         /* of both */
  bool by_hand;                    /* named by the caller, or the pipeline's own */
  char origin[CLATTN_ORIGIN_TEXT]; /* of its program; empty: nothing was built */
} clattn_choice;

/* Grows by host/plan/reasons.c alone. */
typedef struct clattn_reasons {
  struct reason_entry *entry;
  size_t count, room;
} clattn_reasons;

struct clattn_plan {
  clattn_device *device;
  clattn_problem problem;    /* as the caller asked for it; a run with a cache sees more keys: clattn_work.seen */
  clattn_pipeline pipeline;  /* never CLATTN_PIPELINE_AUTO */
  char pipeline_reason[256]; /* one line */
  bool may_fall_back;        /* from fused to staged, where no fused kernel runs on the device */
  clattn_io io;
  bool trace;
  bool weights_kept; /* runs bring a clattn_weights: there are no buffers for projection matrices and biases */
  clattn_launch_limit limit;
  double rate[CLATTN_SLOT_COUNT]; /* what runs have learnt from launches that were cut: clattn_queue.rate */
  clattn_choice choice[CLATTN_STAGE_COUNT];
  cl_mem
      buffer[CLATTN_TENSOR_COUNT]; /* floats (of a mask, what it is); scores and weights are one, of a block's size */
  cl_mem stored[CLATTN_TENSOR_COUNT]; /* inputs and output in the problem's type, where that is not float */
  clattn_tables tables;               /* of positions */
  cl_mem sequences;                   /* NULL where all are alike */
  cl_int *sequences_host;             /* its contents for the run at hand */
  cl_mem workspace;                   /* of the fused kernel and its companion; NULL without */
  clattn_block largest;               /* pairs and rows of a full block */
  uint64_t held_bytes;                /* of the device's memory, as its ledger has it */
  clattn_plan_info info;
  clattn_reasons reasons;  /* why it is so */
  clattn_stage stopped_at; /* the stage at which the last run failed; CLATTN_STAGE_COUNT: none */
  cl_event previous;       /* the end of the last run that was enqueued; the buffers in between are in use until then */
};

/* Whether scores, softmax and context are one kernel, so that the plan holds no scores. */
bool clattn_plan_is_fused(const clattn_plan *plan);

/* Whether kernels that the plan chooses by itself have to pass their self-test first. */
bool clattn_self_test_wanted(const clattn_plan_options *options);

/* A plan is made in four steps: begin, choose, test (host/selftest), finish. clattn_plan_destroy undoes any of them.
 * begin checks what the caller asks for; the options are not kept. */
clattn_status clattn_plan_begin(clattn_device *device, const clattn_problem *problem,
                                const clattn_plan_options *options, clattn_plan **plan, clattn_error *error);
/* Decides what the caller left open: CLATTN_PIPELINE_AUTO, and whether the plan is traced. */
clattn_status clattn_choose_pipeline(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error);
/* After choosing kernels failed: true where they are to be chosen anew, for the pipeline staged. */
bool clattn_fall_back(clattn_plan *plan, clattn_status status, const clattn_error *error);
/* Sizes and allocates the buffers for the kernels that were chosen. */
clattn_status clattn_plan_finish(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error);

/* Forgets the kernels that were chosen, and why. */
void clattn_release_choices(clattn_plan *plan);

/* Chooses and builds the kernel of every stage. */
clattn_status clattn_choose_kernels(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error);

/* Sizes the blocks and refuses what does not fit; nothing is allocated yet. */
clattn_status clattn_plan_memory(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error);

/* Fills to[batch * SEQUENCE_INTS] with what kernels are told of the sequences. */
void clattn_describe_sequences(const clattn_problem *problem, const clattn_inputs *inputs, cl_int *to);

/* All buffers, filled with NaN. */
clattn_status clattn_plan_allocate(clattn_plan *plan, clattn_error *error);

/* The block after this one; false behind the last. Starts from all zero. */
bool clattn_next_block(const clattn_plan *plan, clattn_block *block);

#endif
