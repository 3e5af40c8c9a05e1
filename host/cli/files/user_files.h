/* Where the program keeps what is worth keeping: a device's tuning record, and compiled programs. */
#ifndef CLATTN_CLI_USER_FILES_H
#define CLATTN_CLI_USER_FILES_H

#include "clattn_inspect.h"

/* CLATTN_TUNING_FILE (empty: no record is wanted), else a file of the device's own in $XDG_CACHE_HOME/clattn or
 * ~/.cache/clattn; relative ones of these two are ignored. Returns a path, perhaps in `path`, or NULL where there is
 * none to be had. */
const char *tuning_file_path(const clattn_device_info *device, char *path, size_t size);

/* Makes the folder that the file lies in, and those above it, as far as they are missing. */
bool tuning_file_make_folder(const char *path);

/* CLATTN_PROGRAM_DIR (empty: none is wanted), else programs in the same folder as the records. Likewise. */
const char *program_dir_path(char *path, size_t size);

/* The options of a plan with what the environment says: CLATTN_KERNEL_DIR, and that folder, whose name `programs` has
 * room for. */
clattn_plan_options user_plan_options(char *programs, size_t size);

#endif
