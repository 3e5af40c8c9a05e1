/* Shared by the reader and the writer of tuning records. */
#ifndef CLATTN_RECORD_FORMAT_H
#define CLATTN_RECORD_FORMAT_H

#include "clattn_inspect.h"

#define CLATTN_RECORD_FORMAT "clattn tuning record 1"
#define CLATTN_KERNELS_TEXT 20

/* "float", "stored" */
const char *clattn_record_math(int math);

/* A hash of the library's kernel texts, as text. */
void clattn_record_kernels(char text[CLATTN_KERNELS_TEXT]);

#endif
