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

/* A file that is written beside another and then takes its name: readers see a whole file or none, and writers do not
 * meet. What a process leaves that is ended between the two calls may be deleted. */
typedef struct clattn_part_file {
  FILE *file;
  char *name; /* PATH.NUMBER-NUMBER.part */
} clattn_part_file;

/* Makes a new one for writing bytes. False leaves the reason in errno, or 0, and nothing to close. */
bool clattn_part_open(clattn_part_file *part, const char *path);

/* Closes it. It takes the name `path`, also where a file has that, or goes: where `good` is false or this fails, which
 * leaves the reason in errno, or 0. */
bool clattn_part_place(clattn_part_file *part, const char *path, bool good);

/* Closes and removes it. */
void clattn_part_drop(clattn_part_file *part);

#endif
