/* What the workers written in C share: the lines that the driver bench/run sends and reads, and files of plain numbers.
 * A worker's first line says who it is: NAME VERSION, and of a device more behind " | ". Then it answers:
 *
 *     case KEY=VALUE ...   prepare what is timed, run it once and write the result; answer "ready HOW" or
 *                          "unsupported REASON"
 *     run N                one run that warms up, then N that count; answer N times in seconds. A run longer than
 *                          WARM_SECONDS needs no warming up: the first counts as well
 *     limit BYTES          clattn alone: prepare the probe of the device's multiply-adds or, where BYTES is not 0, of
 *                          reading a working set of so many; answer the operations or bytes of one run
 *     probe N              as run, of that probe
 *
 * At the end of the input a worker ends. What goes wrong is said on stderr, with exit code 1. Tensors are files of
 * little-endian numbers without a header. The workers in Python speak the same (bench/peers/worker.py).
 */
#ifndef CLATTN_BENCH_WORKER_H
#define CLATTN_BENCH_WORKER_H

#include <stddef.h>

#include "clattn_inspect.h"

#define ANSWER_SIZE 512
#define WARM_SECONDS 0.2

/* The words of a line, key=value, all of them in `text`. */
typedef struct words {
  char text[4096];
  const char *key[32], *value[32];
  int count;
} words;

const char *words_text(const words *w, const char *key); /* ends the worker where there is no such word */
size_t words_number(const words *w, const char *key);

typedef struct worker {
  /* 1: ready, 0: unsupported; the answer says how, or why not. */
  int (*prepare)(const words *w, char answer[ANSWER_SIZE]);
  double (*run)(void);   /* the seconds of one run */
  clattn_device *device; /* whose limit can be probed; NULL: none */
} worker;

/* Until the input ends; the program's exit code. */
int worker_serve(const worker *w);

void *read_numbers(const char *folder, const char *name, size_t bytes); /* FOLDER/NAME.bin; free with free() */
void write_numbers(const char *path, const void *data, size_t bytes);

/* Says what is wrong and ends the worker. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2), noreturn))
#endif
void give_up(const char *format, ...);

/* That the library did as it was told. */
void need(clattn_status status, const clattn_error *error);

#endif
