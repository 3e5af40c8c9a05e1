/* Runs a kernel: work-group by work-group, the work-items of one as fibers that take turns at barriers. */
#ifndef CLATTN_ACCESS_EXECUTE_H
#define CLATTN_ACCESS_EXECUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct execution {
  void (*call)(const uint64_t *arguments);
  const uint64_t *arguments;
  unsigned dimensions;
  size_t groups[3], local[3];
  bool last_alone; /* of the groups */
} execution;

/* false without memory for the work-items' stacks. */
bool execute(const execution *execution);

/* Ends the work-item at work, which has done something that cannot go on. */
void execute_give_up(void);

#endif
