/* Finds the file that a path to be written to leads to. */
#ifndef CLATTN_FILE_TARGET_H
#define CLATTN_FILE_TARGET_H

#include <stdbool.h>
#include <stdio.h>

typedef struct clattn_target {
  char *path;     /* after following every link; free with free() */
  bool is_stream; /* exists and is not a regular file, or is already open as a descriptor of this process */
  int descriptor; /* of a stream that is already open; -1: must be opened */
  bool exists;    /* as a regular file; then these are set: */
  unsigned mode, owner, group;
} clattn_target;

/* Follows the links and fills *target. Returns false for a folder, for a file that this user may
 * not write to, and if a folder of the path does not exist. Then errno says why, and there is
 * nothing to free. */
bool clattn_target_find(const char *path, clattn_target *target);

/* Opens a stream for writing. NULL: errno says why. */
FILE *clattn_target_open(const clattn_target *target);

/* Gives a new file the mode of the file that it replaces, and its owner if this user is permitted
 * to. */
void clattn_target_give_mode(const clattn_target *target, FILE *file);

#endif
