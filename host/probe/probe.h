/* Measures one limit of a device, run by run. clattn_device_probe repeats runs; the bench
 * alternates them with other programs' runs. */
#ifndef CLATTN_PROBE_H
#define CLATTN_PROBE_H

#include "device/device.h"
#include "probe/matrix.h"

/* TILE and PAIR are measured by the bench only, the others by clattn_device_probe, too. */
typedef enum clattn_probe_kind {
  CLATTN_PROBE_MULTIPLY_ADD, /* operations */
  CLATTN_PROBE_TILE,         /* operations of a register tile that reads its operands */
  CLATTN_PROBE_LOCAL,        /* bytes of local memory */
  CLATTN_PROBE_MATRIX_F16,   /* operations of the matrix unit on halves */
  CLATTN_PROBE_MATRIX_BF16,  /* and on bfloat16 numbers */
  CLATTN_PROBE_READ,         /* bytes of the working set, as for all kinds below */
  CLATTN_PROBE_COPY,
  CLATTN_PROBE_STRIDED,
  CLATTN_PROBE_PAIR, /* reading as a decoding step does: keys and values in turn */
  CLATTN_PROBE_KIND_COUNT
} clattn_probe_kind;

/* The sizes that a probe's kernel is compiled with. */
typedef struct clattn_probe_form {
  int width, chains, local; /* local: work-items, but sub-groups of kinds that need a matrix unit */
  int groups;               /* at least, for one compute unit */
  int rows;                 /* of a register tile, which has `chains` vectors in all; 0 for other kinds */
} clattn_probe_form;

typedef struct clattn_probe {
  clattn_device *device;
  clattn_probe_kind kind;
  const clattn_probe_options *options;
  const clattn_probe_form *form;
  cl_kernel kernel;
  cl_mem data, other, report; /* data: read by the kernel; NULL if it reads no buffer. other: what a copy writes, or
                                 the second buffer of a pair */
  size_t groups, launches;    /* work-groups per launch, launches per run */
  double work_per_group;      /* operations or bytes */
  size_t copied;              /* in floats */
  cl_float expected;          /* each lane's sum, or each copied float */
  clattn_matrix_form matrix;  /* of kinds that need a matrix unit; its unit 0: the device has none */
} clattn_probe;

/* Tries every form and keeps the fastest; *rate receives its rates in options->repeats runs, or 0 if
 * the device lacks the unit that the kind needs. The options must outlive the probe. Close the probe after a failure,
 * too. */
clattn_status clattn_probe_open(clattn_device *device, clattn_probe_kind kind, const clattn_probe_options *options,
                                clattn_probe *probe, clattn_rate *rate, clattn_error *error);
/* As clattn_probe_open, for the unit and the type of `matrix`. */
clattn_status clattn_probe_open_matrix(clattn_device *device, const clattn_matrix_form *matrix,
                                       const clattn_probe_options *options, clattn_probe *probe, clattn_rate *rate,
                                       clattn_error *error);
/* Makes one run and checks its results: CLATTN_BUILD_FAILED if the device's compiler removed
 * work. */
clattn_status clattn_probe_run(const clattn_probe *p, double *seconds, clattn_error *error);
double clattn_probe_work(const clattn_probe *p); /* operations or bytes of one run */
void clattn_probe_close(clattn_probe *probe);

/* ---- host/probe/probe_kinds.c
 * ------------------------------------------------------------------------------------------ */

/* The forms of a kind; NULL after the last. */
const clattn_probe_form *clattn_probe_form_at(clattn_probe_kind kind, size_t index);
/* Whether the kind needs a matrix unit. */
bool clattn_probe_needs_unit(clattn_probe_kind kind);
/* Work-items of a work-group. */
size_t clattn_probe_items(const clattn_probe *p);
/* Whether the kind reads the working set. */
bool clattn_probe_reads_set(clattn_probe_kind kind);
/* Whether the device supports the form and the working set is large enough for it. */
bool clattn_probe_fits(const clattn_probe *p);
/* Allocates buffers that suffice for all forms of the probe's kind. */
clattn_status clattn_probe_allocate(clattn_probe *p, clattn_error *error);
/* Builds the kernel for the probe's form and sets everything that depends on the form. */
clattn_status clattn_probe_prepare(clattn_probe *p, clattn_error *error);
/* Called before each run, and after it. */
clattn_status clattn_probe_clear(const clattn_probe *p, clattn_error *error);
clattn_status clattn_probe_verify(const clattn_probe *p, clattn_error *error);

#endif
