/* A pipe carries signs of life, one byte each; it closes when the process ends. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "cli/exercise/watch.h"

#include "cli/command.h"

#if defined(__unix__) || defined(__APPLE__)
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int alive = -1; /* the job's end of the pipe */

/* _exit skips exit handlers, which the parent process runs. */
static void do_job(int (*job)(void *of), void *of) {
  int code = job(of);
  if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_PASSED) {
    complain("cannot write to standard output");
    code = EXIT_BAD_INPUT;
  }
  _exit(code);
}

/* The processor time that the job has had, in seconds; where the system does not tell, WATCH_SECONDS more each time. */
static double time_used(pid_t job, double before) {
#ifndef __APPLE__
  clockid_t clock;
  struct timespec used;
  if (clock_getcpuclockid(job, &clock) == 0 && clock_gettime(clock, &used) == 0)
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
#endif
  (void)job;
  return before + WATCH_SECONDS;
}

/* False if no sign of life comes in time. The time counts that the job has had on a processor: on a busy machine the
 * driver's compiler may need longer, and gives no sign. A job that only waits gets WATCH_WAITING_SECONDS. */
static bool wait_for_end(int signs, pid_t job) {
  struct pollfd waited = {.fd = signs, .events = POLLIN};
  double used_before = time_used(job, 0.0);
  char sign[64];
  for (int silent = 0;;) {
    const int ready = poll(&waited, 1, 1000);
    if (ready > 0 && read(signs, sign, sizeof sign) == 0) return true;
    if (ready > 0) {
      silent = 0;
      used_before = time_used(job, 0.0);
    } else if (ready == 0 && ++silent >= WATCH_SECONDS &&
               (silent >= WATCH_WAITING_SECONDS || time_used(job, used_before) - used_before >= WATCH_SECONDS)) {
      return false;
    }
  }
}

watch_end watch(int (*job)(void *of), void *of, FILE *said, int *code) {
  int ends[2];
  fflush(stdout);
  fflush(stderr);
  if (pipe(ends) != 0) return WATCH_FAILED;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    if (said != NULL) dup2(fileno(said), STDERR_FILENO);
    alive = ends[1];
    do_job(job, of);
  }
  close(ends[1]);
  const bool ended = child < 0 || wait_for_end(ends[0], child);
  close(ends[0]);
  if (child < 0) return WATCH_FAILED;
  int status = 0;
  if (!ended) kill(child, SIGKILL);
  waitpid(child, &status, 0);
  if (!ended) return WATCH_ENDLESS;
  *code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  return WIFSIGNALED(status) ? WATCH_CRASHED : WATCH_DONE;
}

void watch_alive(void) {
  if (alive >= 0 && write(alive, "", 1) != 1) alive = -1;
}

#else

watch_end watch(int (*job)(void *of), void *of, FILE *said, int *code) {
  (void)said;
  *code = job(of);
  return WATCH_DONE;
}

void watch_alive(void) {
}

#endif
