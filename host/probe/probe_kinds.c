/* The kinds of probes: their forms, their kernels' arguments, and the expected results. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "device/queue.h"
#include "probe/probe.h"
#include "catalog/needs.h"
#include "programs/program.h"
#include "base/status.h"

#include "../../kernels/common/matrix_units.h"

/* Rounds of a work-item's loop. rusticl on llvmpipe ends a work-item after 65535 rounds of all its
 * loops together and unrolls none; with 16 chains the limit was 3641. Where there are many
 * work-items, each gets fewer rounds, or a slow device would take seconds for one work-group. */
#define ROUNDS_ALONE 3400
#define ROUNDS_OF_MANY 1024
#define ROUNDS_OF_16_CHAINS 18 /* rounds that 16 chains count for, if they are not unrolled */
/* Terms of the operands that a tile reads again and again, as in kernels/probe/tile.cl. */
#define TILE_DEPTH 64
#define TILE_DEPTH_OF_MANY 16
#define TILE_OPERANDS 8192   /* floats: enough for all of these operands */
#define ROUNDS_OF_SOFTWARE 4 /* of a matrix unit in plain OpenCL C, which only tests run */
#define LINE 32              /* floats, as in kernels/probe/strided.cl */
#define CHECKED_FLOATS 1024  /* floats checked at each end of a copy */

/* Forms with one work-item and wide vectors suit CPU devices; forms with many work-items suit GPUs.
 * How many registers the device has decides how many sums fit in them. */
static const clattn_probe_form summing[] = {
    {16, 16, 1, 1, 0}, {16, 8, 1, 1, 0}, {8, 12, 1, 1, 0}, {4, 8, 64, 4, 0}, {4, 8, 256, 4, 0}};
/* Tiles that read `chains / rows` vectors and `rows` single floats for `chains` multiply-adds. They
 * are written for 16 registers of 8 floats (AVX2), 32 of 16 (AVX-512) and 32 of 4 (NEON); only those
 * of the device's own width are tried. The last two suit GPUs. */
static const clattn_probe_form tiles[] = {{4, 16, 1, 1, 8},   {4, 24, 1, 1, 8},  {4, 24, 1, 1, 6},   {8, 12, 1, 1, 6},
                                          {8, 12, 1, 1, 4},   {8, 10, 1, 1, 5},  {8, 8, 1, 1, 4},    {16, 24, 1, 1, 8},
                                          {16, 24, 1, 1, 12}, {16, 24, 1, 1, 6}, {16, 28, 1, 1, 14}, {16, 16, 1, 1, 4},
                                          {4, 16, 64, 4, 8},  {4, 16, 256, 4, 8}};
static const clattn_probe_form copying[] = {{16, 8, 1, 1, 0}, {4, 8, 64, 4, 0}, {4, 8, 256, 4, 0}};
/* Strided access needs neighbouring work-items, so there are no forms with one work-item. */
static const clattn_probe_form neighbours[] = {{1, 4, 64, 4, 0}, {1, 2, 256, 4, 0}};

/* As many sums as hide a unit's latency, in work-groups of 4 or 8 sub-groups. */
static const clattn_probe_form multiplying[] = {{1, 4, 4, 4, 0}, {1, 8, 4, 4, 0}, {1, 4, 8, 4, 0}};

#define FORMS(list) list, sizeof(list) / sizeof(list)[0]
static const struct {
  const char *file, *function;
  const clattn_probe_form *forms;
  size_t count;
} kinds[CLATTN_PROBE_KIND_COUNT] = {
    [CLATTN_PROBE_MULTIPLY_ADD] = {"probe/multiply_add.cl", "multiply_add", FORMS(summing)},
    [CLATTN_PROBE_TILE] = {"probe/tile.cl", "multiply_tile", FORMS(tiles)},
    [CLATTN_PROBE_LOCAL] = {"probe/local.cl", "read_local", FORMS(summing)},
    [CLATTN_PROBE_MATRIX_F16] = {"probe/matrix_rate.cl", "matrix_rate", FORMS(multiplying)},
    [CLATTN_PROBE_MATRIX_BF16] = {"probe/matrix_rate.cl", "matrix_rate", FORMS(multiplying)},
    [CLATTN_PROBE_READ] = {"probe/read.cl", "read_again", FORMS(summing)},
    [CLATTN_PROBE_COPY] = {"probe/copy.cl", "copy_again", FORMS(copying)},
    [CLATTN_PROBE_STRIDED] = {"probe/strided.cl", "read_strided", FORMS(neighbours)},
    [CLATTN_PROBE_PAIR] = {"probe/pair.cl", "read_pair", FORMS(summing)},
};

const clattn_probe_form *clattn_probe_form_at(clattn_probe_kind kind, size_t index) {
  return index < kinds[kind].count ? &kinds[kind].forms[index] : NULL;
}

bool clattn_probe_needs_unit(clattn_probe_kind kind) {
  return kind == CLATTN_PROBE_MATRIX_F16 || kind == CLATTN_PROBE_MATRIX_BF16;
}

size_t clattn_probe_items(const clattn_probe *p) {
  const int lanes = clattn_probe_needs_unit(p->kind) ? MATRIX_LANES(p->matrix.unit) : 1;
  return (size_t)p->form->local * (size_t)lanes;
}

static cl_int rounds_of(const clattn_probe_form *form) {
  return form->local == 1 ? ROUNDS_ALONE : ROUNDS_OF_MANY;
}

/* ---- chunks of the working set ----------------------------------------------------------------------------------- */

bool clattn_probe_reads_set(clattn_probe_kind kind) {
  return kind >= CLATTN_PROBE_READ;
}

/* A copy reads one half of the working set and writes the other; a pair is two halves that are
 * read. */
static uint64_t set_bytes(const clattn_probe *p) {
  const bool halves = p->kind == CLATTN_PROBE_COPY || p->kind == CLATTN_PROBE_PAIR;
  return p->options->working_set / (halves ? 2 : 1);
}

/* Floats that a work-item reads as one unit: a vector, or a cache line. unit_rounds() tells how
 * many rounds of its loop that takes. */
static uint64_t unit_floats(const clattn_probe *p) {
  return p->kind == CLATTN_PROBE_STRIDED ? LINE : (uint64_t)p->form->width;
}

static uint64_t unit_rounds(const clattn_probe *p) {
  return p->kind == CLATTN_PROBE_STRIDED ? LINE : p->kind == CLATTN_PROBE_PAIR ? 2 : 1;
}

/* Units that a work-group reads in one step. */
static uint64_t step_units(const clattn_probe *p) {
  return (uint64_t)p->form->local * (uint64_t)p->form->chains;
}

static uint64_t steps_of_set(const clattn_probe *p) {
  return set_bytes(p) / (step_units(p) * unit_floats(p) * sizeof(cl_float));
}

/* The width of the tiles that are tried on this device. */
static int tile_width(const clattn_device_info *d) {
  return d->native_float_width >= 16 ? 16 : d->native_float_width >= 8 ? 8 : 4;
}

bool clattn_probe_fits(const clattn_probe *p) {
  const clattn_device_info *d = &p->device->info;
  if (p->kind == CLATTN_PROBE_TILE && p->form->local == 1 && p->form->width != tile_width(d)) return false;
  if (clattn_probe_needs_unit(p->kind) && p->matrix.unit == 0) return false;
  const uint64_t items = clattn_probe_items(p);
  return items <= d->max_work_group && items <= d->max_work_item_sizes[0] &&
         (!clattn_probe_reads_set(p->kind) || steps_of_set(p) > 0);
}

/* Divides the working set into chunks of equal length, except for a remainder shorter than a chunk.
 * There is one chunk for each group, or more if a work-item would exceed its limit of rounds. */
static void cut_chunks(clattn_probe *p, cl_int *chunk, cl_int *passes) {
  const uint64_t steps = steps_of_set(p), most = ((uint64_t)rounds_of(p->form) - 1) / unit_rounds(p);
  uint64_t count = (uint64_t)p->device->info.compute_units * (uint64_t)p->form->groups;
  if (steps / count > most) count = (steps + most - 1) / most;
  if (count > steps) count = steps;
  const uint64_t steps_of_chunk = steps / count;
  p->groups = (size_t)(steps / steps_of_chunk);
  *chunk = (cl_int)(steps_of_chunk * step_units(p));
  *passes = (cl_int)((uint64_t)rounds_of(p->form) /
                     (steps_of_chunk * unit_rounds(p) + 1)); /* a pass counts as a round, too */
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static clattn_status set_multiply_add(clattn_probe *p, clattn_error *error) {
  const clattn_probe_form *form = p->form;
  const cl_int rounds = rounds_of(form);
  const cl_float factor = 1.0f, summand = 1.0f; /* the sum counts the rounds, so the compiler cannot leave any out */
  p->groups = (size_t)p->device->info.compute_units * (size_t)form->groups;
  p->work_per_group = 2.0 * rounds * form->width * form->chains * form->local;
  p->expected = (cl_float)form->chains * ((cl_float)rounds + (cl_float)(form->chains - 1) / 2.0f);
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(rounds), CLATTN_ARGUMENT(factor), CLATTN_ARGUMENT(summand),
                                       CLATTN_ARGUMENT(p->expected), CLATTN_ARGUMENT(p->report)};
  return clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
}

/* A product of ones adds the depth to each element of a sum. */
static clattn_status set_matrix(clattn_probe *p, clattn_error *error) {
  const clattn_probe_form *form = p->form;
  const int unit = p->matrix.unit, depth = MATRIX_DEPTH(unit), values = MATRIX_SUM(unit), chains = form->chains;
  const cl_int rounds = p->matrix.software ? ROUNDS_OF_SOFTWARE : ROUNDS_OF_MANY;
  p->groups = (size_t)p->device->info.compute_units * (size_t)form->groups;
  p->work_per_group = 2.0 * MATRIX_ROWS(unit) * MATRIX_COLUMNS(unit) * depth * rounds * chains * form->local;
  p->expected = (cl_float)(values * chains * (rounds * depth + (chains - 1) / 2.0));
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(rounds), CLATTN_ARGUMENT(p->expected),
                                       CLATTN_ARGUMENT(p->report)};
  return clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
}

/* Terms that a work-item of a tile adds up: as many as make the rounds of the other probes. A loop
 * of n rounds counts as n + 1. */
static cl_int tile_terms(const clattn_probe_form *form) {
  const cl_int columns = form->chains / form->rows;
  const cl_int of_term = columns + 1 + (form->rows * (columns + 2) + 1) + 1;
  const cl_int depth = form->local == 1 ? TILE_DEPTH : TILE_DEPTH_OF_MANY;
  return rounds_of(form) * ROUNDS_OF_16_CHAINS / of_term / depth * depth;
}

static clattn_status set_tile(clattn_probe *p, clattn_error *error) {
  const clattn_probe_form *form = p->form;
  const cl_int terms = tile_terms(form);
  p->groups = (size_t)p->device->info.compute_units * (size_t)form->groups;
  p->work_per_group = 2.0 * terms * form->width * form->chains * form->local;
  p->expected = (cl_float)terms * (cl_float)form->chains;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(p->data), CLATTN_ARGUMENT(terms), CLATTN_ARGUMENT(p->expected),
                                       CLATTN_ARGUMENT(p->report)};
  return clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
}

static clattn_status set_local(clattn_probe *p, clattn_error *error) {
  const clattn_probe_form *form = p->form;
  const cl_int rounds = rounds_of(form);
  const cl_float one = 1.0f;
  p->groups = (size_t)p->device->info.compute_units * (size_t)form->groups;
  p->work_per_group = (double)sizeof(cl_float) * rounds * form->width * form->chains * form->local;
  p->expected = (cl_float)rounds * (cl_float)form->chains;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(rounds), CLATTN_ARGUMENT(one), CLATTN_ARGUMENT(p->expected),
                                       CLATTN_ARGUMENT(p->report)};
  return clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
}

/* For all kinds that only read. */
static clattn_status set_read(clattn_probe *p, clattn_error *error) {
  cl_int chunk = 0, passes = 0;
  cut_chunks(p, &chunk, &passes);
  p->work_per_group = (double)passes * chunk * (double)unit_floats(p) * sizeof(cl_float);
  const cl_int units = chunk / p->form->local; /* per work-item and pass */
  p->expected = (cl_float)passes * (cl_float)units * (cl_float)unit_rounds(p);
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(p->data), CLATTN_ARGUMENT(chunk), CLATTN_ARGUMENT(passes),
                                       CLATTN_ARGUMENT(p->expected), CLATTN_ARGUMENT(p->report)};
  return clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
}

static clattn_status set_pair(clattn_probe *p, clattn_error *error) {
  cl_int chunk = 0, passes = 0;
  cut_chunks(p, &chunk, &passes);
  p->work_per_group = 2.0 * passes * chunk * (double)unit_floats(p) * sizeof(cl_float);
  const cl_int units = chunk / p->form->local; /* per work-item, pass and buffer */
  p->expected = 2.0f * (cl_float)passes * (cl_float)units;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(p->data),     CLATTN_ARGUMENT(p->other),
                                       CLATTN_ARGUMENT(chunk),       CLATTN_ARGUMENT(passes),
                                       CLATTN_ARGUMENT(p->expected), CLATTN_ARGUMENT(p->report)};
  return clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
}

static clattn_status set_copy(clattn_probe *p, clattn_error *error) {
  cl_int chunk = 0, passes = 0;
  cut_chunks(p, &chunk, &passes);
  p->copied = p->groups * (size_t)chunk * (size_t)p->form->width;
  p->work_per_group = 2.0 * passes * chunk * p->form->width * sizeof(cl_float);
  p->expected = (cl_float)passes; /* 1 + the number of the last pass */
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(p->data), CLATTN_ARGUMENT(p->other), CLATTN_ARGUMENT(chunk),
                                       CLATTN_ARGUMENT(passes)};
  return clattn_set_arguments(p->kernel, arguments, sizeof arguments / sizeof arguments[0], error);
}

static void write_options(const clattn_probe *p, char *options, size_t size) {
  const clattn_probe_form *form = p->form;
  if (!clattn_probe_needs_unit(p->kind)) {
    snprintf(options, size, "%s -DWIDTH=%d -DCHAINS=%d -DLOCAL=%d -DROWS=%d",
             clattn_needs_language(0, &p->device->info), form->width, form->chains, form->local, form->rows);
    return;
  }
  clattn_matrix_options(&p->matrix, &p->device->info, options, size);
  const size_t used = strlen(options);
  snprintf(options + used, size - used, " -DCHAINS=%d -DSUB_GROUPS=%d", form->chains, form->local);
}

clattn_status clattn_probe_prepare(clattn_probe *p, clattn_error *error) {
  static clattn_status (*const set[CLATTN_PROBE_KIND_COUNT])(clattn_probe *, clattn_error *) = {
      [CLATTN_PROBE_MULTIPLY_ADD] = set_multiply_add,
      [CLATTN_PROBE_TILE] = set_tile,
      [CLATTN_PROBE_LOCAL] = set_local,
      [CLATTN_PROBE_MATRIX_F16] = set_matrix,
      [CLATTN_PROBE_MATRIX_BF16] = set_matrix,
      [CLATTN_PROBE_READ] = set_read,
      [CLATTN_PROBE_COPY] = set_copy,
      [CLATTN_PROBE_STRIDED] = set_read,
      [CLATTN_PROBE_PAIR] = set_pair};
  char options[CLATTN_MATRIX_OPTIONS + 64];
  write_options(p, options, sizeof options);
  const clattn_program_source source = {
      .folder = p->options->kernel_dir, .file = kinds[p->kind].file, .options = options};
  const clattn_status status =
      clattn_kernel_build(p->device, &source, kinds[p->kind].function, NULL, NULL, &p->kernel, error);
  return status == CLATTN_OK ? set[p->kind](p, error) : status;
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

static clattn_status fill(const clattn_probe *p, cl_mem buffer, cl_float value, size_t at, size_t bytes,
                          clattn_error *error) {
  cl_int code = clEnqueueFillBuffer(p->device->queue, buffer, &value, sizeof value, at, bytes, 0, NULL, NULL);
  if (code == CL_SUCCESS) code = clFinish(p->device->queue);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "filling %zu bytes for a probe", bytes);
}

static clattn_status create(const clattn_probe *p, cl_float value, size_t bytes, cl_mem *buffer, clattn_error *error) {
  cl_int code = CL_SUCCESS;
  *buffer = clCreateBuffer(p->device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "allocating %zu bytes for a probe", bytes);
  return fill(p, *buffer, value, 0, bytes, error);
}

clattn_status clattn_probe_allocate(clattn_probe *p, clattn_error *error) {
  const uint64_t set = p->kind == CLATTN_PROBE_TILE ? TILE_OPERANDS * sizeof(cl_float) : set_bytes(p);
  const size_t bytes = (size_t)set / sizeof(cl_float) * sizeof(cl_float);
  clattn_status status = create(p, 0.0f, 2 * sizeof(cl_int), &p->report, error);
  if (status == CLATTN_OK && (clattn_probe_reads_set(p->kind) || p->kind == CLATTN_PROBE_TILE))
    status = create(p, 1.0f, bytes, &p->data, error);
  if (status == CLATTN_OK && p->kind == CLATTN_PROBE_COPY) status = create(p, 0.0f, bytes, &p->other, error);
  if (status == CLATTN_OK && p->kind == CLATTN_PROBE_PAIR) status = create(p, 1.0f, bytes, &p->other, error);
  return status;
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

/* The parts of a copy that are checked: returns how many floats, and where the first and the last
 * part start. */
static size_t checked_parts(const clattn_probe *p, size_t starts[2]) {
  const size_t count = p->copied < CHECKED_FLOATS ? p->copied : CHECKED_FLOATS;
  starts[0] = 0;
  starts[1] = p->copied - count;
  return count;
}

clattn_status clattn_probe_clear(const clattn_probe *p, clattn_error *error) {
  size_t starts[2];
  if (p->kind != CLATTN_PROBE_COPY) return fill(p, p->report, 0.0f, 0, 2 * sizeof(cl_int), error);
  const size_t bytes = checked_parts(p, starts) * sizeof(cl_float);
  const clattn_status status = fill(p, p->other, 0.0f, 0, bytes, error);
  return status == CLATTN_OK ? fill(p, p->other, 0.0f, starts[1] * sizeof(cl_float), bytes, error) : status;
}

static clattn_status read_back(const clattn_probe *p, cl_mem from, size_t offset, size_t bytes, void *to,
                               clattn_error *error) {
  const cl_int code = clEnqueueReadBuffer(p->device->queue, from, CL_TRUE, offset, bytes, to, 0, NULL, NULL);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "reading what a probe left");
}

static clattn_status verify_copy(const clattn_probe *p, clattn_error *error) {
  cl_float seen[CHECKED_FLOATS];
  size_t starts[2];
  const size_t count = checked_parts(p, starts);
  for (int end = 0; end < 2; ++end) {
    const clattn_status status =
        read_back(p, p->other, starts[end] * sizeof(cl_float), count * sizeof(cl_float), seen, error);
    if (status != CLATTN_OK) return status;
    for (size_t i = 0; i < count; ++i)
      if (seen[i] != p->expected)
        return clattn_fail(error, CLATTN_BUILD_FAILED, "%s on '%s' wrote %g instead of %g, so its time means nothing",
                           kinds[p->kind].file, p->device->info.name, (double)seen[i], (double)p->expected);
  }
  return CLATTN_OK;
}

clattn_status clattn_probe_verify(const clattn_probe *p, clattn_error *error) {
  cl_int report[2] = {0, 0}; /* work-items with wrong sums, work-groups that finished */
  if (p->kind == CLATTN_PROBE_COPY) return verify_copy(p, error);
  const clattn_status status = read_back(p, p->report, 0, sizeof report, report, error);
  if (status != CLATTN_OK) return status;
  if (report[0] == 0 && (size_t)report[1] == p->launches * p->groups) return CLATTN_OK;
  return clattn_fail(error, CLATTN_BUILD_FAILED,
                     "%s on '%s': %d work-items have wrong sums and %d of %zu work-groups finished, so its time means "
                     "nothing",
                     kinds[p->kind].file, p->device->info.name, report[0], report[1], p->launches * p->groups);
}
