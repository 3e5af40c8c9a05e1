/* A folder of compiled programs, for drivers that build anew in every process. */
#ifndef CLATTN_PROGRAM_STORE_H
#define CLATTN_PROGRAM_STORE_H

#include "device/device.h"

/* Whether the platform of this name keeps what it has built on disk by itself. */
bool clattn_platform_keeps_programs(const char *platform);

/* One program's place in the store. */
typedef struct clattn_stored {
  const clattn_device *device;
  const char *folder, *options;
  char key[2048]; /* a text: everything that the compiled program depends on */
  char path[4096];
  const char *name; /* of the file, within path */
} clattn_stored;

/* Of `text`, built with `options` for the device; the strings must outlive *stored. `what` ends the file's name: a
 * program, or what is known of it. False where the path would be too long. */
bool clattn_store_place(clattn_stored *stored, const clattn_device *device, const char *folder, const char *options,
                        const char *text, const char *what);

/* Makes the folder where it is missing. NULL, or why the store is not to be used: there is no such folder, or others
 * may write to it. */
const char *clattn_store_prepare(const clattn_stored *stored);

/* The program, built and ready; NULL where there is none. `kernels` (NULL ends them) are in it. *useless: there is a
 * file, but not one for this program, or not a whole one, or the driver does not take it, or finds a kernel missing.
 * Release with clReleaseProgram. */
cl_program clattn_store_load(const clattn_stored *stored, const char *const *kernels, bool *useless);

/* Keeps a program that was built for the device, in place of what is there. NULL, or why not. */
const char *clattn_store_save(const clattn_stored *stored, cl_program program);

#endif
