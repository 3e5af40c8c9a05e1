/* Lists and opens devices, and names drivers that do not respond: see open.h. */
#if defined(__unix__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "cli/devices/open.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/files/user_files.h"

/* ---- drivers that do not respond ----------------------------------------------------------------------------------
 */

#if !defined(__unix__)

typedef struct patience {
  int nothing;
} patience;

static patience begin_waiting(void) {
  return (patience){0};
}

static void end_waiting(const patience *p) {
  (void)p;
}

#else
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/devices/icd.h"

enum { OPEN_PATIENCE = 10, ASK_SECONDS = 3 };

/* A second process, forked before any driver is loaded, that waits for the end of the pipe. */
typedef struct patience {
  pid_t process; /* negative: there is none */
  int pipe;
} patience;

static void name_those_that_hang(void) {
  icd_list list;
  size_t named = 0;
  complain("the OpenCL drivers have not responded for %d s; each is now queried alone", OPEN_PATIENCE);
  if (!icd_find(&list)) return;
  for (size_t i = 0; i < list.count; ++i) {
    char name[ICD_PATH_BYTES], text[3 * ICD_TEXT_BYTES];
    const icd_response response = icd_query(&list.one[i], ASK_SECONDS, text, sizeof text);
    if (response != ICD_HANGS && response != ICD_CRASHES) continue;
    icd_name(&list.one[i], name, sizeof name);
    complain("%s: %s", name, text);
    ++named;
  }
  if (named > 0)
    complain("remove such a file, or set OCL_ICD_VENDORS to a folder without it");
  else
    complain("each of %zu responds alone: they are slow, or conflict with each other", list.count);
  icd_free(&list);
}

static void wait_beside(int end) {
  struct pollfd waited = {.fd = end, .events = POLLIN};
  if (poll(&waited, 1, OPEN_PATIENCE * 1000) == 0) name_those_that_hang();
  _exit(EXIT_SUCCESS);
}

static patience begin_waiting(void) {
  int ends[2];
  fflush(NULL);
  if (pipe(ends) != 0) return (patience){.process = -1};
  const pid_t process = fork();
  if (process == 0) {
    close(ends[1]);
    wait_beside(ends[0]);
  }
  close(ends[0]);
  if (process < 0) close(ends[1]);
  return (patience){.process = process, .pipe = ends[1]};
}

static void end_waiting(const patience *p) {
  if (p->process < 0) return;
  close(p->pipe);
  kill(p->process, SIGKILL);
  waitpid(p->process, NULL, 0);
}
#endif

/* ---- devices ----------------------------------------------------------------------------------------------------- */

clattn_status list_devices(const clattn_device_choice *choice, clattn_device_list **list, clattn_error *error) {
  const patience waiting = begin_waiting();
  const clattn_status status = clattn_device_list_create(choice, list, error);
  end_waiting(&waiting);
  return status;
}

/* Fills `rate` with the tuned rates of the stage; returns how many devices have one. */
static size_t read_rates_of(const clattn_device_list *list, clattn_stage stage, double *rate) {
  size_t known = 0;
  for (size_t i = 0; i < clattn_device_list_count(list); ++i) {
    const clattn_device_info *info = clattn_device_list_info(list, i);
    char path[4096];
    rate[i] = clattn_tuning_rate(tuning_file_path(info, path, sizeof path), info, stage);
    known += rate[i] > 0.0;
  }
  return known;
}

/* Takes the rates of the stage for which most devices have one: rates of different stages cannot
 * be compared. */
static void read_rates(const clattn_device_list *list, double *rate) {
  static const clattn_stage stages[] = {CLATTN_STAGE_FUSED, CLATTN_STAGE_SCORES, CLATTN_STAGE_CONTEXT,
                                        CLATTN_STAGE_PROJECT};
  clattn_stage best = stages[0];
  size_t most = 0;
  for (size_t s = 0; s < sizeof stages / sizeof stages[0]; ++s) {
    const size_t known = read_rates_of(list, stages[s], rate);
    if (known <= most) continue;
    best = stages[s];
    most = known;
  }
  read_rates_of(list, best, rate);
}

clattn_status open_device(const clattn_device_choice *choice, clattn_device **device, clattn_error *error) {
  clattn_device_list *list = NULL;
  size_t best = 0;
  clattn_status status = list_devices(choice, &list, error);
  if (status != CLATTN_OK) return status;
  const size_t count = clattn_device_list_count(list);
  double *rate =
      count > 1 ? calloc(count, sizeof *rate) : NULL; /* without memory, choose as if there were no records */
  if (rate != NULL) read_rates(list, rate);
  status = clattn_device_list_best(list, rate, &best, error);
  if (status == CLATTN_OK) status = clattn_device_list_open(list, best, device, error);
  free(rate);
  clattn_device_list_destroy(list);
  return status;
}
