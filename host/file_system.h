/* What the system does with files and folders beyond C's own library. Library and program each have a copy: the shared
 * library hides it. */
#ifndef CLATTN_FILE_SYSTEM_H
#define CLATTN_FILE_SYSTEM_H

#include <stdbool.h>

/* Makes the folder and those above it, as far as they are missing, for the user alone. False leaves the reason in
 * errno. */
bool clattn_make_folders(const char *path);

/* Gives the file `from` the name `to`, also where that is taken by a file: what was there is replaced at once. */
bool clattn_replace_file(const char *from, const char *to);

/* Of this process; no two that run at the same time on one machine have the same. */
long clattn_process_id(void);

#endif
