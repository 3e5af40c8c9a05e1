/* Keeps compiled programs: the same text with the same options is compiled once. */
#ifndef CLATTN_ACCESS_PROGRAMS_H
#define CLATTN_ACCESS_PROGRAMS_H

#include "recorder/compile.h"

/* Valid until programs_free. NULL if memory runs out. */
const compiled *programs_get(const char *source, const char *options);
void programs_free(void);

#endif
