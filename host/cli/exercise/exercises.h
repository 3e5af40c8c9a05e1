/* The exercises, in the order of a course. Each is a region of a real kernel, between two marks:
 *
 *     exercise NAME: what is asked         as comments, each on a line of its own
 *     end of exercise
 */
#ifndef CLATTN_CLI_EXERCISES_H
#define CLATTN_CLI_EXERCISES_H

#include "clattn_inspect.h"

typedef struct exercise {
  const char *name;
  const char *title;
  const char *learns; /* what one has learnt who has done it */
  const char *file;   /* that has the marks, below kernels/ */
  clattn_stage stage; /* that is run to check it ... */
  const char *kernel; /* ... with this kernel */
  size_t tile;        /* rows, columns and terms that a work-group takes at once, or a multiple of each */
} exercise;

size_t exercise_count(void);
/* NULL when index >= exercise_count(). */
const exercise *exercise_at(size_t index);
/* NULL if there is none of that name or number. */
const exercise *exercise_find(const char *name_or_number);

#endif
