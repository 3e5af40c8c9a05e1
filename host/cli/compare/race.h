/* One length: everybody is checked, then timed in turn. */
#ifndef CLATTN_CLI_RACE_H
#define CLATTN_CLI_RACE_H

#include "cli/compare/comparison.h"

/* What is known of how fast each contestant is, in operations a second: its last length's; 0: nothing yet. */
typedef struct race {
  comparison *found;
  double *rate; /* (contestants) */
  void (*show)(void *of, const char *who);
  void *of;
} race;

/* Fills in the problem that is found. GO_ON, or the exit code after a complaint. */
int race_prepare(race *r);

/* Runs all at length `index` of what is found. Likewise. */
int race_run(race *r, size_t index);

/* Before a single long length: one run of each at a shorter one, so that their rates are known. Likewise. */
int race_rehearse(race *r);

#endif
