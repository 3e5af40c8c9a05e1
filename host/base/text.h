/* Makes text from outside safe for a terminal and for JSON. The library and the program each link
 * their own copy, because the shared library does not export these functions. */
#ifndef CLATTN_TEXT_H
#define CLATTN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The most bytes that clattn_text_copy writes for one byte of input. */
#define CLATTN_TEXT_GROWTH 3

/* Copies a text as valid UTF-8 with its NUL into `size` bytes (1 or more); cuts it only between
 * characters. A byte that is not UTF-8 is read as Latin-1, which names from old drivers use; if it
 * is no Latin-1 character either, it becomes U+FFFD. Control characters become '?'; line breaks and
 * tabs are kept if `lines`. */
void clattn_text_copy(char *to, size_t size, const char *from, bool lines);

/* Whether all of the text is UTF-8. */
bool clattn_text_is_utf8(const char *text);

/* Removes an incomplete character from the end of a text that was cut. */
void clattn_text_trim(char *text);

#endif
