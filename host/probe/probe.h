/* A limit of the device, probed run by run: what clattn_device_probe repeats, and the bench in turn with others. */
#ifndef CLATTN_PROBE_H
#define CLATTN_PROBE_H

#include "device/device.h"

typedef enum clattn_probe_kind {
  CLATTN_PROBE_MULTIPLY_ADD, /* operations */
  CLATTN_PROBE_LOCAL,        /* bytes of local memory */
  CLATTN_PROBE_READ,         /* bytes of the working set, as those behind it */
  CLATTN_PROBE_COPY,
  CLATTN_PROBE_STRIDED,
  CLATTN_PROBE_KIND_COUNT
} clattn_probe_kind;

/* Sizes that a probe is compiled with. */
typedef struct clattn_probe_form {
  int width, chains, local;
  int groups; /* that one compute unit has at the least */
} clattn_probe_form;

typedef struct clattn_probe {
  clattn_device *device;
  clattn_probe_kind kind;
  const clattn_probe_options *options;
  const clattn_probe_form *form;
  cl_kernel kernel;
  cl_mem data, copy, report; /* data: what is read; NULL where nothing is */
  size_t groups, launches;   /* work-groups of a launch, launches of a run */
  double of_group;           /* operations or bytes */
  size_t copied;             /* floats */
  cl_float expected;         /* of each lane's sum, or of each float that was copied */
} clattn_probe;

/* Tries every form and keeps the fastest; *rate is what it reached in options->repeats. The options must outlive the
 * probe. Close it after a failure, too. */
clattn_status clattn_probe_open(clattn_device *device, clattn_probe_kind kind, const clattn_probe_options *options,
                                clattn_probe *probe, clattn_rate *rate, clattn_error *error);
/* One run. What came out is looked at: CLATTN_BUILD_FAILED where the device's compiler left work out. */
clattn_status clattn_probe_run(const clattn_probe *p, double *seconds, clattn_error *error);
double clattn_probe_of_run(const clattn_probe *p); /* operations or bytes */
void clattn_probe_close(clattn_probe *probe);

/* ---- host/probe/probe_kinds.c
 * ------------------------------------------------------------------------------------------ */

/* The forms of a kind; NULL behind the last. */
const clattn_probe_form *clattn_probe_form_at(clattn_probe_kind kind, size_t index);
/* Whether the device can have the form, and the working set is large enough for it. */
bool clattn_probe_fits(const clattn_probe *p);
/* Buffers for all forms of the probe's kind. */
clattn_status clattn_probe_allocate(clattn_probe *p, clattn_error *error);
/* Builds the kernel of the probe's form and sets what follows from it. */
clattn_status clattn_probe_prepare(clattn_probe *p, clattn_error *error);
/* Before a run, and behind it. */
clattn_status clattn_probe_clear(const clattn_probe *p, clattn_error *error);
clattn_status clattn_probe_verify(const clattn_probe *p, clattn_error *error);

#endif
