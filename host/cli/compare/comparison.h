/* What `clattn compare` finds out, and the ways to print it. */
#ifndef CLATTN_CLI_COMPARISON_H
#define CLATTN_CLI_COMPARISON_H

#include "cli/compare/contestant.h"
#include "cli/compare/crossing.h"
#include "cli/report/steady.h"

typedef enum result_state {
  RESULT_LEFT_OUT, /* one run would take too long: `reason` */
  RESULT_CANNOT,   /* it failed or cannot do this: `reason` */
  RESULT_WRONG,    /* its results are wrong; it was not timed */
  RESULT_TIMED,
  RESULT_STATES
} result_state;

/* One contestant at one length. */
typedef struct result {
  result_state state;
  char reason[512];
  split run[COMPARE_MOST_RUNS];
  size_t runs;
  split median;  /* the run in the middle, by its total */
  double total;  /* of that one */
  double spread; /* between the quarters of the runs, as a part of the median */
} result;

typedef struct comparison {
  const compare_options *options;
  char no_device[512]; /* why there is none; empty: there are some */
  contestant *contestant;
  size_t contestants;
  clattn_problem problem; /* but for its length */
  size_t *length;
  double *flops; /* of the formula at that length */
  size_t lengths;
  result *result; /* (lengths, contestants) */
} comparison;

/* One pair of contestants. The first is ahead at the last length that both have, by the total. */
typedef struct overtaking {
  size_t one, other;
  crossing total, compute;
} overtaking;

result *comparison_result(const comparison *c, size_t length, size_t who);

/* "left out", "cannot run", "wrong", "timed" */
const char *result_state_name(result_state state);

/* The result, which is not timed: "WRONG", or its reason. */
const char *result_trouble(const result *r);

/* The fastest at that length, by the total; `contestants` where there is none. */
size_t comparison_fastest(const comparison *c, size_t length);

/* `total` seconds over those of `than` at that length; 0 where either has none. */
double comparison_ratio(const comparison *c, size_t length, size_t who, size_t than);

/* Whether the times are not to be trusted, and why (steady.h). */
bool comparison_disturbed(const comparison *c, char text[STEADY_TEXT]);

/* All pairs that have times at one length at least; free() them. NULL without memory. */
overtaking *comparison_overtakings(const comparison *c, size_t *count);

/* Each change of places of each pair, by the total; free() them. NULL without memory. */
crossing *comparison_crossings(const comparison *c, size_t *count);

bool comparison_any_wrong(const comparison *c);

/* The first lines, before the work begins, those of a length, and the rest behind all of them. */
void comparison_text_head(const comparison *c);
void comparison_text_length(const comparison *c, size_t length);
void comparison_text(const comparison *c);
/* false without memory. */
bool comparison_json(const comparison *c);
/* false after a complaint. */
bool comparison_csv(const comparison *c, const char *path);
bool comparison_plot(const comparison *c, const char *path);

#endif
