/* Files that are written whole, or not at all. Both: false after a complaint that names the option. */
#ifndef CLATTN_CLI_WHOLE_FILE_H
#define CLATTN_CLI_WHOLE_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Whether the file could be written, before there is anything to write; nothing is left behind. */
bool whole_file_try(const char *option, const char *path);

/* `fill` writes what `from` says. */
bool whole_file_write(const char *option, const char *path, void (*fill)(FILE *to, const void *from), const void *from);

#endif
