/* Records what the work-items of a launch touch: the compiled kernels call it before each load and store. */
#ifndef CLATTN_ACCESS_RECORD_H
#define CLATTN_ACCESS_RECORD_H

#include "recorder/launch.h"

/* What the recorder must know of the program at work. */
typedef struct recorded_program {
  const char *path;                 /* of the shared object, for the lines of findings */
  const char *base, *constants_end; /* where it lies in memory: first what is never written */
} recorded_program;

/* The launch must outlive record_end. bounds_alone: nothing is kept but accesses outside of all buffers. false without
 * memory. */
bool record_begin(launch *launch, const recorded_program *program, bool bounds_alone);
/* The phases of the work-groups, one after the other. */
void record_group(const size_t group[3]);
void record_item(size_t item, const void *stack, size_t stack_bytes);
void record_barrier(unsigned fences);
void record_group_end(void);
void record_end(void);
/* Whether memory sufficed for everything that was to be recorded. */
bool record_complete(void);

/* Work-items of one work-group wait at a barrier that others never reach. */
void record_divergence(size_t waiting, size_t finished);

#endif
