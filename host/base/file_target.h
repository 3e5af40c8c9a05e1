/* Where a path leads that is to be written to. */
#ifndef CLATTN_FILE_TARGET_H
#define CLATTN_FILE_TARGET_H

#include <stdbool.h>
#include <stdio.h>

typedef struct clattn_target {
  char *path;     /* with every link followed; to be freed */
  bool is_stream; /* it is there and is no regular file, or is open already as a descriptor of this process */
  int descriptor; /* of a stream that is open already; -1: it has to be opened */
  bool exists;    /* as a regular file, with these: */
  unsigned mode, owner, group;
} clattn_target;

/* Follows the links. False for a folder, for what this user may not write, and where a folder on the way is missing;
 * the reason is left in errno, and nothing to free. */
bool clattn_target_find(const char *path, clattn_target *target);

/* Opens a stream for writing; NULL leaves the reason in errno. */
FILE *clattn_target_open(const clattn_target *target);

/* Gives a new file the mode of the one that it replaces, and its owner, as far as this user may. */
void clattn_target_give_mode(const clattn_target *target, FILE *file);

#endif
