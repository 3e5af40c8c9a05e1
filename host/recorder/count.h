/* Counts a work-group's accesses. */
#ifndef CLATTN_ACCESS_COUNT_H
#define CLATTN_ACCESS_COUNT_H

#include "recorder/launch.h"

/* Adds the touches of one work-group, in the order they were made, to the launch's tallies. Keeps
 * the touches of the first work-group. false if memory runs out. */
bool count_group(launch *launch, const touch *touches, size_t count, size_t phases);

#endif
