/* The table of stages: one row for each clattn_stage, with what is true of the stage whichever
 * kernel computes it. Add a stage by a value of the enum, a row here, its steps in
 * host/stages/steps.c, its file there, and its kernels. */
#ifndef CLATTN_STAGES_H
#define CLATTN_STAGES_H

#include "clattn_inspect.h"

/* When a run comes to the stage. Scores are worked off block by block, and a fused plan has one
 * block of everything. */
typedef enum clattn_scope {
  CLATTN_SCOPE_BEFORE = 1, /* once, before the first block */
  CLATTN_SCOPE_BLOCK = 2,  /* for each block */
  CLATTN_SCOPE_AFTER = 4   /* once, after the last block */
} clattn_scope;

/* As in clattn_stage_facts.makes and touches: CLATTN_TENSOR_COUNT ends the list. */
#define CLATTN_MAKES_MOST 3
#define CLATTN_TOUCHES_MOST 13

typedef struct clattn_stage_facts {
  const char *name;
  unsigned scopes;      /* CLATTN_SCOPE_..., added up; 0: no run has it, it is a call of its own */
  unsigned pipelines;   /* 1 << clattn_pipeline, added up: those that have the stage; 0: none */
  clattn_stage kernels; /* the stage whose kernels it launches: its own, but for output */
  bool traced;          /* only plans with clattn_plan_options.trace have it */
  bool tuned;           /* clattn tune searches its kernels, and plans read the record for it */
  bool self_tested;     /* its kernels must pass their self-test */
  bool masks;           /* it reads the mask */
  /* Its kernels are compiled for head_dim and value_dim, and for the types of given q, k and v,
   * which they read as they are stored. The kernels of every other stage read floats. */
  bool reads_stored;
  clattn_tensor makes[CLATTN_MAKES_MOST + 1];     /* results by which its self-test judges it */
  clattn_tensor touches[CLATTN_TOUCHES_MOST + 1]; /* what it reads and writes, once for each pass over it */
  bool (*used)(const clattn_problem *problem);    /* whether the problem gives it anything to do */
  size_t (*terms)(const clattn_problem *problem); /* of its longest sum */
  double (*flops)(const clattn_problem *problem);
  /* Bytes, where they are not those of the tensors that it touches; NULL: they are. */
  double (*bytes)(const clattn_problem *problem, bool fused);
  /* For a stage that CLBlast can compute: whether its product needs a post-process. NULL: CLBlast
   * cannot. */
  bool (*needs_post_process)(const clattn_problem *problem);
  /* Writes the macros that its kernels are compiled with besides tile sizes, each with a space
   * before it, and returns their length as snprintf does. in_place: whether the kernel reads the
   * problem's cache in place. NULL: none. */
  int (*macros)(const clattn_problem *problem, bool in_place, char *text, size_t size);
} clattn_stage_facts;

const clattn_stage_facts *clattn_stage_facts_of(clattn_stage stage);

/* Whether the problem gives this stage anything to do. */
bool clattn_stage_used(const clattn_problem *problem, clattn_stage stage);

/* Whether plans of some pipeline have the stage; others are calls of their own. */
bool clattn_is_of_plans(clattn_stage stage);

/* Whether the stage works on a block of scores; with a cache it then sees as many keys as the cache
 * has. */
bool clattn_is_of_scores(clattn_stage stage);

#endif
