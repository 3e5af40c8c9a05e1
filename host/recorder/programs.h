/* Programs that were compiled before: the same text with the same options is compiled once. */
#ifndef CLATTN_ACCESS_PROGRAMS_H
#define CLATTN_ACCESS_PROGRAMS_H

#include "recorder/compile.h"

/* Stays until programs_free. NULL without memory. */
const compiled *programs_get(const char *source, const char *options);
void programs_free(void);

#endif
