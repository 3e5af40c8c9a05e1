/* What `clattn ladder` finds out, and the ways to print it. */
#ifndef CLATTN_CLI_LADDER_H
#define CLATTN_CLI_LADDER_H

#include "clattn_inspect.h"
#include "cli/ladder/prediction.h"
#include "cli/report/steady.h"

#define RUNG_TEXT 512

typedef enum rung_state {
  RUNG_CANNOT, /* the device cannot run it: `reason` */
  RUNG_WRONG,  /* its results are wrong; it was not timed */
  RUNG_TIMED,
  RUNG_STATES
} rung_state;

typedef struct rung {
  clattn_kernel_info kernel;
  rung_state state;
  char reason[RUNG_TEXT];
  char choice[160]; /* with its tile sizes */
  double seconds;   /* the fastest run */
  unsigned runs;
  double spread, median; /* of all runs, as steady.h has it */
  double speed_up;       /* over the last rung before it that was timed; 0: there is none */
  clattn_traffic traffic;
  prediction predicted;
} rung;

typedef struct stage_ladder {
  clattn_stage stage;
  clattn_problem problem;
  double flops, bytes; /* of the formula, and of its tensors when each is read or written once */
  rung *rung;          /* from the lowest */
  size_t count;
} stage_ladder;

typedef struct ladder {
  const clattn_device_info *device;
  uint64_t working_set; /* that memory was probed with */
  clattn_peaks peaks;   /* of two probes, before and after, the higher */
  steadiness steadiness;
  stage_ladder stage[CLATTN_STAGE_COUNT]; /* those with tuned kernels, or the one that was asked for */
  size_t stages;
} ladder;

/* Rates and parts of a rung that was timed; 0 where nothing is known. */
double rung_flops(const stage_ladder *stage, const rung *rung);     /* of the formula, a second */
double rung_bandwidth(const rung *rung);                            /* bytes of global memory asked for, a second */
double rung_intensity(const stage_ladder *stage, const rung *rung); /* the formula's operations for each such byte */
double rung_times(const rung *rung);                                /* measured over predicted time */

/* "cannot run", "wrong", "timed" */
const char *rung_state_name(rung_state state);

/* The first lines, before the work begins, and the rest behind it. */
void ladder_text_head(const ladder *l);
void ladder_text(const ladder *l);
void ladder_csv(const ladder *l);
/* false without memory. */
bool ladder_json(const ladder *l);

/* ladder.svg and roofline.svg into the folder; false after a complaint. */
bool ladder_plot(const ladder *l, const char *folder);

#endif
