/* The kernels inside the library. */
#ifndef CLATTN_SOURCE_H
#define CLATTN_SOURCE_H

#include <stdint.h>

/* Of all their texts: another number when one of them has changed. */
uint64_t clattn_kernels_hash(void);

#endif
