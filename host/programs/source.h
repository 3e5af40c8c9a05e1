/* The kernels embedded in the library. */
#ifndef CLATTN_SOURCE_H
#define CLATTN_SOURCE_H

#include <stdint.h>

/* A hash of all kernel texts; it changes if any of them changes. */
uint64_t clattn_kernels_hash(void);

#endif
