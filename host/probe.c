/* What the device can do at most: multiply-adds and bytes a second, measured with kernels/probe. */
#include "probe.h"

#include <math.h>
#include <stdio.h>

#include "chain.h"
#include "clock.h"
#include "program.h"
#include "status.h"

/* A run is made this long, so that starting it does not count. */
#define RUN_SECONDS 0.01
/* Rounds of a work-item's loops, together: rusticl on llvmpipe stops a work-item after 65535. Many work-items need
 * fewer each, or a slow device takes seconds for one work-group. */
#define ROUNDS_ALONE 65000
#define ROUNDS_OF_MANY 1024
/* How many times slower than the best form makes a second look superfluous. */
#define FAR 2.0
#define LEAST_WORKING_SET 65536
#define MOST_GROUPS (1 << 24)

/* Sizes to try: vectors of one work-item, as CPU devices want them, and many work-items, as GPUs do. */
static const struct clattn_probe_form {
  int width, chains, local;
  int groups; /* that one compute unit has at the least */
} forms[] = {{16, 16, 1, 1}, {16, 8, 1, 1}, {8, 12, 1, 1}, {4, 8, 64, 4}, {4, 8, 256, 4}};
enum { FORMS = sizeof forms / sizeof forms[0] };

static cl_int rounds_of(const struct clattn_probe_form *form) {
  return form->local == 1 ? ROUNDS_ALONE : ROUNDS_OF_MANY;
}

static clattn_status build(clattn_probe *p, const char *file, const char *function, clattn_error *error) {
  char options[128];
  snprintf(options, sizeof options, "-cl-std=CL1.2 -DWIDTH=%d -DCHAINS=%d -DLOCAL=%d", p->form->width, p->form->chains,
           p->form->local);
  const clattn_program_source source = {.file = file, .options = options};
  return clattn_kernel_build(p->device, &source, function, NULL, &p->kernel, error);
}

clattn_status clattn_probe_run(const clattn_probe *p, double *seconds, clattn_error *error) {
  clattn_chain chain = {.queue = p->device->queue};
  const clattn_geometry geometry = {.local = {(size_t)p->form->local, 1}, .cols = 1, .rows = 1};
  const size_t size[3] = {p->groups, 1, 1};
  const double started = clattn_now();
  clattn_status status = CLATTN_OK;
  for (size_t i = 0; i < p->launches && status == CLATTN_OK; ++i)
    status = clattn_chain_launch(&chain, p->kernel, &geometry, size, error);
  if (status == CLATTN_OK) status = clattn_chain_finish(&chain, error);
  *seconds = clattn_now() - started;
  clattn_chain_release(&chain);
  return status;
}

double clattn_probe_of_run(const clattn_probe *p) {
  return (double)p->launches * (double)p->groups * p->of_group;
}

/* More until a run is long enough; which also warms up. Multiply-adds in more work-groups. Of reading, more launches,
 * each of which reads each chunk in one group: groups at work on the same chunk would share what one of them fetched.
 */
static clattn_status lengthen(clattn_probe *p, double *seconds, clattn_error *error) {
  clattn_status status = clattn_probe_run(p, seconds, error);
  if (status == CLATTN_OK) status = clattn_probe_run(p, seconds, error);
  while (status == CLATTN_OK && *seconds < RUN_SECONDS && p->launches * p->groups < MOST_GROUPS) {
    const double factor = *seconds > 0.0 ? ceil(RUN_SECONDS / *seconds) : 2.0;
    *(p->data != NULL ? &p->launches : &p->groups) *= (size_t)fmin(factor, 64.0);
    status = clattn_probe_run(p, seconds, error);
  }
  return status;
}

/* A form that is far from the best so far is not measured any further. */
static clattn_status measure(clattn_probe *p, unsigned repeats, double best, clattn_rate *found, clattn_error *error) {
  double seconds = 0.0;
  clattn_status status = lengthen(p, &seconds, error);
  if (seconds * best > FAR * clattn_probe_of_run(p)) return status;
  for (unsigned i = 0; i < repeats && status == CLATTN_OK; ++i) {
    status = clattn_probe_run(p, &seconds, error);
    if (status != CLATTN_OK || seconds <= 0.0) continue;
    const double speed = clattn_probe_of_run(p) / seconds;
    found->best = fmax(found->best, speed);
    found->worst = found->worst > 0.0 ? fmin(found->worst, speed) : speed;
  }
  return status;
}

/* A form that the device cannot have is passed over. */
static bool fits(const clattn_device *device, const struct clattn_probe_form *form) {
  return (uint64_t)form->local <= device->info.max_work_group &&
         (uint64_t)form->local <= device->info.max_work_item_sizes[0];
}

/* ---- multiply-adds ----------------------------------------------------------------------------------------------- */

static clattn_status prepare_multiply_add(clattn_probe *p, clattn_error *error) {
  const struct clattn_probe_form *form = p->form;
  const cl_int rounds = rounds_of(form);
  const cl_float factor = 0.5f, summand = 1.0f; /* goes towards 2 */
  clattn_status status = build(p, "probe/multiply_add.cl", "multiply_add", error);
  if (status != CLATTN_OK) return status;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(rounds), CLATTN_ARGUMENT(factor), CLATTN_ARGUMENT(summand),
                                       CLATTN_ARGUMENT(p->out)};
  p->groups = (size_t)p->device->info.compute_units * form->groups;
  p->of_group = 2.0 * rounds * form->width * form->chains * form->local;
  return clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Chunks of equal length that fill the working set but for a remainder shorter than a chunk; one for each group, or
 * more where they would have more rounds than a work-item may. */
static void cut_chunks(const clattn_probe *p, uint64_t bytes, cl_int *chunks, cl_int *chunk) {
  const struct clattn_probe_form *form = p->form;
  const uint64_t vectors_of_step = (uint64_t)form->local * form->chains;
  const uint64_t steps = bytes / (vectors_of_step * form->width * sizeof(cl_float));
  uint64_t count = (uint64_t)p->device->info.compute_units * form->groups;
  const uint64_t most = (uint64_t)rounds_of(form) - 1;
  if (steps / count > most) count = (steps + most - 1) / most;
  if (count > steps) count = steps;
  const uint64_t steps_of_chunk = steps / count;
  *chunks = (cl_int)(steps / steps_of_chunk);
  *chunk = (cl_int)(steps_of_chunk * vectors_of_step);
}

static clattn_status prepare_read(clattn_probe *p, uint64_t bytes, clattn_error *error) {
  const struct clattn_probe_form *form = p->form;
  cl_int chunks = 0, chunk = 0;
  cut_chunks(p, bytes, &chunks, &chunk);
  const cl_int passes = rounds_of(form) / (chunk / (form->local * form->chains) + 1); /* a pass is a round, too */
  clattn_status status = build(p, "probe/read.cl", "read_again", error);
  if (status != CLATTN_OK) return status;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(p->data), CLATTN_ARGUMENT(chunk), CLATTN_ARGUMENT(passes),
                                       CLATTN_ARGUMENT(p->out)};
  p->groups = (size_t)chunks;
  p->of_group = (double)passes * chunk * form->width * sizeof(cl_float);
  return clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static clattn_status check_working_set(const clattn_device *device, uint64_t set, clattn_error *error) {
  const uint64_t most = device->info.max_allocation_bytes;
  if (set == 0 || (set >= LEAST_WORKING_SET && set <= most)) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "working_set is %llu bytes (allowed: 0, or %d to %llu)",
                     (unsigned long long)set, LEAST_WORKING_SET, (unsigned long long)most);
}

static clattn_status check_options(const clattn_device *device, const clattn_probe_options *options,
                                   clattn_error *error) {
  if (options->size != sizeof *options)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "clattn_probe_options.size is %zu, this library's is %zu (start from CLATTN_PROBE_OPTIONS_INIT)",
                       options->size, sizeof *options);
  if (options->repeats == 0) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "repeats is 0 (allowed: 1 or more)");
  return check_working_set(device, options->working_set, error);
}

/* A buffer of zeros. */
static clattn_status create_zeros(const clattn_device *device, size_t bytes, cl_mem *buffer, clattn_error *error) {
  cl_int code = CL_SUCCESS;
  *buffer = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "allocating %zu bytes for a probe", bytes);
  clattn_chain chain = {.queue = device->queue};
  clattn_status status = clattn_chain_clear(&chain, *buffer, 0, bytes, error);
  if (status == CLATTN_OK) status = clattn_chain_finish(&chain, error);
  clattn_chain_release(&chain);
  return status;
}

/* One form; where it is the fastest so far its kernel takes the place of the one in `best`. */
static clattn_status try_form(clattn_probe one, uint64_t working_set, unsigned repeats, clattn_probe *best,
                              clattn_rate *rate, clattn_error *error) {
  clattn_rate found = {0.0, 0.0};
  clattn_status status = working_set != 0 ? prepare_read(&one, working_set, error) : prepare_multiply_add(&one, error);
  if (status == CLATTN_OK) status = measure(&one, repeats, rate->best, &found, error);
  cl_kernel slower = one.kernel;
  if (status == CLATTN_OK && found.best > rate->best) {
    slower = best->kernel;
    *best = one;
    *rate = found;
  }
  if (slower != NULL) clReleaseKernel(slower);
  return status;
}

clattn_status clattn_probe_open(clattn_device *device, uint64_t working_set, unsigned repeats, clattn_probe *probe,
                                clattn_rate *rate, clattn_error *error) {
  *probe = (clattn_probe){.device = device};
  *rate = (clattn_rate){0.0, 0.0};
  clattn_status status = check_working_set(device, working_set, error);
  if (status == CLATTN_OK) status = create_zeros(device, sizeof(cl_int), &probe->out, error);
  if (status == CLATTN_OK && working_set != 0)
    status = create_zeros(device, (size_t)working_set / sizeof(cl_float) * sizeof(cl_float), &probe->data, error);
  for (int f = 0; f < FORMS && status == CLATTN_OK; ++f) {
    const clattn_probe one = {
        .device = device, .form = &forms[f], .data = probe->data, .out = probe->out, .launches = 1};
    if (fits(device, one.form)) status = try_form(one, working_set, repeats, probe, rate, error);
  }
  return status;
}

void clattn_probe_close(clattn_probe *probe) {
  if (probe->kernel != NULL) clReleaseKernel(probe->kernel);
  if (probe->data != NULL) clReleaseMemObject(probe->data);
  if (probe->out != NULL) clReleaseMemObject(probe->out);
  *probe = (clattn_probe){.device = NULL};
}

static clattn_status probe_once(clattn_device *device, uint64_t working_set, unsigned repeats, clattn_rate *rate,
                                clattn_error *error) {
  clattn_probe probe;
  const clattn_status status = clattn_probe_open(device, working_set, repeats, &probe, rate, error);
  clattn_probe_close(&probe);
  return status;
}

clattn_status clattn_device_probe(clattn_device *device, const clattn_probe_options *options, clattn_peaks *peaks,
                                  clattn_error *error) {
  static const clattn_probe_options standard = CLATTN_PROBE_OPTIONS_INIT;
  if (device == NULL || peaks == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device or the place for its peaks is NULL");
  if (options == NULL) options = &standard;
  *peaks = (clattn_peaks){.multiply_add = {0.0, 0.0}};
  clattn_status status = check_options(device, options, error);
  if (status == CLATTN_OK) status = probe_once(device, 0, options->repeats, &peaks->multiply_add, error);
  if (status == CLATTN_OK && options->working_set != 0)
    status = probe_once(device, options->working_set, options->repeats, &peaks->read, error);
  return status;
}
