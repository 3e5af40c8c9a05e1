/* Measures a device's peak rates, operations and bytes per second, with kernels/probe. */
#include "probe/probe.h"

#include <math.h>

#include "device/queue.h"
#include "base/clock.h"
#include "device/launch.h"
#include "device/process.h"
#include "problem/sized.h"
#include "base/status.h"

/* Runs are lengthened to this time, so that launch overhead does not count. */
#define RUN_SECONDS 0.01
/* Skip a second measurement of forms that are this many times slower than the best. */
#define FAR_SLOWER 2.0
#define LEAST_WORKING_SET 65536
#define MOST_GROUPS (1 << 24)

/* ---- one form ---------------------------------------------------------------------------------------------------- */

clattn_status clattn_probe_run(const clattn_probe *p, double *seconds, clattn_error *error) {
  clattn_queue queue = {.commands = p->device->queue};
  const clattn_geometry geometry = {.local = {clattn_probe_items(p), 1}, .cols = 1, .rows = 1};
  const size_t size[3] = {p->groups, 1, 1};
  clattn_status status = clattn_probe_clear(p, error);
  const double started = clattn_now();
  for (size_t i = 0; i < p->launches && status == CLATTN_OK; ++i)
    status = clattn_launch(&queue, CLATTN_SLOT_NONE, p->kernel, &geometry, size, 0.0, error);
  if (status == CLATTN_OK) status = clattn_queue_finish(&queue, error);
  *seconds = clattn_now() - started;
  clattn_queue_release(&queue);
  return status == CLATTN_OK ? clattn_probe_verify(p, error) : status;
}

double clattn_probe_work(const clattn_probe *p) {
  return (double)p->launches * (double)p->groups * p->work_per_group;
}

/* Lengthens the run until it is long enough, which also warms the device up. Probes of arithmetic
 * and of local memory get more work-groups. Probes of the working set get more launches instead,
 * because each launch must visit each chunk with one group only: several groups on one chunk would
 * share what one of them fetched. */
static clattn_status lengthen(clattn_probe *p, double *seconds, clattn_error *error) {
  clattn_status status = clattn_probe_run(p, seconds, error);
  if (status == CLATTN_OK) status = clattn_probe_run(p, seconds, error);
  while (status == CLATTN_OK && *seconds < RUN_SECONDS && p->launches * p->groups < MOST_GROUPS) {
    const double factor = *seconds > 0.0 ? ceil(RUN_SECONDS / *seconds) : 2.0;
    *(clattn_probe_reads_set(p->kind) ? &p->launches : &p->groups) *= (size_t)fmin(factor, 64.0);
    status = clattn_probe_run(p, seconds, error);
  }
  return status;
}

/* Stops after the first timing if the form is far slower than the best so far. */
static clattn_status measure(clattn_probe *p, double best, clattn_rate *found, clattn_error *error) {
  double seconds = 0.0;
  clattn_status status = lengthen(p, &seconds, error);
  if (seconds * best > FAR_SLOWER * clattn_probe_work(p)) return status;
  for (unsigned i = 0; i < p->options->repeats && status == CLATTN_OK; ++i) {
    status = clattn_probe_run(p, &seconds, error);
    if (status != CLATTN_OK || seconds <= 0.0) continue;
    const double speed = clattn_probe_work(p) / seconds;
    found->best = fmax(found->best, speed);
    found->worst = found->worst > 0.0 ? fmin(found->worst, speed) : speed;
  }
  return status;
}

/* ---- all forms --------------------------------------------------------------------------------------------------- */

static clattn_status check_working_set(const clattn_device *device, uint64_t set, clattn_error *error) {
  const uint64_t most = device->info.max_allocation_bytes;
  if (set == 0 || (set >= LEAST_WORKING_SET && set <= most)) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "working_set is %llu bytes (allowed: 0, or %d to %llu)",
                     (unsigned long long)set, LEAST_WORKING_SET, (unsigned long long)most);
}

static clattn_status check_options(const clattn_device *device, const clattn_probe_options *options,
                                   clattn_error *error) {
  if (options->repeats == 0) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "repeats is 0 (allowed: 1 or more)");
  return check_working_set(device, options->working_set, error);
}

/* Measures one form. If it is the fastest so far, its kernel replaces the one in `best`. */
static clattn_status try_form(clattn_probe one, clattn_probe *best, clattn_rate *rate, clattn_error *error) {
  clattn_rate found = {0.0, 0.0};
  clattn_status status = clattn_probe_prepare(&one, error);
  if (status == CLATTN_OK) status = measure(&one, rate->best, &found, error);
  cl_kernel slower = one.kernel;
  if (status == CLATTN_OK && found.best > rate->best) {
    slower = best->kernel;
    *best = one;
    *rate = found;
  }
  if (slower != NULL) clReleaseKernel(slower);
  return status;
}

static clattn_status try_forms(clattn_device *device, clattn_probe_kind kind, const clattn_matrix_form *matrix,
                               const clattn_probe_options *options, clattn_probe *probe, clattn_rate *rate,
                               clattn_error *error) {
  *probe = (clattn_probe){.device = device, .kind = kind, .options = options, .launches = 1};
  *rate = (clattn_rate){0.0, 0.0};
  clattn_status status = check_options(device, options, error);
  if (status == CLATTN_OK) status = clattn_probe_allocate(probe, error);
  const clattn_probe_form *form;
  for (size_t i = 0; status == CLATTN_OK && (form = clattn_probe_form_at(kind, i)) != NULL; ++i) {
    clattn_probe one = {.device = device,
                        .kind = kind,
                        .options = options,
                        .form = form,
                        .matrix = *matrix,
                        .data = probe->data,
                        .other = probe->other,
                        .report = probe->report,
                        .launches = 1};
    if (clattn_probe_fits(&one)) status = try_form(one, probe, rate, error);
  }
  return status;
}

clattn_status clattn_probe_open(clattn_device *device, clattn_probe_kind kind, const clattn_probe_options *options,
                                clattn_probe *probe, clattn_rate *rate, clattn_error *error) {
  clattn_matrix_form matrix = {.type = kind == CLATTN_PROBE_MATRIX_BF16 ? CLATTN_BF16 : CLATTN_F16};
  clattn_status status = CLATTN_OK;
  *probe = (clattn_probe){.device = NULL};
  if (clattn_probe_needs_unit(kind)) status = clattn_matrix_first(device, matrix.type, &matrix.unit, error);
  return status == CLATTN_OK ? try_forms(device, kind, &matrix, options, probe, rate, error) : status;
}

clattn_status clattn_probe_open_matrix(clattn_device *device, const clattn_matrix_form *matrix,
                                       const clattn_probe_options *options, clattn_probe *probe, clattn_rate *rate,
                                       clattn_error *error) {
  const clattn_probe_kind kind = matrix->type == CLATTN_BF16 ? CLATTN_PROBE_MATRIX_BF16 : CLATTN_PROBE_MATRIX_F16;
  return try_forms(device, kind, matrix, options, probe, rate, error);
}

void clattn_probe_close(clattn_probe *probe) {
  const cl_mem buffers[] = {probe->data, probe->other, probe->report};
  if (probe->kernel != NULL) clReleaseKernel(probe->kernel);
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; ++i)
    if (buffers[i] != NULL) clReleaseMemObject(buffers[i]);
  *probe = (clattn_probe){.device = NULL};
}

static bool only_multiplies(clattn_probe_kind kind) {
  return kind == CLATTN_PROBE_MULTIPLY_ADD || clattn_probe_needs_unit(kind);
}

clattn_status clattn_device_probe(clattn_device *device, const clattn_probe_options *given, clattn_peaks *peaks,
                                  clattn_error *error) {
  clattn_probe_options options = CLATTN_PROBE_OPTIONS_INIT;
  clattn_peaks own = CLATTN_PEAKS_INIT;
  if (device == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device is NULL");
  clattn_rate *const rates[CLATTN_PROBE_KIND_COUNT] = {[CLATTN_PROBE_MULTIPLY_ADD] = &own.multiply_add,
                                                       [CLATTN_PROBE_LOCAL] = &own.local,
                                                       [CLATTN_PROBE_MATRIX_F16] = &own.matrix_f16,
                                                       [CLATTN_PROBE_MATRIX_BF16] = &own.matrix_bf16,
                                                       [CLATTN_PROBE_READ] = &own.read,
                                                       [CLATTN_PROBE_COPY] = &own.copy,
                                                       [CLATTN_PROBE_STRIDED] = &own.strided};
  clattn_status status = clattn_check_sized(&clattn_sized_peaks, peaks, error);
  if (status == CLATTN_OK && given != NULL)
    status = clattn_take_sized(&clattn_sized_probe_options, given, &options, error);
  if (status == CLATTN_OK) status = clattn_process_check(error);
  if (status == CLATTN_OK) status = check_options(device, &options, error);
  for (int kind = 0; kind < CLATTN_PROBE_KIND_COUNT && status == CLATTN_OK; ++kind) {
    clattn_probe probe;
    if (rates[kind] == NULL) continue; /* only the bench measures it */
    if (options.working_set == 0 && !only_multiplies((clattn_probe_kind)kind)) continue;
    status = clattn_probe_open(device, (clattn_probe_kind)kind, &options, &probe, rates[kind], error);
    clattn_probe_close(&probe);
  }
  if (status == CLATTN_OK) clattn_give_sized(&clattn_sized_peaks, &own, peaks);
  return clattn_finish(error, status);
}
