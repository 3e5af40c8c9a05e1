/* CLBlast's Sgemm, with its defaults and with parameters found by a small search on the device for
 * each shape. */
#include <clblast_c.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "device/device.h"
#include "product.h"

static clattn_device *device;
static cl_mem x, w[PRODUCTS], out[PRODUCTS];

static void need_cl(int code, const char *what) {
  if (code != CL_SUCCESS) give_up("%s: code %d", what, code);
}

static clattn_device *open_device(const char *name, char answer[ANSWER_SIZE]) {
  const clattn_device_choice choice = {.device = name};
  clattn_error error;
  if (clattn_device_open(&choice, &device, &error) != CLATTN_OK) give_up("%s", error.message);
  greet(device, "CLBlast", answer);
  return NULL; /* clattn's own process probes the device */
}

static void replace(cl_mem *buffer, size_t elements, float *data) {
  int code = CL_SUCCESS;
  if (*buffer != NULL) clReleaseMemObject(*buffer);
  const cl_mem_flags flags = CL_MEM_READ_WRITE | (data != NULL ? CL_MEM_COPY_HOST_PTR : 0);
  *buffer = clCreateBuffer(device->context, flags, elements * sizeof(float), data, &code);
  need_cl(code, "clCreateBuffer");
}

static void create_buffers(const product *p) {
  replace(&x, p->rows * p->terms, p->x);
  for (int i = 0; i < PRODUCTS; ++i) {
    replace(&w[i], p->terms * p->columns, p->w[i]);
    replace(&out[i], p->rows * p->columns, NULL);
  }
}

/* Seconds of all three products; infinite if CLBlast refuses. */
static double try_run(const product *p) {
  const double started = clattn_now();
  for (int i = 0; i < PRODUCTS; ++i) {
    const CLBlastStatusCode code =
        CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeNo, p->rows, p->columns, p->terms, 1.0f,
                     x, 0, p->terms, w[i], 0, p->columns, 0.0f, out[i], 0, p->columns, &device->queue, NULL);
    if (code != CLBlastSuccess || clFinish(device->queue) != CL_SUCCESS) return INFINITY;
  }
  return clattn_now() - started;
}

static double run(const product *p) {
  const double seconds = try_run(p);
  if (isinf(seconds)) give_up("CLBlastSgemm failed");
  return seconds;
}

static void fetch(const product *p) {
  for (int i = 0; i < PRODUCTS; ++i)
    need_cl(clEnqueueReadBuffer(device->queue, out[i], CL_TRUE, 0, p->rows * p->columns * sizeof(float), p->out[i], 0,
                                NULL, NULL),
            "clEnqueueReadBuffer");
}

static int prepare(const product *p, const words *said, char answer[ANSWER_SIZE]) {
  (void)said, (void)answer;
  create_buffers(p);
  return 1;
}

const product_engine product_clblast = {"clblast", open_device, prepare, run, fetch};

/* ---- tuned ------------------------------------------------------------------------------------------------------- */

/* Parameters of kernel Xgemm; the search varies the first ones. */
static const char *const names[] = {"MWG", "NWG", "VWM", "VWN", "MDIMC", "NDIMC", "MDIMA", "NDIMB",
                                    "KWG", "KWI", "SA",  "SB",  "STRM",  "STRN",  "GEMMK", "KREG"};
enum { NAMES = sizeof names / sizeof names[0] };

/* For CPUs: work-groups of one work-item with wide vectors. For other devices: work-groups of many
 * work-items, with local memory. */
static const size_t candidates[][NAMES] = {
    {16, 8, 16, 8, 1, 1, 1, 1, 16, 1, 0, 0, 0, 0, 0, 1},     {16, 16, 16, 16, 1, 1, 1, 1, 16, 1, 0, 0, 0, 0, 0, 1},
    {32, 8, 16, 8, 1, 1, 1, 1, 16, 1, 0, 0, 0, 0, 0, 1},     {32, 4, 16, 4, 1, 1, 1, 1, 16, 1, 0, 0, 0, 0, 0, 1},
    {64, 4, 16, 4, 1, 1, 1, 1, 16, 1, 0, 0, 0, 0, 0, 1},     {8, 8, 8, 8, 1, 1, 1, 1, 16, 1, 0, 0, 0, 0, 0, 1},
    {16, 8, 8, 8, 1, 1, 1, 1, 16, 1, 0, 0, 0, 0, 0, 1},      {64, 64, 4, 4, 8, 8, 8, 8, 16, 2, 1, 1, 0, 0, 0, 1},
    {64, 64, 2, 2, 16, 16, 16, 16, 32, 2, 1, 1, 0, 0, 0, 1}, {128, 64, 4, 4, 16, 8, 16, 8, 32, 2, 1, 1, 0, 0, 0, 1},
};
enum { CANDIDATES = sizeof candidates / sizeof candidates[0], MDIMC = 4 };

static bool suits_device(const size_t *candidate) {
  return (candidate[MDIMC] == 1) == (device->info.type == CLATTN_DEVICE_CPU);
}

static double try_candidate(const product *p, const size_t *candidate) {
  const char *names_given[NAMES];
  memcpy(names_given, names, sizeof names);
  if (CLBlastOverrideParameters(device->id, "Xgemm", CLBlastPrecisionSingle, NAMES, names_given, candidate) !=
      CLBlastSuccess)
    return INFINITY;
  double best = try_run(p); /* the first run builds */
  for (int i = 0; i < 3 && !isinf(best); ++i) best = i == 0 ? try_run(p) : fmin(best, try_run(p));
  return best;
}

/* Uses Xgemm for all sizes instead of the kernel for small matrices, which has separate
 * parameters. */
static void choose_xgemm(void) {
  const char *name[] = {"XGEMM_MIN_INDIRECT_SIZE"};
  const size_t value[] = {1};
  if (CLBlastOverrideParameters(device->id, "GemmRoutine", CLBlastPrecisionSingle, 1, name, value) != CLBlastSuccess)
    give_up("CLBlastOverrideParameters refuses GemmRoutine");
}

static int prepare_tuned(const product *p, const words *said, char answer[ANSWER_SIZE]) {
  (void)said;
  create_buffers(p);
  choose_xgemm();
  const size_t *best = NULL;
  double fastest = INFINITY;
  for (int i = 0; i < CANDIDATES; ++i) {
    if (!suits_device(candidates[i])) continue;
    const double seconds = try_candidate(p, candidates[i]);
    if (seconds >= fastest) continue;
    fastest = seconds;
    best = candidates[i];
  }
  if (best == NULL) {
    snprintf(answer, ANSWER_SIZE, "CLBlast accepts none of the %d parameter sets", CANDIDATES);
    return 0;
  }
  try_candidate(p, best);
  size_t used = 0;
  for (int i = 0; i < NAMES && used < ANSWER_SIZE; ++i)
    used += (size_t)snprintf(answer + used, ANSWER_SIZE - used, "%s%s=%zu", i > 0 ? " " : "", names[i], best[i]);
  return 1;
}

const product_engine product_clblast_tuned = {"clblast-tuned", open_device, prepare_tuned, run, fetch};
