/* The results of `clattn compare`, and the ways to print them. */
#ifndef CLATTN_CLI_COMPARISON_H
#define CLATTN_CLI_COMPARISON_H

#include "cli/compare/contestant.h"
#include "cli/compare/crossing.h"
#include "cli/report/steady.h"

typedef enum result_state {
  RESULT_LEFT_OUT, /* a run would take too long: `reason` */
  RESULT_CANNOT,   /* it failed or does not support this: `reason` */
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
  split median;  /* the run with the median total */
  double total;  /* of the median run */
  double spread; /* as defined in steady.h */
} result;

typedef struct comparison {
  const compare_options *options;
  char no_device[512]; /* why there is no device; empty: there is one */
  contestant *contestant;
  size_t contestants;
  clattn_problem problem; /* without its length */
  size_t *length;
  double *flops; /* of the formula at that length */
  size_t lengths;
  result *result; /* (lengths, contestants) */
} comparison;

/* One pair of contestants. `one` has the shorter total at the last length that both have. */
typedef struct overtaking {
  size_t one, other;
  crossing total, compute;
} overtaking;

result *comparison_result(const comparison *c, size_t length, size_t who);

/* "left out", "cannot run", "wrong", "timed" */
const char *result_state_name(result_state state);

/* Why a result is not timed: "WRONG: not timed", or its reason. */
const char *result_trouble(const result *r);

/* The contestant with the shortest total at that length; `contestants` if there is none. */
size_t comparison_fastest(const comparison *c, size_t length);

/* Total of `who` / total of `than` at that length; 0 if either has none. */
double comparison_ratio(const comparison *c, size_t length, size_t who, size_t than);

/* Whether the times cannot be trusted, and why (steady.h). */
bool comparison_disturbed(const comparison *c, char text[STEADY_TEXT]);

/* All pairs with times at one or more common lengths; free() them. NULL without memory. */
overtaking *comparison_overtakings(const comparison *c, size_t *count);

/* Every crossing of the totals of each pair; free() them. NULL without memory. */
crossing *comparison_crossings(const comparison *c, size_t *count);

bool comparison_any_wrong(const comparison *c);

/* The first lines, printed before the work begins; those of a length; and the rest, printed at
 * the end. */
void comparison_text_head(const comparison *c);
void comparison_text_length(const comparison *c, size_t length);
void comparison_text(const comparison *c);
/* False without memory. */
bool comparison_json(const comparison *c);
/* False after a complaint. */
bool comparison_csv(const comparison *c, const char *path);
bool comparison_plot(const comparison *c, const char *path);

#endif
