/* What is known of a launch when it is over: who touched what, in which phase. */
#ifndef CLATTN_ACCESS_LAUNCH_H
#define CLATTN_ACCESS_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a common GPU does: NEIGHBOURS work-items take each step together, global memory is fetched in lines, and local
 * memory hands out one word of each of its banks at a time. */
enum { NEIGHBOURS = 32, LINE_BYTES = 64, BANKS = 32, WORD_BYTES = 4 };

/* A buffer that the kernel was given, or an array in local memory. */
typedef struct place {
  char name[96];
  bool local;
  unsigned char *data;
  size_t bytes;
} place;

/* One load or store of one work-item. */
typedef struct touch {
  uint64_t offset; /* bytes from the place's beginning */
  uint32_t place, bytes;
  uint32_t item;  /* of the work-group: x + y * columns + ... */
  uint32_t phase; /* barriers that lie behind the work-group */
  uint32_t at;    /* the instruction: bytes from where the program was loaded */
  uint32_t time;  /* how often this work-item was at this instruction before, in this phase */
  bool store;
} touch;

/* Of one place in one phase, over all work-groups. A step is one instruction of NEIGHBOURS work-items; it takes as many
 * parts as it touches cache lines, or of local memory as the busiest bank has different words to give. */
typedef struct tally {
  uint64_t loads, load_bytes, stores, store_bytes;
  uint64_t steps, parts;
  uint64_t least; /* parts, if the same number of different words lay side by side */
} tally;

enum { FINDING_TEXT = 700, FINDINGS_MOST = 16 };

typedef struct launch {
  char file[128], function[64]; /* "kernels/scores/2_tiled.cl" */
  size_t groups[3], local[3];
  place *place;
  size_t places;
  tally *tally; /* (phases, places) */
  size_t phases;
  touch *first; /* of the first work-group, in the order in which they were made, work-item by work-item */
  size_t first_count;
  char finding[FINDINGS_MOST][FINDING_TEXT]; /* what the kernel must not do; of several at one line the first */
  size_t findings;
} launch;

/* Sums over the phases of a place, over the places of a phase that are local or not, and of everything. */
tally launch_place(const launch *launch, size_t index);
tally launch_phase(const launch *launch, size_t phase, bool local);
tally launch_total(const launch *launch, bool local);

#endif
