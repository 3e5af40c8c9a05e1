/* Records the memory accesses of a launch's work-items. Compiled kernels call it before each load
 * and store. */
#ifndef CLATTN_ACCESS_RECORD_H
#define CLATTN_ACCESS_RECORD_H

#include "recorder/launch.h"

/* What the recorder needs to know about the running program. */
typedef struct recorded_program {
  const char *path;                 /* the shared object, to find the source lines of findings */
  const char *base, *constants_end; /* its range in memory, which begins with the part that is never written */
} recorded_program;

/* The launch must outlive record_end. bounds_alone: records only accesses outside of all buffers.
 * false if memory runs out. */
bool record_begin(launch *launch, const recorded_program *program, bool bounds_alone);
/* Called for each work-group: at its start, at each barrier and at its end. */
void record_group(const size_t group[3]);
void record_item(size_t item, const void *stack, size_t stack_bytes);
void record_barrier(unsigned fences);
void record_group_end(void);
void record_end(void);
/* Whether there was enough memory to record everything. */
bool record_complete(void);

/* Some work-items of a work-group wait at a barrier that others never reach. */
void record_divergence(size_t waiting, size_t finished);

/* A whole sub-group has reached a barrier of its own. */
void record_sub_group_barrier(size_t sub_group, unsigned fences);
/* Only some work-items of a sub-group have called its function, from `from`. */
void record_sub_group_divergence(uintptr_t from, size_t present, size_t absent);

#endif
