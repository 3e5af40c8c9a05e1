/* Text from outside, made fit for a terminal and for JSON. Library and program each have a copy: the shared library
 * hides it. */
#ifndef CLATTN_TEXT_H
#define CLATTN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Most bytes that clattn_text_copy makes of one. */
#define CLATTN_TEXT_GROWTH 3

/* Copies a text as valid UTF-8, with its NUL, into `size` bytes (1 or more); only whole characters are cut off. A byte
 * that is not UTF-8 is taken for Latin-1, as in the names of old drivers; one that is no character there either becomes
 * U+FFFD. Control characters become '?', and line breaks and tabs, too, unless `lines`. */
void clattn_text_copy(char *to, size_t size, const char *from, bool lines);

/* Removes an incomplete character from the end of a text that was cut. */
void clattn_text_trim(char *text);

#endif
