/* A limit of the device, probed run by run: what clattn_device_probe repeats, and the bench in turn with others. */
#ifndef CLATTN_PROBE_H
#define CLATTN_PROBE_H

#include "device.h"

typedef struct clattn_probe {
  clattn_device *device;
  const struct clattn_probe_form *form;
  cl_kernel kernel;
  cl_mem data, out;        /* data: what is read; NULL: multiply-adds are probed */
  size_t groups, launches; /* work-groups of a launch, launches of a run */
  double of_group;         /* operations or bytes */
} clattn_probe;

/* Tries every form and keeps the fastest; *rate is what it reached in `repeats`. working_set: 0 probes multiply-adds,
 * else reading, again and again, that many bytes. Close it after a failure, too. */
clattn_status clattn_probe_open(clattn_device *device, uint64_t working_set, unsigned repeats, clattn_probe *probe,
                                clattn_rate *rate, clattn_error *error);
clattn_status clattn_probe_run(const clattn_probe *p, double *seconds, clattn_error *error);
double clattn_probe_of_run(const clattn_probe *p); /* operations or bytes */
void clattn_probe_close(clattn_probe *probe);

#endif
