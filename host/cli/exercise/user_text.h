/* Reads and writes the learner's file. */
#ifndef CLATTN_CLI_USER_TEXT_H
#define CLATTN_CLI_USER_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The text of the file; free() it. NULL if it cannot be read. */
char *user_text_read(const char *folder, const char *file, size_t *bytes);

/* Writes the file, making the folders above it. Never overwrites a file. False after a
 * complaint. */
bool user_text_write(const char *folder, const char *file, const char *text, size_t bytes);

#endif
