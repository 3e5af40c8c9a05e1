/* A folder of compiled programs, for drivers that build anew in every process. */
#ifndef CLATTN_PROGRAM_STORE_H
#define CLATTN_PROGRAM_STORE_H

#include "device.h"

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

/* Of `text`, built with `options` for the device; the strings must outlive *stored. False where the path would be too
 * long. */
bool clattn_store_place(clattn_stored *stored, const clattn_device *device, const char *folder, const char *options,
                        const char *text);

/* The program, built and ready; NULL where there is none. *useless: there is a file, but not one for this program, or
 * not a whole one, or the driver does not take it. Release with clReleaseProgram. */
cl_program clattn_store_load(const clattn_stored *stored, bool *useless);

/* Keeps a program that was built for the device, in place of what is there; makes the folder where it is missing.
 * NULL, or why not. */
const char *clattn_store_save(const clattn_stored *stored, cl_program program);

#endif
