/* A text that grows in memory. Once memory is missing, nothing more is added and `failed` is set, so that only the
 * reader of the whole text asks for it. */
#ifndef CLATTN_OUT_H
#define CLATTN_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct out {
  char *text; /* NULL while it is empty; free() it */
  size_t used, room;
  bool failed;
  bool coloured; /* whether escape sequences of terminals are added */
} out;

void clattn_out_add(out *o, const char *format, ...) CLATTN_PRINTF(2, 3);
void clattn_out_bytes(out *o, const void *bytes, size_t count);

/* Adds a text with spaces before it (width < 0: after it) up to |width| characters, and not more than `most` of its
 * own. Text in UTF-8 is counted in characters, not in bytes. */
void clattn_out_padded(out *o, int width, size_t most, const char *text);

/* The number of characters of a text in UTF-8. */
size_t clattn_out_width(const char *text);

typedef enum out_style { OUT_PLAIN, OUT_BOLD, OUT_GREEN, OUT_RED } out_style;

/* The escape sequence of a style, or "" where the text is not coloured. */
const char *clattn_out_style(const out *o, out_style style);

#endif
