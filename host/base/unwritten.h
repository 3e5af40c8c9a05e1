/* What new device memory holds until a kernel writes to it. */
#ifndef CLATTN_UNWRITTEN_H
#define CLATTN_UNWRITTEN_H

#include <stdint.h>

/* A float's bits: a signalling NaN, which arithmetic never returns. As two halves or bfloat16 values
 * they are NaN, too. */
#define CLATTN_UNWRITTEN_BITS ((uint32_t)0x7FBFFFFF)

#endif
