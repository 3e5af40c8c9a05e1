/* The exercises, in the order of a course. Each is a region of a real kernel, between two marks:
 *
 *     exercise NAME: the task              both are comments on lines of their own
 *     end of exercise
 */
#ifndef CLATTN_CLI_EXERCISES_H
#define CLATTN_CLI_EXERCISES_H

#include "clattn_inspect.h"

typedef struct exercise {
  const char *name;
  const char *title;
  const char *learns; /* what the exercise teaches */
  const char *file;   /* the file with the marks, below kernels/ */
  clattn_stage stage; /* run to check it ... */
  const char *kernel; /* ... with this kernel */
  size_t tile;        /* the rows, columns and terms of a work-group, or a multiple of each */
  clattn_type type;   /* of the inputs; unless CLATTN_F32, the kernel multiplies in it */
} exercise;

size_t exercise_count(void);
/* NULL when index >= exercise_count(). */
const exercise *exercise_at(size_t index);
/* By name or number; NULL if there is none. */
const exercise *exercise_find(const char *name_or_number);

#endif
