/* The record of a finished launch: which work-item touched what, in which phase. */
#ifndef CLATTN_ACCESS_LAUNCH_H
#define CLATTN_ACCESS_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A typical GPU: NEIGHBOURS work-items execute each step together, global memory is read in cache
 * lines, and local memory delivers one word per bank at a time. */
enum { NEIGHBOURS = 32, LINE_BYTES = 64, BANKS = 32, WORD_BYTES = 4 };

/* A buffer passed to the kernel, or an array in local memory. */
typedef struct place {
  char name[96];
  bool local;
  unsigned char *data;
  size_t bytes;
} place;

/* One load or store by one work-item. */
typedef struct touch {
  uint64_t offset; /* bytes from the start of the place */
  uint32_t place, bytes;
  uint32_t item;  /* within the work-group: x + y * columns + ... */
  uint32_t phase; /* number of barriers that the work-group has passed */
  uint32_t at;    /* the instruction: bytes from the program's load address */
  uint32_t time;  /* how often this work-item has executed this instruction before in this phase */
  bool store;
} touch;

/* Sums for one place in one phase, over all work-groups. A step is one instruction executed by
 * NEIGHBOURS work-items. Its number of parts is the number of cache lines it touches, or in local
 * memory the most different words that it needs from one bank. */
typedef struct tally {
  uint64_t loads, load_bytes, stores, store_bytes;
  uint64_t steps, parts;
  uint64_t least; /* parts, if the same number of different words were adjacent */
} tally;

enum { FINDING_TEXT = 700, FINDINGS_MOST = 16 };

typedef struct launch {
  char file[128], function[64]; /* "kernels/scores/2_tiled.cl" */
  size_t groups[3], local[3];
  size_t sub_group; /* most work-items of a sub-group */
  place *place;
  size_t places;
  tally *tally; /* (phases, places) */
  size_t phases;
  touch *first; /* touches of the first work-group, in order, work-item by work-item */
  size_t first_count;
  char finding[FINDINGS_MOST][FINDING_TEXT]; /* errors that were found; only the first of several on one line */
  size_t findings;
} launch;

/* Sums of a place over all phases, of a phase over its local or its global places, and of
 * everything. */
tally launch_place(const launch *launch, size_t index);
tally launch_phase(const launch *launch, size_t phase, bool local);
tally launch_total(const launch *launch, bool local);

#endif
