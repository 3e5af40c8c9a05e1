/* Files that are written completely or not at all. Both functions return false after a complaint
 * that names the option. / */
#ifndef CLATTN_CLI_WHOLE_FILE_H
#define CLATTN_CLI_WHOLE_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Tries whether the file could be written, before there is anything to write. Leaves nothing. */
bool whole_file_try(const char *option, const char *path);

/* `fill` writes the content, with `from` as its argument. */
bool whole_file_write(const char *option, const char *path, void (*fill)(FILE *to, const void *from), const void *from);

#endif
