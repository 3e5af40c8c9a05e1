/* The learner's file. */
#ifndef CLATTN_CLI_USER_TEXT_H
#define CLATTN_CLI_USER_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Its text; NULL where it cannot be read. free() it. */
char *user_text_read(const char *folder, const char *file, size_t *bytes);

/* Writes it, and the folders above it; never over another file. False after a complaint. */
bool user_text_write(const char *folder, const char *file, const char *text, size_t bytes);

#endif
