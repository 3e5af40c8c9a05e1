/* From a kernel file with marks to a starter file. */
#ifndef CLATTN_CLI_STARTER_H
#define CLATTN_CLI_STARTER_H

#include <stdbool.h>
#include <stddef.h>

/* The lines between an exercise's two marks. */
typedef struct region {
  const char *begin, *end; /* of the text */
  const char *task;        /* what the first mark asks ... */
  int task_length;
  int line; /* ... and its line, counted from 1 */
} region;

/* False where the text does not have both marks. */
bool region_find(const char *text, size_t bytes, const char *name, region *found);

/* Calls of barrier() in it, comments apart. */
size_t region_barriers(const region *found);

/* Whether it holds no code: only comments and lines that begin with #. */
bool region_is_blank(const region *found);

/* The text with the code of that region taken out; its comments and its #if ... #endif stay. NULL without
 * memory; free() it. */
char *starter_make(const char *text, size_t bytes, const region *found, size_t *starter_bytes);

#endif
