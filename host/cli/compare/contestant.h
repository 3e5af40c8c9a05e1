/* The contestants of `clattn compare`: the reference on one core, the reference with OpenMP,
 * OpenBLAS, and every OpenCL device. */
#ifndef CLATTN_CLI_CONTESTANT_H
#define CLATTN_CLI_CONTESTANT_H

#include "cli/compare/compare_options.h"
#include "cli/input/input.h"

/* The parts of a run, in seconds. Contestants on the CPU neither upload nor download. */
typedef struct split {
  double upload, compute, download;
} split;

double split_total(const split *s);

typedef struct contestant contestant;

/* A kind of contestant. `prepare` and `finish` may be NULL: nothing to do. */
typedef struct contestant_kind {
  const char *name; /* "device", "scalar" (the reference), "openmp", "openblas": in JSON */
  /* Everything that happens once per problem. */
  clattn_status (*prepare)(contestant *c, const clattn_problem *problem, clattn_error *error);
  clattn_status (*run)(contestant *c, const input *in, const clattn_outputs *outputs, split *times,
                       clattn_error *error);
  /* Runs, and compares the results with the reference in double: all rows, or as many as
   * `most_flops` allow. */
  clattn_status (*check)(contestant *c, const input *in, double most_flops, bool *passed, clattn_error *error);
  void (*finish)(contestant *c); /* undoes `prepare`, also after it failed */
} contestant_kind;

struct contestant {
  const contestant_kind *kind;
  char name[224];
  char missing[512];              /* why it cannot take part; empty: it does */
  clattn_device_info device_info; /* this and the next three: only of a device */
  clattn_device *device;
  clattn_pipeline pipeline;
  clattn_plan *plan;
  struct blas_work *blas; /* only of OpenBLAS, between `prepare` and `finish` */
};

extern const contestant_kind contestant_device, contestant_scalar, contestant_openmp, contestant_openblas;

/* Each sets the name, and `missing` if it cannot take part. */
void contestant_scalar_open(contestant *c);
void contestant_openmp_open(contestant *c);
void contestant_openblas_open(contestant *c, const char *library);
void contestant_device_open(contestant *c, const clattn_device_info *info, const compare_options *options,
                            clattn_pipeline pipeline);
void contestant_close(contestant *c);

/* The `check` of contestants without a plan. */
clattn_status contestant_check_other(contestant *c, const input *in, double most_flops, bool *passed,
                                     clattn_error *error);

/* Copies the first line of a message, cut to fit. */
void contestant_reason(char *to, size_t size, const char *message);

#endif
