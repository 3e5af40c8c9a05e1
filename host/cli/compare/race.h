/* Runs all contestants at one length: checks them, then times them in turn. */
#ifndef CLATTN_CLI_RACE_H
#define CLATTN_CLI_RACE_H

#include "cli/compare/comparison.h"

/* rate: operations per second that each contestant reached at its last length; 0: unknown. */
typedef struct race {
  comparison *found;
  double *rate; /* (contestants) */
  void (*show)(void *of, const char *who);
  void *of;
} race;

/* Fills in found->problem. Returns GO_ON, or the exit code after a complaint. */
int race_prepare(race *r);

/* Runs all contestants at found->length[index]. Returns as race_prepare does. */
int race_run(race *r, size_t index);

/* Before a single long length: one run of each at a shorter one, to find their rates. Returns as
 * race_prepare does. */
int race_rehearse(race *r);

#endif
