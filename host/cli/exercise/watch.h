/* A job in a process of its own: a kernel of a CPU device runs inside the program, and a wrong one may end it, or never
 * end. On systems without fork() in the program itself. */
#ifndef CLATTN_CLI_WATCH_H
#define CLATTN_CLI_WATCH_H

#include <stdio.h>

#define WATCH_SECONDS 20 /* without a sign of life */

typedef enum watch_end {
  WATCH_DONE,    /* *code is what the job returned */
  WATCH_CRASHED, /* *code is the signal */
  WATCH_ENDLESS,
  WATCH_FAILED /* no process to be had; errno says why */
} watch_end;

/* Runs job(of). What it prints is printed whole, in order; what it and its libraries write to standard error goes to
 * `said` (NULL, and always without fork(): to standard error). */
watch_end watch(int (*job)(void *of), void *of, FILE *said, int *code);

/* The job is still getting on. */
void watch_alive(void);

#endif
