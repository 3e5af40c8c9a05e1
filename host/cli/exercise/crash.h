/* What can be told of a kernel that ended the program. */
#ifndef CLATTN_CLI_CRASH_H
#define CLATTN_CLI_CRASH_H

#include <stdio.h>

/* Writes the signal, what it speaks for, and what the driver or the C library said last. `said` may be NULL. */
void crash_print(int signal, FILE *said, FILE *to);

/* Passes on to standard error what a job said there, apart from clang's counts of its messages. NULL: nothing. */
void crash_pass_on(FILE *said);

#endif
