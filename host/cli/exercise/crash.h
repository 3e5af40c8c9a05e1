/* Reports on a kernel that crashed the program. */
#ifndef CLATTN_CLI_CRASH_H
#define CLATTN_CLI_CRASH_H

#include <stdio.h>

/* Writes the signal, its likely cause, and the last line from the driver or the C library.
 * `said` may be NULL. */
void crash_print(int signal, FILE *said, FILE *to);

/* Copies to standard error what a job wrote there, without clang's counts of messages. NULL:
 * nothing. */
void crash_pass_on(FILE *said);

#endif
