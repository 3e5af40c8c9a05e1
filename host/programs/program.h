/* Builds a kernel object from a kernel file. */
#ifndef CLATTN_PROGRAM_H
#define CLATTN_PROGRAM_H

#include "device/device.h"
#include "programs/program_test.h"

/* A program built for the device. The same text with the same options is built only once. */
struct clattn_program {
  clattn_program *next;
  cl_program program;
  char *options, *text;
  struct {
    clattn_program_test test;
    char text[CLATTN_TEST_TEXT];
  } tested[CLATTN_TESTED_TYPES][2]; /* by kind: type, in_pieces (program_test.h) */
};

/* Reads `file`, a path below `folder`, or below the library's embedded kernels/ if folder is NULL
 * or lacks it. Expands #include lines and adds #line directives. Free *text with free(). *own
 * (NULL: not wanted): no file that was read differs from the library's. */
clattn_status clattn_source_read(const char *folder, const char *file, char **text, bool *own, clattn_error *error);

/* What to build. */
typedef struct clattn_program_source {
  const char *folder;     /* as for clattn_source_read */
  const char *file;       /* as for clattn_source_read */
  const char *options;    /* clattn_needs_language, then macros */
  const char *store;      /* the folder of compiled programs, or NULL; ignored if the driver has its own store */
  const char *kernels[3]; /* names, ended by NULL: a stored program that lacks one is not used */
} clattn_program_source;

#define CLATTN_ORIGIN_TEXT 512

/* Builds the program, unless it was built before, and creates its kernel `name`. `origin` (NULL, or
 * CLATTN_ORIGIN_TEXT bytes) tells in one line where the program came from; it is empty after a
 * failure. Release the kernel with clReleaseKernel. *program (NULL: not wanted) remains valid until
 * the device is closed. */
clattn_status clattn_kernel_build(clattn_device *device, const clattn_program_source *source, const char *name,
                                  char *origin, clattn_program **program, cl_kernel *kernel, clattn_error *error);

#endif
