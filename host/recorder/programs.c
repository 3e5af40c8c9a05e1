/* Keeps compiled programs, because a stage's kernels are recorded with the same kernels of other
 * stages each time. */
#include "recorder/programs.h"

#include <stdlib.h>
#include <string.h>

typedef struct entry {
  struct entry *next;
  char *source, *options;
  compiled compiled;
} entry;

static entry *first;

static char *copy_text(const char *text) {
  const size_t bytes = strlen(text) + 1;
  char *copy = malloc(bytes);
  return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

static void free_entry(entry *e) {
  compiled_free(&e->compiled);
  free(e->source);
  free(e->options);
  free(e);
}

const compiled *programs_get(const char *source, const char *options) {
  for (entry *e = first; e != NULL; e = e->next)
    if (strcmp(e->source, source) == 0 && strcmp(e->options, options) == 0) return &e->compiled;
  entry *made = calloc(1, sizeof *made);
  if (made == NULL) return NULL;
  made->source = copy_text(source);
  made->options = copy_text(options);
  if (made->source == NULL || made->options == NULL) {
    free_entry(made);
    return NULL;
  }
  compile(source, options, &made->compiled);
  made->next = first;
  first = made;
  return &made->compiled;
}

void programs_free(void) {
  while (first != NULL) {
    entry *next = first->next;
    free_entry(first);
    first = next;
  }
}
