/* What the two shims share: one numbers the calls that the program makes, makes the n-th fail, and keeps account of
 * what was made and not given back. Loaded by LD_PRELOAD; told what to do by environment variables:
 *
 *   FAULT_REPORT   the file that holds struct shim_report from the first call on, so that it stands however the program
 * ends FAULT_OF       what is numbered: opencl or memory FAULT_CALL     the number of the call that fails, from 1; 0 or
 * nothing: none FAULT_CODE     the code that a failing OpenCL call returns FAULT_LASTING  1: all later calls fail, too,
 * as on a device that was lost FAULT_PLATFORM, FAULT_DEVICE, FAULT_LOG  what platforms and devices are
 * called instead of their names, and what a compiler said */
#ifndef CLATTN_TESTS_FAULTS_SHIM_H
#define CLATTN_TESTS_FAULTS_SHIM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum shim_kind { CONTEXT, QUEUE, MEMORY, PROGRAM, KERNEL, EVENT, HOST, KINDS } shim_kind;

enum { MOST_CALLS = 1 << 16, NAME_BYTES = 32, OBJECT_BYTES = 16 };

/* tests/faults/shim.py reads these two. */
typedef struct shim_call {
  char name[NAME_BYTES];
  char object[OBJECT_BYTES]; /* the executable or library that called */
  uint32_t site;             /* the return address in it */
  uint32_t what;             /* which property was asked for */
} shim_call;

typedef struct shim_report {
  uint32_t calls, failed;
  uint32_t stray; /* releases of what was not held */
  uint32_t made[KINDS], held[KINDS];
  shim_call call[MOST_CALLS]; /* the first ones */
} shim_report;

/* Whether the call fails. `site` is its return address; calls from outside the program and its libraries are not
 * counted and do not fail. */
bool shim_fails(const char *of, const char *name, uint32_t what, const void *site);
int shim_code(void);

/* Whether the address lies in the program or a library of its own (not in a driver, or in libc). */
bool shim_is_ours(const void *site);

/* Reference counts. Things are told apart by kind and address. */
void shim_made(shim_kind kind, const void *thing);
void shim_retained(shim_kind kind, const void *thing);
void shim_released(shim_kind kind, const void *thing);
/* Gives up a thing of which nothing is known but its address, if it is held; whether it was. */
bool shim_forget(shim_kind kind, const void *thing);

#endif
