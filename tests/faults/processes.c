/* Many threads that open devices at once, in fresh processes; and processes that fork.
 *
 * This process itself uses no OpenCL: every case is a child of its own. As many rounds of threads as fit into SECONDS;
 * with FAULTS=all ROUNDS. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clattn_cl.h"
#include "base/clock.h"
#include "support.h"

enum { THREADS = 8, ROUNDS = 200, LEAST_ROUNDS = 5, SECONDS = 8, HANGS_AFTER = 60, LAST_DELAY = 50 /* ms */ };

/* Runs the case in a child and returns how it ended: its exit code, or 128 and the signal; SIGALRM is a hang. */
static int in_child(int (*test)(void)) {
  int status = 0;
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    alarm(HANGS_AFTER);
    _exit(test());
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

static pthread_barrier_t start;
static int round_number;

/* Half of the threads come at once, the others while those are at it: so that they find drivers half initialised. NULL:
 * it went well. */
static void *open_and_close(void *of) {
  static atomic_int number;
  clattn_device *device = NULL;
  clattn_error error;
  pthread_barrier_wait(&start);
  const int mine = atomic_fetch_add(&number, 1);
  if (mine >= THREADS / 2) usleep((useconds_t)(mine * (1 + round_number % LAST_DELAY) * 1000 / THREADS));
  const bool opened = clattn_device_open(NULL, &device, &error) == CLATTN_OK;
  if (!opened) print_error("%s\n", error.message);
  clattn_device_close(device);
  return opened ? NULL : of;
}

static int open_in_threads(void) {
  pthread_t thread[THREADS];
  int failed = 0;
  pthread_barrier_init(&start, NULL, THREADS);
  for (int i = 0; i < THREADS; ++i)
    if (pthread_create(&thread[i], NULL, open_and_close, &start) != 0) return 100;
  for (int i = 0; i < THREADS; ++i) {
    void *result = NULL;
    pthread_join(thread[i], &result);
    failed += result != NULL;
  }
  return failed;
}

static void test_threads(void **state) {
  (void)state;
  const char *faults = getenv("FAULTS");
  const bool all = faults != NULL && strcmp(faults, "all") == 0;
  const double started = clattn_now();
  int wrong = 0;
  for (; round_number < ROUNDS && (all || round_number < LEAST_ROUNDS || clattn_now() - started < SECONDS);
       ++round_number) {
    const int ended = in_child(open_in_threads);
    if (ended == 0) continue;
    print_error("process %d: ended with %d\n", round_number, ended);
    ++wrong;
  }
  print_message("%d processes, %d threads each: %d failed\n", round_number, THREADS, wrong);
  assert_int_equal(wrong, 0);
}

/* ---- fork -------------------------------------------------------------------------------------------------------- */

static clattn_device *device;
static clattn_plan *plan;
static clattn_cache *cache;
static clattn_weights *weights;
static clattn_problem problem;

static float none[16];
static const clattn_outputs outputs = {.size = sizeof(clattn_outputs), .output = none};

static clattn_inputs inputs(void) {
  return (clattn_inputs){.size = sizeof(clattn_inputs), .q = none, .k = none, .v = none, .wo = none, .cache = cache};
}

static bool is_refused(const char *what, clattn_status status, const clattn_error *error) {
  const bool refused = status == CLATTN_UNSUPPORTED && strstr(error->message, "fork") != NULL;
  if (!refused) print_error("%s: %s\n", what, clattn_status_name(status));
  return refused;
}

/* Each call that would reach a driver; and those that destroy return. */
static int use_in_grandchild(void) {
  clattn_error error;
  clattn_device_list *list = NULL;
  clattn_device *other = NULL;
  clattn_plan *new_plan = NULL;
  clattn_cache *new_cache = NULL;
  clattn_peaks peaks = CLATTN_PEAKS_INIT;
  clattn_self_test_result answer = CLATTN_SELF_TEST_RESULT_INIT;
  const clattn_buffers buffers = CLATTN_BUFFERS_INIT;
  clattn_weights *new_weights = NULL;
  const clattn_inputs in = inputs();
  int wrong = 0;
#define REFUSED(call) wrong += !is_refused(#call, call, &error)
  REFUSED(clattn_device_list_create(NULL, &list, &error));
  REFUSED(clattn_device_open(NULL, &other, &error));
  REFUSED(clattn_plan_create(device, &problem, NULL, &new_plan, &error));
  REFUSED(clattn_plan_run(plan, &in, &outputs, NULL, &error));
  REFUSED(clattn_attend(device, &problem, &in, &outputs, &error));
  REFUSED(clattn_weights_create(device, &problem, &in, &new_weights, &error));
  REFUSED(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error));
  REFUSED(clattn_cache_create(device, &problem, NULL, NULL, &new_cache, &error));
  REFUSED(clattn_cache_truncate(cache, 0, 0, &error));
  REFUSED(clattn_device_probe(device, NULL, &peaks, &error));
  REFUSED(clattn_kernel_self_test(device, 0, NULL, &answer, &error));
#undef REFUSED
  clattn_weights_destroy(weights);
  clattn_cache_destroy(cache);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  return wrong;
}

static int fork_after_opening(void) {
  clattn_error error;
  problem = (clattn_problem)CLATTN_PROBLEM_INIT;
  problem.source = CLATTN_SOURCE_QKV;
  problem.query_len = problem.key_len = 1;
  problem.head_dim = problem.value_dim = problem.output_dim = 4;
  problem.cache.capacity = 4;
  if (clattn_device_open(NULL, &device, &error) != CLATTN_OK) return 100;
  if (clattn_plan_create(device, &problem, NULL, &plan, &error) != CLATTN_OK) return 101;
  if (clattn_cache_create(device, &problem, NULL, NULL, &cache, &error) != CLATTN_OK) return 102;
  const clattn_inputs in = inputs();
  if (clattn_weights_create(device, &problem, &in, &weights, &error) != CLATTN_OK) return 103;
  if (clattn_attend(device, &problem, &in, &outputs, &error) != CLATTN_OK) return 104; /* its plan is kept */
  const int wrong = in_child(use_in_grandchild);
  if (clattn_attend(device, &problem, &in, &outputs, &error) != CLATTN_OK) return 105; /* the parent's still work */
  clattn_weights_destroy(weights);
  clattn_cache_destroy(cache);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  return wrong;
}

static void test_fork(void **state) {
  (void)state;
  assert_int_equal(in_child(fork_after_opening), 0);
}

/* A device may be opened after a fork where the parent used none. */
static int open_and_run(void) {
  clattn_error error;
  if (clattn_device_open(NULL, &device, &error) != CLATTN_OK) return 100;
  clattn_device_close(device);
  return 0;
}

static int fork_before_opening(void) {
  const int ended = in_child(open_and_run);
  return ended != 0 ? ended : open_and_run();
}

static void test_fork_first(void **state) {
  (void)state;
  assert_int_equal(in_child(fork_before_opening), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_threads),
      cmocka_unit_test(test_fork),
      cmocka_unit_test(test_fork_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
