/* Several threads that share the work. A device with its plans belongs to one thread at a time, so each thread opens a
 * device and creates a plan of its own, also where all of them are the same GPU or CPU; nothing needs a lock. The
 * results are compared with those of one run over all requests.
 *
 *     cc threads.c -o threads $(pkg-config --cflags --libs clattn) -lm -pthread
 */
#include <clattn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, REQUESTS = 32, HEADS = 4, LEN = 64, DIM = 64, ELEMENTS = HEADS * LEN * DIM };

/* For values between -1 and 1: far above what rounding in float gives, far below what another request's data does. */
static const double allowed = 1e-5;

static float q[REQUESTS][ELEMENTS], k[REQUESTS][ELEMENTS], v[REQUESTS][ELEMENTS]; /* each (HEADS, LEN, DIM) */
static float served[REQUESTS][ELEMENTS], at_once[REQUESTS][ELEMENTS];

typedef struct worker {
  pthread_t thread;
  size_t number, requests; /* of the thread; how many requests it served */
  clattn_status status;
  clattn_error error; /* of this thread's calls only */
} worker;

static void fill(float *to, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] = (float)rand() / (float)RAND_MAX * 2 - 1;
}

static clattn_problem problem_of(size_t requests) {
  clattn_problem problem = clattn_problem_qkv(requests, HEADS, LEN, LEN, DIM);
  problem.causal = true;
  return problem;
}

/* Every THREADS-th request. */
static void *serve(void *of) {
  worker *w = of;
  const clattn_problem problem = problem_of(1);
  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  w->status = clattn_device_open(NULL, &device, &w->error);
  if (w->status == CLATTN_OK) w->status = clattn_plan_create(device, &problem, NULL, &plan, &w->error);
  for (size_t request = w->number; request < REQUESTS && w->status == CLATTN_OK; request += THREADS) {
    const clattn_inputs inputs = {.size = sizeof inputs, .q = q[request], .k = k[request], .v = v[request]};
    const clattn_outputs outputs = {.size = sizeof outputs, .context = served[request]};
    w->status = clattn_plan_run(plan, &inputs, &outputs, NULL, &w->error);
    if (w->status == CLATTN_OK) ++w->requests;
  }
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  return NULL;
}

/* Starts the threads and waits for them. */
static bool serve_all(void) {
  static worker workers[THREADS];
  size_t started = 0;
  bool fine = true;
  for (; started < THREADS && fine; started += fine) {
    workers[started].number = started;
    const int code = pthread_create(&workers[started].thread, NULL, serve, &workers[started]);
    if (code != 0) fprintf(stderr, "threads: cannot start thread %zu: %s\n", started, strerror(code));
    fine = code == 0;
  }
  for (size_t i = 0; i < started; ++i) {
    worker *w = &workers[i];
    pthread_join(w->thread, NULL);
    if (w->status == CLATTN_OK) {
      printf("thread %zu served %zu requests\n", i, w->requests);
    } else {
      fprintf(stderr, "threads: thread %zu: %s: %s\n", i, clattn_status_name(w->status), w->error.message);
      fine = false;
    }
  }
  return fine;
}

/* All requests as one batch. */
static bool run_at_once(void) {
  const clattn_problem problem = problem_of(REQUESTS);
  const clattn_inputs inputs = {.size = sizeof inputs, .q = q, .k = k, .v = v};
  const clattn_outputs outputs = {.size = sizeof outputs, .context = at_once[0]};
  clattn_device *device = NULL;
  clattn_error error;
  clattn_status status = clattn_device_open(NULL, &device, &error);
  if (status == CLATTN_OK) status = clattn_attend(device, &problem, &inputs, &outputs, &error);
  if (status != CLATTN_OK) fprintf(stderr, "threads: %s: %s\n", clattn_status_name(status), error.message);
  clattn_device_close(device);
  return status == CLATTN_OK;
}

int main(void) {
  fill(q[0], sizeof q / sizeof **q);
  fill(k[0], sizeof k / sizeof **k);
  fill(v[0], sizeof v / sizeof **v);
  if (!serve_all() || !run_at_once()) return 1;

  double largest = 0;
  size_t wrong = 0;
  for (size_t r = 0; r < REQUESTS; ++r)
    for (size_t i = 0; i < ELEMENTS; ++i) {
      const double difference = fabs((double)served[r][i] - (double)at_once[r][i]);
      if (!(difference <= allowed)) ++wrong; /* a NaN is wrong, too */
      largest = fmax(largest, difference);
    }
  printf("largest difference from one run over all requests %.1e (allowed: %.0e), %zu of %d elements are wrong\n",
         largest, allowed, wrong, REQUESTS * ELEMENTS);
  return wrong == 0 ? 0 : 1;
}
