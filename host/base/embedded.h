/* Files compiled into the program. cmake/embed.cmake writes the table of kernel files. */
#ifndef CLATTN_EMBEDDED_H
#define CLATTN_EMBEDDED_H

#include <stddef.h>

typedef struct clattn_embedded {
  const char *file; /* "scores/1_naive.cl" */
  const unsigned char *text;
  size_t size;
} clattn_embedded;

extern const clattn_embedded clattn_embedded_files[];
extern const size_t clattn_embedded_count;

#endif
