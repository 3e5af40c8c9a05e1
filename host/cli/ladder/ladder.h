/* The results of `clattn ladder`, and the ways to print them. */
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
  double spread, median; /* of all runs, as defined in steady.h */
  double speed_up;       /* over the last timed rung before it; 0: there is none */
  clattn_traffic traffic;
  prediction predicted;
} rung;

typedef struct stage_ladder {
  clattn_stage stage;
  clattn_problem problem;
  double flops, bytes; /* flops of the formula; bytes of its tensors, each read or written once */
  rung *rung;          /* from the lowest */
  size_t count;
} stage_ladder;

typedef struct ladder {
  const clattn_device_info *device;
  uint64_t working_set; /* bytes with which memory was probed */
  clattn_peaks peaks;   /* the higher of two probes, before and after the rungs */
  steadiness steadiness;
  stage_ladder stage[CLATTN_STAGE_COUNT]; /* those with tuned kernels, or the one that was asked for */
  size_t stages;
} ladder;

/* The peak of the matrix unit for the problem's type; 0 if the device has no such unit. */
clattn_rate ladder_unit_peak(const ladder *l);
/* Whether the rung multiplies in that unit, and the peak of what it multiplies in: that unit, or float lanes. */
bool rung_uses_unit(const ladder *l, const rung *rung);
clattn_rate rung_peak(const ladder *l, const rung *rung);

/* Rates and ratios of a timed rung; 0 if unknown. */
double rung_flops(const stage_ladder *stage, const rung *rung);                  /* of the formula, per second */
double rung_share(const ladder *l, const stage_ladder *stage, const rung *rung); /* of its peak */
double rung_bandwidth(const rung *rung);                            /* bytes of global memory requested, per second */
double rung_intensity(const stage_ladder *stage, const rung *rung); /* operations of the formula per requested byte */
double rung_times(const rung *rung);                                /* measured time / predicted time */

/* "cannot run", "wrong", "timed" */
const char *rung_state_name(rung_state state);

/* The first lines, printed before the work begins, and the rest, printed after it. */
void ladder_text_head(const ladder *l);
void ladder_text(const ladder *l);
void ladder_csv(const ladder *l);
/* False without memory. */
bool ladder_json(const ladder *l);

/* Writes ladder.svg and roofline.svg into the folder. False after a complaint. */
bool ladder_plot(const ladder *l, const char *folder);

#endif
