/* Turns a kernel file with marks into a starter file. */
#ifndef CLATTN_CLI_STARTER_H
#define CLATTN_CLI_STARTER_H

#include <stdbool.h>
#include <stddef.h>

/* The lines between an exercise's two marks. */
typedef struct region {
  const char *begin, *end; /* of the text */
  const char *task;        /* of the first mark ... */
  int task_length;
  int line; /* ... and its line, counted from 1 */
} region;

/* False if the text does not have both marks. */
bool region_find(const char *text, size_t bytes, const char *name, region *found);

/* Counts the calls of barrier() outside comments. */
size_t region_barriers(const region *found);

/* Whether it contains no code, only comments and lines that begin with #. */
bool region_is_blank(const region *found);

/* The text without the code of the region; its comments and #if ... #endif remain. free() it.
 * NULL without memory. */
char *starter_make(const char *text, size_t bytes, const region *found, size_t *starter_bytes);

#endif
