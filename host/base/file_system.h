/* What the system does with files and folders beyond C's own library. Library and program each have a copy: the shared
 * library hides it. */
#ifndef CLATTN_FILE_SYSTEM_H
#define CLATTN_FILE_SYSTEM_H

#include <stdbool.h>
#include <stdio.h>

/* Who may use a folder that is made here, before the user's umask; where the system knows such modes. */
#define CLATTN_FOR_ALL 0777u
#define CLATTN_FOR_USER 0700u

/* True, too, where it is there already. False leaves the reason in errno. */
bool clattn_make_folder(const char *path, unsigned mode);

/* Makes the folder and those above it, as far as they are missing, for the user alone. Else as above. */
bool clattn_make_folders(const char *path);

/* NULL where the folder is the user's and nobody else may write to it, or the system cannot tell; else what is wrong.
 */
const char *clattn_folder_trouble(const char *path);

/* A file that is written beside its target and then takes its name: readers see a whole file or none, and writers do
 * not meet. What a process leaves that is ended between the two calls may be deleted. Links are followed: the file is
 * made where they lead, with the mode (and, where allowed, the owner) of what it replaces; a target that this user may
 * not write is left as it is. What is no regular file, such as a pipe, a device, or the process's own standard output,
 * is written straight through and stays what it is. */
typedef struct clattn_part_file {
  FILE *file;
  char *target; /* where `path` leads */
  char *name;   /* TARGET.NUMBER-NUMBER.part; NULL: written straight through */
} clattn_part_file;

/* Makes a new one for writing bytes. False leaves the reason in errno, or 0, and nothing to close. Of a pipe it waits
 * for the reader. */
bool clattn_part_open(clattn_part_file *part, const char *path);

/* Closes it. It becomes the target, also where there is one, or goes: where `good` is false or this fails, which leaves
 * the reason in errno, or 0. */
bool clattn_part_place(clattn_part_file *part, bool good);

/* Closes and removes it. */
void clattn_part_drop(clattn_part_file *part);

/* Whether such a file could be written, before there is anything to write; nothing is left behind and no pipe is
 * opened. False leaves the reason in errno, or 0. */
bool clattn_part_try(const char *path);

#endif
