/* Runs a job in a child process: on a CPU device kernels run inside the program, and a wrong one
 * may crash it or never end. Systems without fork() run the job in the program itself. */
#ifndef CLATTN_CLI_WATCH_H
#define CLATTN_CLI_WATCH_H

#include <stdio.h>

#define WATCH_SECONDS 20         /* of processor time without a sign of life */
#define WATCH_WAITING_SECONDS 60 /* without a sign of life, if the job uses less processor time */

typedef enum watch_end {
  WATCH_DONE,    /* *code is what the job returned */
  WATCH_CRASHED, /* *code is the signal */
  WATCH_ENDLESS,
  WATCH_FAILED /* no process could be started; errno says why */
} watch_end;

/* Runs job(of). Its output appears completely and in order. What it and its libraries write to
 * standard error goes to `said`, or to standard error if `said` is NULL or there is no fork(). */
watch_end watch(int (*job)(void *of), void *of, FILE *said, int *code);

/* Called by the job: a sign of life. */
void watch_alive(void);

#endif
