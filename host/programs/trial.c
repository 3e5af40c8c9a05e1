/* Trials of kernels: see trial.h. A file says how far a trial has come:
 *
 *     trial 1 begun TIMES PROCESS    this process builds it now or, if it no longer runs, died then
 *     trial 1 passed                 a build has returned, if only with an error
 *     trial 1 crashed                no process builds it again
 *
 * A process may also have died of something else, say an interrupt: only the second time counts as the
 * compiler's fault, unless the process was started for the trial and nobody ended it. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "programs/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "programs/program.h"
#include "programs/program_file.h"

#ifdef _WIN32 /* no posix_spawn() there, nor a way to ask for a process by its number that is as simple */

clattn_status clattn_trial_begin(clattn_trial *trial, const clattn_device *device, const clattn_trial_of *of,
                                 clattn_error *error) {
  (void)device;
  (void)of;
  (void)error;
  trial->pending = false;
  return CLATTN_OK;
}

void clattn_trial_end(clattn_trial *trial) {
  (void)trial;
}

#else
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define BEGUN "trial 1 begun "
#define PASSED "trial 1 passed"
#define CRASHED "trial 1 crashed"
enum { LINE_BYTES = 64, DEATHS_MOST = 2 };

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* Writes the file's line; "" where there is no file, or none of this code's. */
static void read_line(const clattn_trial *trial, char line[LINE_BYTES]) {
  unsigned char *bytes = NULL;
  size_t size = 0;
  line[0] = '\0';
  if (clattn_program_file_read(trial->stored.path, trial->stored.key, &bytes, &size) == CLATTN_PROGRAM_FILE_READ &&
      size < LINE_BYTES) {
    memcpy(line, bytes, size);
    line[size] = '\0';
  }
  free(bytes);
}

static bool write_line(const clattn_trial *trial, const char *line) {
  return clattn_program_file_write(trial->stored.path, trial->stored.key, (const unsigned char *)line, strlen(line)) ==
         0;
}

/* How often a trial was begun and not ended; *process is the one that began it last. */
static long read_begun(const char *line, long *process) {
  char *rest = NULL;
  *process = 0;
  if (strncmp(line, BEGUN, sizeof BEGUN - 1) != 0) return 0;
  const long times = strtol(line + sizeof BEGUN - 1, &rest, 10);
  *process = strtol(rest, NULL, 10);
  return times > 0 && *process > 0 ? times : 0;
}

static clattn_status refuse(const clattn_trial *trial, const clattn_device *device, const clattn_trial_of *of,
                            clattn_error *error) {
  write_line(trial, CRASHED);
  return clattn_fail(error, CLATTN_UNSUPPORTED,
                     "kernel %s: on '%s' a process that built or tested it crashed (driver %s); %s remembers it "
                     "(delete that file to try again)",
                     of->kernel, device->info.name, device->info.driver_version, trial->stored.path);
}

/* ---- the other process ------------------------------------------------------------------------------------------- */

static bool was_ended_by_somebody(int status) {
  const int of = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return of == SIGINT || of == SIGTERM || of == SIGKILL || of == SIGHUP || of == SIGQUIT;
}

/* Runs the program: "PROGRAM try FOLDER PLATFORM DEVICE DRIVER KERNEL". Says nothing itself, whatever a
 * compiler that crashes prints. False if it cannot be run. */
static bool run_program(const clattn_device *device, const clattn_trial_of *of, pid_t *child, int *status) {
  const clattn_device_info *info = &device->info;
  const char *const words[] = {of->program,          "try",      of->folder, info->platform, info->name,
                               info->driver_version, of->kernel, NULL};
  posix_spawn_file_actions_t silence;
  if (posix_spawn_file_actions_init(&silence) != 0) return false;
  int code = 0;
  for (int stream = 0; stream < 3 && code == 0; ++stream)
    code = posix_spawn_file_actions_addopen(&silence, stream, "/dev/null", O_RDWR, 0);
  if (code == 0) code = posix_spawnp(child, of->program, &silence, NULL, (char *const *)words, environ);
  posix_spawn_file_actions_destroy(&silence);
  if (code != 0) return false;
  while (waitpid(*child, status, 0) < 0)
    if (errno != EINTR) { /* the caller ignores SIGCHLD: the process is gone, and nobody knows how */
      *status = 0;
      break;
    }
  return true;
}

/* Whether the program crashed when it tried the kernel. */
static bool crashes_elsewhere(const clattn_trial *trial, const clattn_device *device, const clattn_trial_of *of) {
  char line[LINE_BYTES];
  pid_t child = 0;
  int status = 0;
  long process = 0;
  if (!run_program(device, of, &child, &status) || was_ended_by_somebody(status)) return false;
  read_line(trial, line);
  return WIFSIGNALED(status) || (read_begun(line, &process) > 0 && process == (long)child);
}

/* ---- trials ------------------------------------------------------------------------------------------------------ */

/* Finds the file. The key has the driver and the kernel's text, but not the options: a compiler that
 * crashes does not do so for one tile size alone. */
static bool place(clattn_trial *trial, const clattn_device *device, const clattn_trial_of *of) {
  char *text = NULL;
  if (of->folder == NULL || of->folder[0] == '\0') return false;
  if (clattn_source_read(NULL, of->file, &text, NULL, NULL) != CLATTN_OK) return false;
  const bool placed = clattn_store_place(&trial->stored, device, of->folder, "", text, "trial") &&
                      clattn_store_prepare(&trial->stored) == NULL;
  free(text);
  return placed;
}

clattn_status clattn_trial_begin(clattn_trial *trial, const clattn_device *device, const clattn_trial_of *of,
                                 clattn_error *error) {
  char line[LINE_BYTES];
  long process = 0;
  trial->pending = false;
  if (!place(trial, device, of)) return CLATTN_OK;
  read_line(trial, line);
  if (strcmp(line, PASSED) == 0) return CLATTN_OK;
  if (strcmp(line, CRASHED) == 0) return refuse(trial, device, of, error);
  const long deaths = read_begun(line, &process);
  if (deaths > 0 && (kill((pid_t)process, 0) == 0 || errno == EPERM)) return CLATTN_OK; /* it builds it just now */
  if (deaths >= DEATHS_MOST) return refuse(trial, device, of, error);
  if (of->program != NULL) {
    if (crashes_elsewhere(trial, device, of)) return refuse(trial, device, of, error);
    read_line(trial, line);
    if (strcmp(line, PASSED) == 0) return CLATTN_OK;
  }
  snprintf(line, sizeof line, BEGUN "%ld %ld", deaths + 1, (long)getpid());
  trial->pending = write_line(trial, line);
  return CLATTN_OK;
}

void clattn_trial_end(clattn_trial *trial) {
  if (trial->pending) write_line(trial, PASSED);
  trial->pending = false;
}

#endif
