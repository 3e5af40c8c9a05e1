/* File and folder operations that standard C lacks. The library and the program each link their own
 * copy, because the shared library does not export these functions. */
#ifndef CLATTN_FILE_SYSTEM_H
#define CLATTN_FILE_SYSTEM_H

#include <stdbool.h>
#include <stdio.h>

/* Mode of a new folder, before the user's umask is applied. Ignored on systems without file
 * modes. */
#define CLATTN_FOR_ALL 0777u
#define CLATTN_FOR_USER 0700u

/* The last separator of folders in the path; NULL: there is none. */
char *clattn_last_slash(const char *path);

/* Makes a folder. Returns true if it exists afterwards; on false, errno says why. */
bool clattn_make_folder(const char *path, unsigned mode);

/* Makes a folder and its missing parents with mode CLATTN_FOR_USER. Otherwise as above. */
bool clattn_make_folders(const char *path);

/* NULL if the user owns the folder and nobody else can write to it, or if the system cannot tell.
 * Otherwise a text that says what is wrong. */
const char *clattn_folder_trouble(const char *path);

/* A new file that is written next to its target and then renamed to it. Readers see the complete
 * file or none, and several writers do not disturb each other. If the process ends before the
 * rename, it leaves a .part file, which may be deleted.
 *
 * Symbolic links are followed: the file is created where they lead. It gets the mode (and, where
 * permitted, the owner) of the file that it replaces. A target that this user may not write to is
 * not replaced. If the target is not a regular file (a pipe, a device, or this process's own
 * standard output), the bytes are written directly to it. */
typedef struct clattn_part_file {
  FILE *file;
  char *target; /* `path` after following links */
  char *name;   /* TARGET.NUMBER-NUMBER.part; NULL: written directly to the target */
} clattn_part_file;

/* Opens a new part file for binary writing. If the target is a pipe, waits for its reader. On
 * false, errno holds the reason or 0, and there is nothing to close. */
bool clattn_part_open(clattn_part_file *part, const char *path);

/* Closes the file and renames it to its target, replacing an existing one. If `good` is false or a
 * step fails, removes it instead and returns false; errno then holds the reason or 0. */
bool clattn_part_place(clattn_part_file *part, bool good);

/* Closes and removes the part file. */
void clattn_part_drop(clattn_part_file *part);

/* Whether clattn_part_open() would succeed, for a check before the work starts. Leaves no file and
 * opens no pipe. On false, errno holds the reason or 0. */
bool clattn_part_try(const char *path);

#endif
