/* Shared by the workers written in C: the lines that bench/run sends and reads, and files of plain
 * numbers.
 *
 * A worker's first line tells its name and version and, if it uses a device, more after " | ". Then it
 * answers these requests:
 *
 *     case KEY=VALUE ...   prepare the case, run it once and write the result; answer "ready HOW" or
 *                          "unsupported REASON"
 *     run N                one run to warm up, then N timed ones; answer N times in seconds. A run
 *                          longer than WARM_SECONDS needs no warming up, so the first one counts, too
 *     limit NAME BYTES     only clattn: prepare a limit of the device; answer the operations or bytes
 *                          of one run. multiply-add: only that; tile: multiply-adds of a register
 *                          tile that reads its operands; read: reading BYTES; pair: reading as many,
 *                          keys and values in turn
 *     probe NAME N         as run, for a prepared limit
 *
 * A worker ends when its input ends. It reports errors on stderr, with exit code 1. Tensors are files
 * of little-endian numbers without a header. Workers in Python (bench/peers/worker.py) use the same
 * format. */
#ifndef CLATTN_BENCH_WORKER_H
#define CLATTN_BENCH_WORKER_H

#include <stddef.h>

#include "clattn_inspect.h"

#define ANSWER_SIZE 512
#define WARM_SECONDS 0.2

/* The words of a line, each key=value; they point into `text`. */
typedef struct words {
  char text[4096];
  const char *key[32], *value[32];
  int count;
} words;

const char *words_text(const words *w, const char *key); /* ends the worker if there is no such word */
size_t words_number(const words *w, const char *key);

typedef struct worker {
  /* 1: ready, 0: unsupported; the answer says how, or why not. */
  int (*prepare)(const words *w, char answer[ANSWER_SIZE]);
  double (*run)(void);   /* the seconds of one run */
  clattn_device *device; /* the device whose limit can be probed, or NULL */
} worker;

/* The first line of an engine that uses a device. */
void greet(const clattn_device *device, const char *engine, char answer[ANSWER_SIZE]);

/* Serves until the input ends; returns the program's exit code. */
int worker_serve(const worker *w);

void *read_numbers(const char *folder, const char *name, size_t bytes); /* FOLDER/NAME.bin; free with free() */
void write_numbers(const char *path, const void *data, size_t bytes);

/* Prints a message and ends the worker. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2), noreturn))
#endif
void give_up(const char *format, ...);

/* Ends the worker unless status is CLATTN_OK. */
void need(clattn_status status, const clattn_error *error);

#endif
