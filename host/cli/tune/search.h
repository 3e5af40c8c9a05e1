/* Searches the catalogue for the fastest kernel and tile sizes of one stage of one problem. */
#ifndef CLATTN_CLI_SEARCH_H
#define CLATTN_CLI_SEARCH_H

#include "cli/report/steady.h"
#include "cli/input/workload.h"

#define CHOICE_TEXT 160

typedef struct search {
  workload timed, checked; /* the problem to tune for, and a small one, with tails and several strips, for the check */
  bool quick;
  void (*step)(void *of, const char *choice);                     /* before each candidate */
  void (*dropped)(void *of, const char *choice, const char *why); /* called for a candidate that cannot be used */
  bool (*stopped)(void);
  void *of; /* for step and dropped */

  /* results */
  char standard[CHOICE_TEXT], best[CHOICE_TEXT]; /* equal if nothing is faster */
  double gflops, standard_gflops;
  unsigned repeats;
  steadiness steadiness; /* of the times behind these results */

  /* state */
  clattn_plan *standard_plan, *standard_checked;
  double ratio; /* time of the best so far / the standard's */
} search;

/* The largest number of candidates. */
size_t search_steps(const search *s);

/* Returns CLATTN_OK also when it was stopped; then the results are unusable. */
clattn_status search_run(search *s, clattn_error *error);

#endif
