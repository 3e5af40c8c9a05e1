/* OpenCL with threads and fork(): only one thread at a time searches for drivers, and a child of
 * fork() does not use what its parent has opened. */
#ifndef CLATTN_PROCESS_H
#define CLATTN_PROCESS_H

#include "clattn_inspect.h"

/* Records the process at the first call. In a child that was forked from that process:
 * CLATTN_UNSUPPORTED, because drivers' threads and locks do not survive a fork. PoCL would wait for
 * its threads forever. */
clattn_status clattn_process_check(clattn_error *error);

/* Whether this process is such a child. It must not release the parent's objects to the driver. */
bool clattn_process_is_child(void);

/* Held by this library while it lists platforms and devices and while it creates and releases
 * contexts. Drivers initialise themselves in these calls, and PoCL's first calls race. */
void clattn_drivers_take(void);
void clattn_drivers_give(void);

#endif
