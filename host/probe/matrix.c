/* Matrix units: which a device may have, and whether they compute what kernels expect. */
#include "probe/matrix.h"

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "base/status.h"
#include "device/process.h"
#include "device/queue.h"
#include "catalog/matrix.h"
#include "catalog/needs.h"
#include "programs/program.h"

#include "../../kernels/common/matrix_units.h"

/* As in kernels/probe/matrix.cl. */
#define SUB_GROUPS 2
#define STEPS 2
#define ROWS_MOST (SUB_GROUPS * 16)
#define SIDE_MOST 32 /* UNIT_DEPTH * STEPS */

/* ---- which there are --------------------------------------------------------------------------------------------- */

/* In the order in which they are tried: of two that a GPU has, the larger one first. */
static const struct {
  int unit;
  const char *name, *vendor;
  uint32_t least_sub_group; /* 0: the driver need not say */
  bool bfloat16;
} units[] = {{MATRIX_MMA_16, "NVIDIA mma.sync m16n8k16", "NVIDIA", 0, true},
             {MATRIX_MMA_8, "NVIDIA mma.sync m16n8k8", "NVIDIA", 0, false},
             {MATRIX_DPAS_8, "Intel DPAS, sub-groups of 8", "Intel", 8, true},
             {MATRIX_DPAS_16, "Intel DPAS, sub-groups of 16", "Intel", 16, true},
             {MATRIX_WMMA_12, "AMD WMMA of gfx12", "Advanced Micro Devices", 0, true},
             {MATRIX_WMMA_11, "AMD WMMA of gfx11", "Advanced Micro Devices", 0, true},
             {MATRIX_MFMA, "AMD MFMA", "Advanced Micro Devices", 0, true}};

#define UNIT_COUNT (sizeof units / sizeof units[0])

const char *clattn_matrix_name(int unit) {
  for (size_t i = 0; i < UNIT_COUNT; ++i)
    if (units[i].unit == unit) return units[i].name;
  return NULL;
}

bool clattn_matrix_is_likely(int unit, clattn_type type, const clattn_device_info *device) {
  for (size_t i = 0; i < UNIT_COUNT; ++i)
    if (units[i].unit == unit)
      return device->type == CLATTN_DEVICE_GPU && strstr(device->vendor, units[i].vendor) != NULL &&
             (units[i].least_sub_group == 0 || units[i].least_sub_group == device->least_sub_group) &&
             (type == CLATTN_F16 || (type == CLATTN_BF16 && units[i].bfloat16));
  return false;
}

/* ---- its problem ------------------------------------------------------------------------------------------------- */

/* A score is a sum of at most 32 products of at most 4: exact as a bfloat16, which has 8 bits. What
 * is computed from scores stays below 2^24, the limit of exact integers in float. */
static const int values[] = {-1, 0, 1, 2};
static const cl_ushort as_half[] = {0xbc00, 0, 0x3c00, 0x4000}, as_bfloat16[] = {0xbf80, 0, 0x3f80, 0x4000};

/* The same times 2^-24, the smallest half: a unit must not take halves below 2^-14 for 0, which many weights are. */
static const cl_ushort as_tiny[] = {0x8001, 0, 0x0001, 0x0002};
#define TINY 0x1p-24f

typedef struct matrix_problem {
  int rows, columns, depth, width; /* rows of x; columns of z; rows of y and of z; columns of x and of y */
  int x[ROWS_MOST * SIDE_MOST], y[SIDE_MOST * SIDE_MOST], z[SIDE_MOST * SIDE_MOST];
  cl_ushort stored_x[ROWS_MOST * SIDE_MOST], stored_y[SIDE_MOST * SIDE_MOST], stored_z[SIDE_MOST * SIDE_MOST];
  cl_float result[ROWS_MOST * SIDE_MOST], largest[ROWS_MOST]; /* as expected */
} matrix_problem;

static void fill(uint64_t *random, const cl_ushort *as_stored, int count, int *value, cl_ushort *stored) {
  for (int i = 0; i < count; ++i) {
    const size_t which = clattn_random(random) % (sizeof values / sizeof values[0]);
    value[i] = values[which];
    stored[i] = as_stored[which];
  }
}

static int score_of(const matrix_problem *p, int row, int key) {
  int score = 0;
  for (int d = 0; d < p->width; ++d) score += p->x[row * p->width + d] * p->y[key * p->width + d];
  return score;
}

/* `unit`: what 1 stands for in x. */
static void solve(matrix_problem *p, float unit) {
  for (int row = 0; row < p->rows; ++row) {
    int score[SIDE_MOST] = {0}, sum = 0, largest = 0;
    for (int key = 0; key < p->depth; ++key) {
      score[key] = score_of(p, row, key);
      sum += score[key];
      if (key == 0 || score[key] > largest) largest = score[key];
    }
    p->largest[row] = (cl_float)largest * unit;
    for (int column = 0; column < p->columns; ++column) {
      int product = 0;
      for (int key = 0; key < p->depth; ++key) product += score[key] * p->z[key * p->columns + column];
      p->result[row * p->columns + column] = (cl_float)(product * sum) * unit * unit;
    }
  }
}

static void make_problem(const clattn_matrix_form *form, bool tiny, matrix_problem *p) {
  const cl_ushort *as_stored = form->type == CLATTN_BF16 ? as_bfloat16 : as_half;
  uint64_t random = 1;
  p->rows = SUB_GROUPS * MATRIX_ROWS(form->unit);
  p->columns = MATRIX_COLUMNS(form->unit);
  p->depth = MATRIX_DEPTH(form->unit);
  p->width = STEPS * p->depth;
  fill(&random, tiny ? as_tiny : as_stored, p->rows * p->width, p->x, p->stored_x);
  fill(&random, as_stored, p->depth * p->width, p->y, p->stored_y);
  fill(&random, as_stored, p->depth * p->columns, p->z, p->stored_z);
  solve(p, tiny ? TINY : 1.0f);
}

/* ---- its run ----------------------------------------------------------------------------------------------------- */

enum { X, Y, Z, RESULT, LARGEST, BUFFERS };

void clattn_matrix_options(const clattn_matrix_form *form, const clattn_device_info *device, char *options,
                           size_t size) {
  const unsigned needs = MATRIX_IS_DPAS(form->unit) && !form->software ? CLATTN_NEEDS_SUB_GROUPS : 0;
  snprintf(options, size, "%s -DMATRIX_UNIT=%d -DBFLOAT16=%d -DSOFTWARE_UNIT=%d", clattn_needs_language(needs, device),
           form->unit, form->type == CLATTN_BF16, form->software);
}

static clattn_status build(clattn_device *device, const clattn_matrix_form *form, const char *kernel_dir,
                           cl_kernel *kernel, clattn_error *error) {
  char options[CLATTN_MATRIX_OPTIONS];
  clattn_matrix_options(form, &device->info, options, sizeof options);
  const clattn_program_source source = {.folder = kernel_dir, .file = CLATTN_MATRIX_FILE, .options = options};
  return clattn_kernel_build(device, &source, "matrix", NULL, NULL, kernel, error);
}

static clattn_status create(clattn_device *device, const size_t bytes[BUFFERS], cl_mem buffer[BUFFERS],
                            clattn_error *error) {
  for (int i = 0; i < BUFFERS; ++i) {
    cl_int code = CL_SUCCESS;
    buffer[i] = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes[i], NULL, &code);
    if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "allocating %zu bytes for a matrix unit", bytes[i]);
  }
  return CLATTN_OK;
}

static clattn_status launch(clattn_queue *queue, const matrix_problem *p, const clattn_matrix_form *form,
                            cl_kernel kernel, const size_t bytes[BUFFERS], const cl_mem buffer[BUFFERS],
                            clattn_error *error) {
  const cl_ushort *const given[] = {p->stored_x, p->stored_y, p->stored_z};
  const size_t items = (size_t)(SUB_GROUPS * MATRIX_LANES(form->unit));
  const clattn_range range = {.global = {items, 1, 1}, .local = {items, 1, 1}};
  clattn_argument arguments[BUFFERS];
  for (int i = 0; i < BUFFERS; ++i) arguments[i] = (clattn_argument)CLATTN_ARGUMENT(buffer[i]);
  clattn_status status = clattn_set_arguments(kernel, arguments, BUFFERS, error);
  for (int i = X; i <= Z && status == CLATTN_OK; ++i)
    status = clattn_queue_write(queue, buffer[i], given[i], bytes[i], error);
  for (int i = RESULT; i < BUFFERS && status == CLATTN_OK; ++i)
    status = clattn_queue_clear(queue, CLATTN_SLOT_NONE, buffer[i], 0, bytes[i], error);
  return status == CLATTN_OK ? clattn_queue_launch(queue, CLATTN_SLOT_NONE, kernel, &range, error) : status;
}

static clattn_status compare(const matrix_problem *p, const clattn_matrix_form *form, const cl_float *result,
                             const cl_float *largest, clattn_error *error) {
  for (int row = 0; row < p->rows; ++row)
    for (int column = 0; column < p->columns; ++column) {
      const int at = row * p->columns + column;
      if (largest[at] != p->largest[row])
        return clattn_fail(error, CLATTN_BUILD_FAILED, "%s: the largest score of row %d is %g instead of %g",
                           clattn_matrix_name(form->unit), row, (double)largest[at], (double)p->largest[row]);
      if (result[at] != p->result[at])
        return clattn_fail(error, CLATTN_BUILD_FAILED, "%s: row %d, column %d is %g instead of %g",
                           clattn_matrix_name(form->unit), row, column, (double)result[at], (double)p->result[at]);
    }
  return CLATTN_OK;
}

static clattn_status run(clattn_device *device, const clattn_matrix_form *form, bool tiny, cl_kernel kernel,
                         clattn_error *error) {
  matrix_problem p;
  cl_mem buffer[BUFFERS] = {NULL};
  cl_float result[ROWS_MOST * SIDE_MOST], largest[ROWS_MOST * SIDE_MOST];
  clattn_queue queue = {.commands = device->queue};
  make_problem(form, tiny, &p);
  const size_t bytes[BUFFERS] = {
      (size_t)(p.rows * p.width) * sizeof(cl_ushort), (size_t)(p.depth * p.width) * sizeof(cl_ushort),
      (size_t)(p.depth * p.columns) * sizeof(cl_ushort), (size_t)(p.rows * p.columns) * sizeof(cl_float),
      (size_t)(p.rows * p.columns) * sizeof(cl_float)};
  clattn_status status = create(device, bytes, buffer, error);
  if (status == CLATTN_OK) status = launch(&queue, &p, form, kernel, bytes, buffer, error);
  if (status == CLATTN_OK) status = clattn_queue_read(&queue, buffer[RESULT], 0, bytes[RESULT], result, error);
  if (status == CLATTN_OK) status = clattn_queue_read(&queue, buffer[LARGEST], 0, bytes[LARGEST], largest, error);
  if (status == CLATTN_OK) status = clattn_queue_finish(&queue, error);
  clattn_queue_release(&queue);
  for (int i = 0; i < BUFFERS; ++i)
    if (buffer[i] != NULL) clReleaseMemObject(buffer[i]);
  return status == CLATTN_OK ? compare(&p, form, result, largest, error) : status;
}

clattn_status clattn_matrix_probe(clattn_device *device, const clattn_matrix_form *form, const char *kernel_dir,
                                  clattn_error *error) {
  cl_kernel kernel = NULL;
  clattn_status status = build(device, form, kernel_dir, &kernel, error);
  if (status == CLATTN_BUILD_FAILED) return CLATTN_UNSUPPORTED; /* the device does not have it */
  if (status == CLATTN_OK) status = run(device, form, false, kernel, error);
  if (status == CLATTN_OK && form->type == CLATTN_F16) status = run(device, form, true, kernel, error);
  if (kernel != NULL) clReleaseKernel(kernel);
  return status;
}

clattn_status clattn_matrix_first(clattn_device *device, clattn_type type, int *unit, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  *unit = 0;
  for (size_t i = 0; i < UNIT_COUNT && status == CLATTN_OK && *unit == 0; ++i) {
    const clattn_matrix_form form = {.unit = units[i].unit, .type = type};
    if (!clattn_matrix_is_likely(form.unit, type, &device->info)) continue;
    status = clattn_matrix_probe(device, &form, NULL, error);
    if (status == CLATTN_OK) *unit = form.unit;
    if (status == CLATTN_UNSUPPORTED) status = CLATTN_OK;
  }
  return status;
}

/* Puts the answer into the device's description. */
static void remember(clattn_device *device, clattn_type type, int unit) {
  device->matrix_types |= 1u << type;
  *(type == CLATTN_F16 ? &device->info.matrix_f16 : &device->info.matrix_bf16) = (uint32_t)unit;
}

void clattn_matrix_find(clattn_device *device, const clattn_problem *problem, clattn_stage stage) {
  const clattn_type type = clattn_matrix_type_of(problem, stage);
  clattn_error error;
  int unit;
  if (type == CLATTN_F32 || (device->matrix_types & 1u << type) != 0) return;
  const bool known = clattn_matrix_first(device, type, &unit, &error) == CLATTN_OK;
  remember(device, type, known ? unit : 0);
}

clattn_status clattn_device_matrix_unit(clattn_device *device, clattn_type type, const char **name,
                                        clattn_error *error) {
  if (device == NULL || name == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the %s is NULL", device == NULL ? "device" : "name");
  if (type != CLATTN_F16 && type != CLATTN_BF16)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "type is %d (allowed: CLATTN_F16 and CLATTN_BF16)", (int)type);
  clattn_status status = clattn_process_check(error);
  *name = NULL;
  int unit = 0;
  if (status == CLATTN_OK) status = clattn_matrix_first(device, type, &unit, error);
  if (status == CLATTN_OK) {
    *name = clattn_matrix_name(unit);
    remember(device, type, unit);
  }
  return clattn_finish(error, status);
}
