/* Runs a kernel one work-group after another. Its work-items are fibers that take turns at barriers
 * and at functions of sub-groups. Work-items that follow each other form a sub-group; the last one of
 * a work-group may be smaller. */
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
  size_t sub_group; /* most work-items of a sub-group */
  bool last_alone;  /* run only the last work-group */
} execution;

/* false if there is no memory for the work-items' stacks. */
bool execute(const execution *execution);

/* Ends the current work-item after an access that cannot be executed. */
void execute_give_up(void);

#endif
