/* Where the program stores a device's tuning record and compiled programs. */
#ifndef CLATTN_CLI_USER_FILES_H
#define CLATTN_CLI_USER_FILES_H

#include "clattn_inspect.h"

/* CLATTN_TUNING_FILE (empty: no record), else a file for the device in $XDG_CACHE_HOME/clattn or
 * ~/.cache/clattn, where relative folders are ignored. Returns the path, which may be stored in
 * `path`, or NULL if there is none. */
const char *tuning_file_path(const clattn_device_info *device, char *path, size_t size);

/* Makes the folder of the file, and those above it, if they are missing. */
bool tuning_file_make_folder(const char *path);

/* CLATTN_PROGRAM_DIR (empty: none), else the folder `programs` next to the records. Returns as
 * tuning_file_path does. / */
const char *program_dir_path(char *path, size_t size);

/* CLATTN_KERNEL_DIR; NULL if it is not set or empty. */
const char *kernel_dir_path(void);

/* How this program was started, by the name that it was given; for the options below. */
void set_own_program(const char *name);

/* Plan options with kernel_dir from CLATTN_KERNEL_DIR, with program_dir, for which `programs` is memory,
 * and with this program as try_program. */
clattn_plan_options user_plan_options(char *programs, size_t size);

#endif
