/* OpenCL in a process with threads and children: drivers are searched for by one thread at a time, and a child of
 * fork() does not use what its parent has opened. */
#ifndef CLATTN_PROCESS_H
#define CLATTN_PROCESS_H

#include "clattn_inspect.h"

/* Remembers the process at the first call. In a child that fork() made of that process: CLATTN_UNSUPPORTED. Drivers'
 * threads and locks do not survive a fork; PoCL waits for its threads for good. */
clattn_status clattn_process_check(clattn_error *error);

/* Whether this is such a child: nothing that the parent made may be given back to the driver here. */
bool clattn_process_is_child(void);

/* Held while platforms and devices are listed and contexts are made and released, by this library: drivers initialise
 * themselves in these calls, and PoCL's first ones race. */
void clattn_drivers_take(void);
void clattn_drivers_give(void);

#endif
