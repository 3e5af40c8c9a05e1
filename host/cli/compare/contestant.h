/* Who takes part in `clattn compare`: every OpenCL device, the scalar path, the scalar path with OpenMP, OpenBLAS. */
#ifndef CLATTN_CLI_CONTESTANT_H
#define CLATTN_CLI_CONTESTANT_H

#include "cli/compare/compare_options.h"
#include "cli/input/input.h"

/* Where the time of one run goes, in seconds. What computes where the inputs lie neither uploads nor downloads. */
typedef struct split {
  double upload, compute, download;
} split;

double split_total(const split *s);

typedef struct contestant contestant;

/* A kind of contestant. Of `prepare` and `finish` either may be NULL: nothing to do. */
typedef struct contestant_kind {
  const char *name; /* "device", "scalar", "openmp", "openblas" */
  /* Everything that is done once for a problem. */
  clattn_status (*prepare)(contestant *c, const clattn_problem *problem, clattn_error *error);
  clattn_status (*run)(contestant *c, const input *in, const clattn_outputs *outputs, split *times,
                       clattn_error *error);
  /* Runs, and holds the results against the scalar path in double: all of them, or as many rows as `most_flops` allow.
   */
  clattn_status (*check)(contestant *c, const input *in, double most_flops, bool *passed, clattn_error *error);
  void (*finish)(contestant *c); /* ends what `prepare` began, also where it failed */
} contestant_kind;

struct contestant {
  const contestant_kind *kind;
  char name[224];
  char missing[512];              /* why it cannot take part at all; empty: it does */
  clattn_device_info device_info; /* of a device, and the next three */
  clattn_device *device;
  clattn_pipeline pipeline;
  clattn_plan *plan;
  struct blas_work *blas; /* of OpenBLAS, between `prepare` and `finish` */
};

extern const contestant_kind contestant_device, contestant_scalar, contestant_openmp, contestant_openblas;

/* Each names itself, and says why it is missing. */
void contestant_scalar_open(contestant *c);
void contestant_openmp_open(contestant *c);
void contestant_openblas_open(contestant *c, const char *library);
void contestant_device_open(contestant *c, const clattn_device_info *info, const compare_options *options,
                            clattn_pipeline pipeline);
void contestant_close(contestant *c);

/* `check` of those that have no plan. */
clattn_status contestant_check_other(contestant *c, const input *in, double most_flops, bool *passed,
                                     clattn_error *error);

/* The first line of a message, as far as there is room. */
void contestant_reason(char *to, size_t size, const char *message);

#endif
