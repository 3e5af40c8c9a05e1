/* From a kernel file to a kernel object. */
#ifndef CLATTN_PROGRAM_H
#define CLATTN_PROGRAM_H

#include "device/device.h"
#include "programs/program_answer.h"

/* What was built once for the device: the same text with the same options is not built again. */
struct clattn_program {
  clattn_program *next;
  cl_program program;
  char *options, *text;
  clattn_answer answer;
  char answer_text[CLATTN_ANSWER_TEXT];
};

/* The text of `file`, a path below `folder` or, where that is NULL or lacks it, below the kernels/ inside the library,
 * with its #include lines expanded and #line directives in place. Free with free(). */
clattn_status clattn_source_read(const char *folder, const char *file, char **text, clattn_error *error);

/* What every build begins with: the language's version and, for the library's own kernels (folder NULL), -w, which
 * every OpenCL compiler knows: its user can do nothing about a warning, and PoCL prints "N warnings generated." on
 * standard error. Whoever writes kernels in a folder wants to be warned. */
const char *clattn_standard_options(const char *folder);

/* What is to be built. */
typedef struct clattn_program_source {
  const char *folder;  /* as of clattn_source_read */
  const char *file;    /* likewise */
  const char *options; /* macros, after clattn_standard_options(folder) */
  const char *store;   /* NULL, or the folder of compiled programs; not looked at where the driver has a store itself */
  const char *kernels[3]; /* NULL ends them: what a stored program must have to be of use */
} clattn_program_source;

#define CLATTN_ORIGIN_TEXT 512

/* Builds the program, unless that has been done before, and creates its kernel `name`. `origin` (NULL, or of
 * CLATTN_ORIGIN_TEXT bytes) says in one line from where the program came; it is empty after a failure. Release with
 * clReleaseKernel. *program (NULL: not wanted) lives as long as the device is open. */
clattn_status clattn_kernel_build(clattn_device *device, const clattn_program_source *source, const char *name,
                                  char *origin, clattn_program **program, cl_kernel *kernel, clattn_error *error);

#endif
