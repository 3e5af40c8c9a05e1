/* The device's limit as one more that takes turns: a probe of host/probe/probe.h, run by run. */
#ifndef CLATTN_BENCH_LIMIT_H
#define CLATTN_BENCH_LIMIT_H

#include <stddef.h>

#include "clattn_inspect.h"

/* Of this device: multiply-adds or, with a working set, reading so many bytes. Returns the operations or bytes of one
 * run. What was prepared before is released; limit_close() releases the last. */
double limit_prepare(clattn_device *device, size_t working_set);
double limit_run(void); /* the seconds of one run */
void limit_close(void);

#endif
