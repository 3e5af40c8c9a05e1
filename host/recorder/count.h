/* Counts what a work-group touched. */
#ifndef CLATTN_ACCESS_COUNT_H
#define CLATTN_ACCESS_COUNT_H

#include "recorder/launch.h"

/* Adds the touches of one work-group, in the order in which they were made, to the launch's tallies; those of the first
 * are kept. false without memory. */
bool count_group(launch *launch, const touch *touches, size_t count, size_t phases);

#endif
