/* A folder of compiled programs, for drivers that would otherwise build them again in every
 * process. */
#ifndef CLATTN_PROGRAM_STORE_H
#define CLATTN_PROGRAM_STORE_H

#include "device/device.h"

/* Whether the platform with this name keeps compiled programs on disk itself. */
bool clattn_platform_keeps_programs(const char *platform);

/* The place of one program in the store. */
typedef struct clattn_stored {
  const clattn_device *device;
  const char *folder, *options;
  char key[2048]; /* a text with everything that the compiled program depends on */
  char path[4096];
  const char *name; /* the file's name, within path */
} clattn_stored;

/* Finds the place of `text`, built with `options` for the device; the strings must outlive *stored.
 * `what` is the file's extension: "program", or "answer" for a self-test result, "f16.answer" and
 * "bf16.answer" for those of stored types. False if the path
 * or the key is too long. */
bool clattn_store_place(clattn_stored *stored, const clattn_device *device, const char *folder, const char *options,
                        const char *text, const char *what);

/* Makes the folder if it is missing. Returns NULL, or why the store must not be used: the folder
 * cannot be made, or others can write to it. */
const char *clattn_store_prepare(const clattn_stored *stored);

/* Loads the program, ready to use; NULL if there is none. Checks that it has `kernels` (ended by
 * NULL). *useless: the file exists but was rejected, because it is damaged or of another program,
 * the driver refuses it, or a kernel is missing. Release with clReleaseProgram. */
cl_program clattn_store_load(const clattn_stored *stored, const char *const *kernels, bool *useless);

/* Stores a program that was built for the device, replacing an existing file. Returns NULL, or why
 * it failed. */
const char *clattn_store_save(const clattn_stored *stored, cl_program program);

#endif
