/* Trials: the first build of a kernel that ends the process with some drivers' compilers. What became of
 * it is remembered beside the stored programs, for the driver and the kernel's text, so that a crash
 * happens at most twice, and never where a program can be started that tries the kernel first. */
#ifndef CLATTN_TRIAL_H
#define CLATTN_TRIAL_H

#include "programs/program_store.h"

/* What is tried. Without a folder that can be used, there is no trial. */
typedef struct clattn_trial_of {
  const char *kernel;  /* as options name it: "softmax=subgroup" */
  const char *file;    /* the kernel's file, as for clattn_source_read */
  const char *folder;  /* of compiled programs, or NULL */
  const char *program; /* the program clattn, which tries it in a process of its own, or NULL */
} clattn_trial_of;

typedef struct clattn_trial {
  clattn_stored stored;
  bool pending; /* begun by this process, and not ended */
} clattn_trial;

/* Call it before the build. CLATTN_UNSUPPORTED, with the reason, where a build or a test of this kernel
 * ended its process. */
clattn_status clattn_trial_begin(clattn_trial *trial, const clattn_device *device, const clattn_trial_of *of,
                                 clattn_error *error);

/* Call it after the build, if that has returned at all. */
void clattn_trial_end(clattn_trial *trial);

#endif
