/* Which kernels a plan tries for a stage, and in which order: a function of the catalogue, a
 * device's description and the problem. It needs no device. */
#ifndef CLATTN_SELECTION_H
#define CLATTN_SELECTION_H

#include "catalog/catalog.h"

/* The stage, device and problem to select a kernel for. */
typedef struct clattn_selection {
  clattn_stage stage;
  const clattn_device_info *device;
  const clattn_problem *problem;
  clattn_extent extent;
} clattn_selection;

typedef struct clattn_candidate {
  const clattn_kernel *kernel;  /* NULL before the first */
  int value[CLATTN_TILES_MOST]; /* the device family's tile sizes, made smaller to fit */
  const char *against;          /* NULL: a plan tries to build it; else why it does not */
} clattn_candidate;

/* Goes on to the next kernel of the stage, from the highest priority down; false after the last.
 * Where the kernel does not fit the device, *error (not NULL) holds the reason, and
 * candidate->against points into it. */
bool clattn_next_candidate(const clattn_selection *selection, clattn_candidate *candidate, clattn_error *error);

/* NULL where plans may take the kernel by themselves on such a device, for such a problem; else
 * why they do not. */
const char *clattn_unsuited(const clattn_kernel *kernel, clattn_stage stage, const clattn_device_info *device,
                            const clattn_problem *problem);

#endif
