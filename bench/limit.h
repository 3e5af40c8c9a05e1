/* The device's limits, which take turns like an engine: probes of host/probe/probe.h, run by run. */
#ifndef CLATTN_BENCH_LIMIT_H
#define CLATTN_BENCH_LIMIT_H

#include <stddef.h>

#include "clattn_inspect.h"

/* Prepares a limit: "multiply-add", "tile", "read" or "pair" (worker.h). The last two read
 * working_set bytes. Returns the operations or bytes of one run. Several may be prepared at once;
 * the same one again replaces it. */
double limit_prepare(clattn_device *device, const char *name, size_t working_set);
void limit_choose(const char *name); /* limit_run() runs this one from now on */
double limit_run(void);              /* the seconds of one run */
void limit_close(void);              /* all of them */

#endif
