/* What the device can do at most: multiply-adds and bytes a second, measured with kernels/probe. */
#include <math.h>
#include <stdio.h>

#include "chain.h"
#include "program.h"
#include "status.h"

/* A launch is made this long, so that starting it does not count. */
#define LAUNCH_SECONDS 0.01
/* Rounds of a work-item's loops, together: rusticl on llvmpipe stops a work-item after 65535. Many work-items need
 * fewer each, or a slow device takes seconds for one work-group. */
#define ROUNDS_ALONE 32768
#define ROUNDS_OF_MANY 1024
/* How many times slower than the best form makes a second look superfluous. */
#define FAR 2.0
#define LEAST_WORKING_SET 65536
#define MOST_GROUPS (1 << 24)
/* Events that say less than this part of the wall clock are not believed. */
#define EVENTS_CREDIBLE 0.5

/* Sizes to try: vectors of one work-item, as CPU devices want them, and many work-items, as GPUs do. */
static const struct form {
  int width, chains, local;
  int groups; /* that one compute unit has at the least */
} forms[] = {{16, 16, 1, 1}, {16, 8, 1, 1}, {8, 12, 1, 1}, {4, 8, 64, 4}, {4, 8, 256, 4}};
enum { FORMS = sizeof forms / sizeof forms[0] };

/* One probe in one form, ready to be launched. */
typedef struct probe {
  clattn_device *device;
  const struct form *form;
  cl_kernel kernel;
  size_t groups;
  double of_group; /* operations or bytes */
} probe;

static cl_int rounds_of(const struct form *form) {
  return form->local == 1 ? ROUNDS_ALONE : ROUNDS_OF_MANY;
}

static clattn_status build(probe *p, const char *file, const char *function, clattn_error *error) {
  char options[128];
  snprintf(options, sizeof options, "-cl-std=CL1.2 -DWIDTH=%d -DCHAINS=%d -DLOCAL=%d", p->form->width, p->form->chains,
           p->form->local);
  const clattn_program_source source = {.file = file, .options = options};
  return clattn_kernel_build(p->device, &source, function, NULL, &p->kernel, error);
}

/* The seconds of one launch: from the event where that says something, else from the wall clock. */
static clattn_status launch(const probe *p, double *seconds, clattn_error *error) {
  clattn_profile profile = {.launches = {0}};
  clattn_chain chain = {.queue = p->device->queue, .profile = &profile, .events_timed = p->device->profiling};
  const clattn_geometry geometry = {.local = {(size_t)p->form->local, 1}, .cols = 1, .rows = 1};
  const size_t size[3] = {p->groups, 1, 1};
  const clattn_status status = clattn_chain_launch(&chain, p->kernel, &geometry, size, error);
  *seconds = profile.event[0] > EVENTS_CREDIBLE * profile.wall[0] ? profile.event[0] : profile.wall[0];
  clattn_chain_release(&chain);
  return status;
}

/* More work-groups until a launch is long enough; which also warms up. */
static clattn_status lengthen(probe *p, double *seconds, clattn_error *error) {
  clattn_status status = launch(p, seconds, error);
  if (status == CLATTN_OK) status = launch(p, seconds, error);
  while (status == CLATTN_OK && *seconds < LAUNCH_SECONDS && p->groups < MOST_GROUPS) {
    const double factor = *seconds > 0.0 ? ceil(LAUNCH_SECONDS / *seconds) : 2.0;
    p->groups *= (size_t)fmin(factor, 64.0);
    status = launch(p, seconds, error);
  }
  return status;
}

/* A form that is far from the best is not measured any further. */
static clattn_status measure(probe *p, unsigned repeats, clattn_rate *rate, clattn_error *error) {
  double seconds = 0.0;
  clattn_status status = lengthen(p, &seconds, error);
  clattn_rate found = {0.0, 0.0};
  if (seconds * rate->best > FAR * (double)p->groups * p->of_group) return status;
  for (unsigned i = 0; i < repeats && status == CLATTN_OK; ++i) {
    status = launch(p, &seconds, error);
    if (status != CLATTN_OK || seconds <= 0.0) continue;
    const double speed = (double)p->groups * p->of_group / seconds;
    found.best = fmax(found.best, speed);
    found.worst = found.worst > 0.0 ? fmin(found.worst, speed) : speed;
  }
  if (found.best > rate->best) *rate = found;
  return status;
}

/* A form that the device cannot have is passed over. */
static bool fits(const clattn_device *device, const struct form *form) {
  return (uint64_t)form->local <= device->info.max_work_group &&
         (uint64_t)form->local <= device->info.max_work_item_sizes[0];
}

/* ---- multiply-adds ----------------------------------------------------------------------------------------------- */

static clattn_status probe_multiply_add(probe *p, cl_mem out, unsigned repeats, clattn_rate *rate,
                                        clattn_error *error) {
  const struct form *form = p->form;
  const cl_int rounds = rounds_of(form);
  const cl_float factor = 0.5f, summand = 1.0f; /* goes towards 2 */
  clattn_status status = build(p, "probe/multiply_add.cl", "multiply_add", error);
  if (status != CLATTN_OK) return status;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(rounds), CLATTN_ARGUMENT(factor), CLATTN_ARGUMENT(summand),
                                       CLATTN_ARGUMENT(out)};
  status = clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
  p->groups = (size_t)p->device->info.compute_units * form->groups;
  p->of_group = 2.0 * rounds * form->width * form->chains * form->local;
  return status == CLATTN_OK ? measure(p, repeats, rate, error) : status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Chunks of equal length that fill the working set but for a remainder; one for each group, or more where they would
 * have more rounds than a work-item may. */
static void cut_chunks(const probe *p, uint64_t bytes, cl_int *chunks, cl_int *chunk) {
  const struct form *form = p->form;
  const uint64_t vectors_of_step = (uint64_t)form->local * form->chains;
  const uint64_t steps = bytes / (vectors_of_step * form->width * sizeof(cl_float));
  uint64_t count = (uint64_t)p->device->info.compute_units * form->groups;
  const uint64_t most = (uint64_t)rounds_of(form);
  if (steps / count > most) count = (steps + most - 1) / most;
  if (count > steps) count = steps;
  *chunks = (cl_int)count;
  *chunk = (cl_int)(steps / count * vectors_of_step);
}

static clattn_status probe_read(probe *p, cl_mem data, uint64_t bytes, cl_mem out, unsigned repeats, clattn_rate *rate,
                                clattn_error *error) {
  const struct form *form = p->form;
  cl_int chunks = 0, chunk = 0;
  cut_chunks(p, bytes, &chunks, &chunk);
  const cl_int passes = rounds_of(form) / (chunk / (form->local * form->chains));
  clattn_status status = build(p, "probe/read.cl", "read_again", error);
  if (status != CLATTN_OK) return status;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(data), CLATTN_ARGUMENT(chunks), CLATTN_ARGUMENT(chunk),
                                       CLATTN_ARGUMENT(passes), CLATTN_ARGUMENT(out)};
  status = clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
  p->groups = (size_t)chunks;
  p->of_group = (double)passes * chunk * form->width * sizeof(cl_float);
  return status == CLATTN_OK ? measure(p, repeats, rate, error) : status;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

/* Every form of both; data NULL: reading is not probed. */
static clattn_status probe_forms(clattn_device *device, const clattn_probe_options *options, cl_mem data, cl_mem out,
                                 clattn_peaks *peaks, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  for (int f = 0; f < 2 * FORMS && status == CLATTN_OK; ++f) {
    const bool reading = f >= FORMS;
    probe one = {.device = device, .form = &forms[f % FORMS]};
    if (!fits(device, one.form) || (reading && data == NULL)) continue;
    status = reading ? probe_read(&one, data, options->working_set, out, options->repeats, &peaks->read, error)
                     : probe_multiply_add(&one, out, options->repeats, &peaks->multiply_add, error);
    if (one.kernel != NULL) clReleaseKernel(one.kernel);
  }
  return status;
}

static clattn_status check_options(const clattn_device *device, const clattn_probe_options *options,
                                   clattn_error *error) {
  if (options->size != sizeof *options)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "clattn_probe_options.size is %zu, this library's is %zu (start from CLATTN_PROBE_OPTIONS_INIT)",
                       options->size, sizeof *options);
  if (options->repeats == 0) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "repeats is 0 (allowed: 1 or more)");
  const uint64_t set = options->working_set, most = device->info.max_allocation_bytes;
  if (set != 0 && (set < LEAST_WORKING_SET || set > most))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "working_set is %llu bytes (allowed: 0, or %d to %llu)",
                       (unsigned long long)set, LEAST_WORKING_SET, (unsigned long long)most);
  return CLATTN_OK;
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

clattn_status clattn_device_probe(clattn_device *device, const clattn_probe_options *options, clattn_peaks *peaks,
                                  clattn_error *error) {
  static const clattn_probe_options standard = CLATTN_PROBE_OPTIONS_INIT;
  if (device == NULL || peaks == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device or the place for its peaks is NULL");
  if (options == NULL) options = &standard;
  *peaks = (clattn_peaks){.multiply_add = {0.0, 0.0}};
  cl_mem data = NULL, out = NULL;
  clattn_status status = check_options(device, options, error);
  if (status == CLATTN_OK) status = create_zeros(device, sizeof(cl_int), &out, error);
  if (status == CLATTN_OK && options->working_set != 0)
    status = create_zeros(device, (size_t)options->working_set / sizeof(cl_float) * sizeof(cl_float), &data, error);
  if (status == CLATTN_OK) status = probe_forms(device, options, data, out, peaks, error);
  if (data != NULL) clReleaseMemObject(data);
  if (out != NULL) clReleaseMemObject(out);
  return status;
}
