/* The device's limit, which takes turns like an engine: a probe of host/probe/probe.h, run by
 * run. */
#ifndef CLATTN_BENCH_LIMIT_H
#define CLATTN_BENCH_LIMIT_H

#include <stddef.h>

#include "clattn_inspect.h"

/* Prepares a probe of multiply-adds or, if working_set is not 0, of reading that many bytes.
 * Returns the operations or bytes of one run. Releases what was prepared before; limit_close()
 * releases the last one. */
double limit_prepare(clattn_device *device, size_t working_set);
double limit_run(void); /* the seconds of one run */
void limit_close(void);

#endif
