/* Searching the catalogue for the best kernel and tile sizes of one stage of one problem. */
#ifndef CLATTN_CLI_SEARCH_H
#define CLATTN_CLI_SEARCH_H

#include "cli/report/steady.h"
#include "cli/input/workload.h"

#define CHOICE_TEXT 160

typedef struct search {
  workload timed, checked; /* the problem that counts, and a small one with tails and several strips for the check */
  bool quick;
  void (*step)(void *of, const char *choice);                     /* before each candidate */
  void (*dropped)(void *of, const char *choice, const char *why); /* a candidate that may not be used */
  bool (*stopped)(void);
  void *of; /* for step and dropped */

  /* what was found */
  char standard[CHOICE_TEXT], best[CHOICE_TEXT]; /* the same where nothing is faster */
  double gflops, standard_gflops;
  unsigned repeats;
  steadiness steadiness; /* of the times that these come from */

  /* on the way */
  clattn_plan *standard_plan, *standard_checked;
  double ratio; /* time of the best so far / the standard's */
} search;

/* Candidates that are looked at, at most. */
size_t search_steps(const search *s);

/* CLATTN_OK also when it was stopped; the search is of no use then. */
clattn_status search_run(search *s, clattn_error *error);

#endif
