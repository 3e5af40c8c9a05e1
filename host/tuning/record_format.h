/* What reader and writer of tuning records share. */
#ifndef CLATTN_RECORD_FORMAT_H
#define CLATTN_RECORD_FORMAT_H

#include "clattn_inspect.h"

#define CLATTN_RECORD_FORMAT "clattn tuning record 1"
#define CLATTN_KERNELS_TEXT 20

/* The kernels of this library as a number that changes with any of their texts. */
void clattn_record_kernels(char text[CLATTN_KERNELS_TEXT]);

#endif
