/* The kernels of convert: every half and bfloat16 is widened, and floats at, between and beside
 * these values are narrowed. Results have the bits that the host computes. Only a NaN may have
 * others: the device chooses those of halves; those of bfloat16 are the same with all kernels.
 * Nothing outside of the converted elements changes. The kernels of an output projection that narrow
 * their results themselves must give the same bits. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/launch.h"
#include "plan/plan.h"
#include "problem/kernel_arguments.h"
#include "problem/shape.h"
#include "support.h"

#define POISON 0xA5

enum {
  STORED_VALUES = 1 << 16,
  OFFSET = 3, /* elements before those that are converted */
  GUARD = 40, /* and behind them */
  ADD_OFFSET = 5
};

/* ---- one conversion ---------------------------------------------------------------------------------------------- */

typedef struct task {
  clattn_type from_type, to_type;
  const void *from; /* elements from OFFSET on are converted */
  const float *add; /* added from ADD_OFFSET on; NULL: nothing is */
  size_t count;
  bool in_pieces; /* each work-group has a launch of its own */
} task;

static size_t bytes_of(const task *t, clattn_type type) {
  return (OFFSET + t->count + GUARD) * clattn_type_bytes(type);
}

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes);
  assert_non_null(memory);
  memset(memory, POISON, bytes);
  return memory;
}

static clattn_plan *create(const clattn_kernel *row) {
  clattn_problem p = support_problem(4, 0, 8);
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_error error;
  char kernel[64];
  snprintf(kernel, sizeof kernel, "convert=%s", row->name);
  p.source = CLATTN_SOURCE_QKV;
  p.type = CLATTN_F16;
  options.kernels = kernel;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  return plan;
}

static cl_mem buffer_of(const clattn_plan *plan, clattn_queue *queue, const void *from, size_t bytes) {
  clattn_error error;
  cl_int code = CL_SUCCESS;
  const cl_mem buffer = clCreateBuffer(plan->device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
  assert_int_equal(code, CL_SUCCESS);
  assert_ok(clattn_queue_write(queue, buffer, from, bytes, &error), &error);
  return buffer;
}

/* The whole array after the conversion, the poison around the elements included. */
static void *convert(const clattn_plan *plan, const task *t) {
  const clattn_choice *choice = &plan->choice[CLATTN_STAGE_CONVERT];
  const size_t bytes = bytes_of(t, t->to_type), size[] = {t->count, 1, 1};
  clattn_queue queue = {.commands = plan->device->queue};
  clattn_error error;
  void *result = allocate(bytes);
  const cl_mem from = buffer_of(plan, &queue, t->from, bytes_of(t, t->from_type));
  const cl_mem to = buffer_of(plan, &queue, result, bytes);
  const cl_mem add = t->add != NULL ? buffer_of(plan, &queue, t->add, (ADD_OFFSET + t->count) * sizeof(float)) : NULL;
  const conversion c = {.count = t->count,
                        .offset = OFFSET,
                        .add_offset = t->add != NULL ? ADD_OFFSET : NO_ADDITION,
                        .from_type = clattn_kernel_type(t->from_type),
                        .to_type = clattn_kernel_type(t->to_type)};
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(from), CLATTN_ARGUMENT(to), CLATTN_ARGUMENT(add),
                                       CLATTN_ARGUMENT(c)};
  if (t->in_pieces) queue.limit = (clattn_launch_limit){.flops = 1.0, .groups_least = 1};
  assert_ok(clattn_set_arguments(choice->kernel, arguments, 4, &error), &error);
  assert_ok(
      clattn_launch(&queue, CLATTN_STAGE_CONVERT, choice->kernel, &choice->geometry, size, (double)t->count, &error),
      &error);
  assert_ok(clattn_queue_read(&queue, to, 0, bytes, result, &error), &error);
  assert_ok(clattn_queue_finish(&queue, &error), &error);
  clattn_queue_release(&queue);
  clReleaseMemObject(from);
  clReleaseMemObject(to);
  if (add != NULL) clReleaseMemObject(add);
  return result;
}

/* ---- what it must be --------------------------------------------------------------------------------------------- */

/* Elements are added in float, as on the device. */
static void *expected_of(const task *t) {
  float *values = allocate((t->count + 1) * sizeof *values);
  unsigned char *result = allocate(bytes_of(t, t->to_type));
  clattn_widen(t->from_type, (const char *)t->from + OFFSET * clattn_type_bytes(t->from_type), t->count, values);
  for (size_t i = 0; t->add != NULL && i < t->count; ++i) values[i] += t->add[ADD_OFFSET + i];
  clattn_narrow(t->to_type, values, t->count, result + OFFSET * clattn_type_bytes(t->to_type));
  free(values);
  return result;
}

static bool is_nan_at(clattn_type type, const void *array, size_t i) {
  float value;
  clattn_widen(type, (const char *)array + i * clattn_type_bytes(type), 1, &value);
  return isnan(value);
}

/* nan_bits: whether all NaN must have the same bits, too. */
static void assert_same(const task *t, const void *got, const void *expected, bool nan_bits, const char *kernel) {
  const size_t size = clattn_type_bytes(t->to_type);
  for (size_t i = 0; i < OFFSET + t->count + GUARD; ++i) {
    if (memcmp((const char *)got + i * size, (const char *)expected + i * size, size) == 0) continue;
    if (!nan_bits && is_nan_at(t->to_type, got, i) && is_nan_at(t->to_type, expected, i)) continue;
    uint32_t bits[2] = {0, 0};
    memcpy(&bits[0], (const char *)got + i * size, size);
    memcpy(&bits[1], (const char *)expected + i * size, size);
    fail_msg("convert=%s: %s to %s, %zu elements: %zu is %#x instead of %#x", kernel, clattn_type_name(t->from_type),
             clattn_type_name(t->to_type), t->count, i, bits[0], bits[1]);
  }
}

/* Whole and in pieces, with every kernel of the device. */
static void every_kernel(task t) {
  const clattn_kernel *row;
  const bool halves = t.from_type == CLATTN_F16 || t.to_type == CLATTN_F16;
  void *expected = expected_of(&t), *first = NULL;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i) {
    if (row->stage != CLATTN_STAGE_CONVERT || !support_runs(row)) continue;
    clattn_plan *plan = create(row);
    for (int pieces = 0; pieces < (t.count < 5000 ? 2 : 1); ++pieces) {
      t.in_pieces = pieces == 1;
      void *got = convert(plan, &t);
      assert_same(&t, got, expected, false, row->name);
      if (first != NULL && !halves) assert_same(&t, got, first, true, row->name);
      if (first == NULL)
        first = got;
      else
        free(got);
    }
    clattn_plan_destroy(plan);
  }
  assert_non_null(first);
  free(expected);
  free(first);
}

/* ---- the values -------------------------------------------------------------------------------------------------- */

static const clattn_type stored[] = {CLATTN_F16, CLATTN_BF16};
enum { STORED_TYPES = 2 };

/* Each value once, and 13 again, so that the number of elements is no multiple of a vector. */
static void widened(void **state) {
  (void)state;
  enum { COUNT = STORED_VALUES + 13 };
  uint16_t *from = allocate((OFFSET + COUNT + GUARD) * sizeof *from);
  for (size_t i = 0; i < COUNT; ++i) from[OFFSET + i] = (uint16_t)i;
  for (int s = 0; s < STORED_TYPES; ++s)
    every_kernel((task){.from_type = stored[s], .to_type = CLATTN_F32, .from = from, .count = COUNT});
  free(from);
}

static float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Values between the largest finite one and infinity, subnormal floats, and NaN whose upper bits
 * alone are infinity or are rounded to it. */
static const uint32_t rare[] = {0x477fefff, 0x477ff000, 0x477ff001, 0xc77ff000, 0x7f7f7fff, 0x7f7f8000,
                                0x7f7fffff, 0xff7f8000, 0x00000001, 0x80008000, 0x00018000, 0x7f800001,
                                0x7fbfffff, 0x7fffffff, 0xff800001, 0xffffffff, 0x7f80ffff};
enum { RARE = sizeof rare / sizeof rare[0] };

/* Every stored value, the middle between it and the next, and the floats beside that. */
static size_t fill_floats(clattn_type type, float *to) {
  size_t count = 0;
  for (uint32_t bits = 0; bits < STORED_VALUES; ++bits) {
    const uint16_t pair[] = {(uint16_t)bits, (uint16_t)(bits + 1)};
    float value[2];
    clattn_widen(type, pair, 2, value);
    to[count++] = value[0];
    if (!isfinite(value[0]) || !isfinite(value[1])) continue;
    const float middle = (float)(((double)value[0] + (double)value[1]) / 2.0);
    to[count++] = nextafterf(middle, value[0]);
    to[count++] = middle;
    to[count++] = nextafterf(middle, value[1]);
  }
  for (size_t i = 0; i < RARE; ++i) to[count++] = from_bits(rare[i]);
  return count;
}

static void narrowed(void **state) {
  (void)state;
  float *from = allocate((OFFSET + 4 * STORED_VALUES + RARE + GUARD) * sizeof *from);
  for (int s = 0; s < STORED_TYPES; ++s) {
    const size_t count = fill_floats(stored[s], from + OFFSET);
    every_kernel((task){.from_type = CLATTN_F32, .to_type = stored[s], .from = from, .count = count});
  }
  free(from);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static const size_t counts[] = {1, 15, 16, 17, 31, 33, 1000, 1024, 1040, 4111};
enum { COUNTS = sizeof counts / sizeof counts[0], MOST = 4111 + OFFSET + ADD_OFFSET + GUARD };

/* Whole vectors and the rest behind them, with and without something to add. */
static void any_number_of_elements(void **state) {
  (void)state;
  static const clattn_type types[] = {CLATTN_F32, CLATTN_F16, CLATTN_BF16};
  float values[MOST], add[MOST];
  unsigned char from[sizeof values];
  for (size_t i = 0; i < MOST; ++i) {
    values[i] = (float)(i * 2654435761u % 4093u) / 1024.0f - 2.0f;
    add[i] = (float)(i * 40503u % 1021u) / 1021.0f;
  }
  for (int t = 0; t < 3; ++t) {
    clattn_narrow(types[t], values, MOST, from);
    for (size_t i = 0; i < COUNTS; ++i)
      for (int added = 0; added < 2; ++added)
        for (int to = 0; to < 3; ++to)
          every_kernel((task){.from_type = types[t],
                              .to_type = types[to],
                              .from = from,
                              .add = added ? add : NULL,
                              .count = counts[i]});
  }
}

/* ---- outputs that need no conversion ----------------------------------------------------------------------------- */

/* Each row of the context has one value that is not 0, in the first or in the last column, so that every product is
 * exact; with more columns than the smallest strip has terms. */
enum { ROWS = 133, CONTEXT_COLUMNS = 70, COLUMNS = 83 };

static clattn_problem projected(clattn_type type) {
  clattn_problem p = support_problem(1, 0, CONTEXT_COLUMNS);
  p.source = CLATTN_SOURCE_QKV;
  p.batch = ROWS;
  p.output_dim = COLUMNS;
  p.type = type;
  return p;
}

/* Any stored value, of a bfloat16 with exponents that leave a product finite and normal; now and then a large or
 * infinite one, or a NaN. */
static float any_value(clattn_type type, uint32_t *seed) {
  static const float large[] = {INFINITY, -INFINITY, NAN, 65504.0f};
  *seed = *seed * 1664525u + 1013904223u;
  if (*seed >> 27 == 0) return large[*seed >> 16 & 3];
  uint16_t bits = (uint16_t)(*seed >> 12);
  if (type == CLATTN_BF16) bits = (uint16_t)((bits & 0x9fff) | 0x2000);
  float value;
  clattn_widen(type, &bits, 1, &value);
  return value;
}

static void fill_projected(support_case *c) {
  const clattn_type type = c->problem.type;
  float v[ROWS * CONTEXT_COLUMNS] = {0.0f}, w[CONTEXT_COLUMNS * COLUMNS] = {0.0f};
  uint32_t seed = 7;
  for (size_t row = 0; row < ROWS; ++row)
    v[row * CONTEXT_COLUMNS + (row % 2 == 0 ? 0 : CONTEXT_COLUMNS - 1)] = any_value(type, &seed);
  for (size_t i = 0; i < COLUMNS; ++i) w[i] = w[(CONTEXT_COLUMNS - 1) * COLUMNS + i] = any_value(type, &seed);
  clattn_narrow(type, v, ROWS * CONTEXT_COLUMNS, support_tensor(c, CLATTN_V));
  clattn_narrow(type, w, CONTEXT_COLUMNS * COLUMNS, support_tensor(c, CLATTN_WO));
}

static void assert_narrowed(support_case *c, const char *kernel) {
  const clattn_type type = c->problem.type;
  const float *context = support_tensor(c, CLATTN_CONTEXT);
  const uint16_t *got = (const uint16_t *)(const void *)support_tensor(c, CLATTN_OUTPUT);
  float w[CONTEXT_COLUMNS * COLUMNS];
  clattn_widen(type, support_tensor(c, CLATTN_WO), CONTEXT_COLUMNS * COLUMNS, w);
  for (size_t row = 0; row < ROWS; ++row)
    for (size_t column = 0; column < COLUMNS; ++column) {
      float sum = 0.0f;
      uint16_t expected;
      for (size_t i = 0; i < CONTEXT_COLUMNS; ++i) sum += context[row * CONTEXT_COLUMNS + i] * w[i * COLUMNS + column];
      clattn_narrow(type, &sum, 1, &expected);
      const size_t at = row * COLUMNS + column;
      if (got[at] != expected && !(is_nan_at(type, got, at) && isnan(sum)))
        fail_msg("%s: %a as %s is %#x instead of %#x", kernel, (double)sum, clattn_type_name(type), got[at], expected);
    }
}

static uint64_t own_bytes(const clattn_problem *p, clattn_plan_options options) {
  options.io = CLATTN_IO_DEVICE;
  return support_plan_info(p, &options).total_bytes;
}

/* Kernels that store types need neither a launch of convert for the output nor memory for it in floats. */
static void run_projected(const char *kernel, clattn_type type) {
  const clattn_problem p = projected(type);
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  clattn_error error;
  support_case c;
  options.pipeline = CLATTN_PIPELINE_FUSED;
  options.kernels = kernel;
  support_allocate(&c, &p, 3);
  fill_projected(&c);
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  const bool stores = plan->choice[CLATTN_STAGE_OUTPUT].row->stores_types;
  support_want(&c, plan);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, &timings, &error), &error);
  support_check_guards(&c);
  assert_narrowed(&c, kernel);
  assert_int_equal(timings.launches[CLATTN_STAGE_CONVERT], stores ? 1 : 2); /* Wo is widened */
  clattn_plan_destroy(plan);
  const uint64_t bytes = own_bytes(&p, options);
  options.kernels = "output=naive";
  assert_int_equal(own_bytes(&p, options) - bytes, stores ? ROWS * COLUMNS * sizeof(float) : 0);
  support_free(&c);
}

static void outputs_are_stored_by_their_kernel(void **state) {
  (void)state;
  static const kernel_filter filters[] = {{support_runs, SIZES_PLANNED}, {support_runs_with_tiles, SIZES_SMALL}};
  char text[KERNEL_LIST_TEXT], kernel[KERNEL_LIST_TEXT + 8];
  for (size_t f = 0; f < sizeof filters / sizeof filters[0]; ++f)
    for (size_t n = 0; kernel_list_stage(CLATTN_STAGE_PROJECT, n, &filters[f], text); ++n) {
      snprintf(kernel, sizeof kernel, "output%s", strchr(text, '='));
      if (!support_is_wanted(text)) continue;
      for (int s = 0; s < STORED_TYPES; ++s) run_projected(kernel, stored[s]);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(widened),
      cmocka_unit_test(narrowed),
      cmocka_unit_test(any_number_of_elements),
      cmocka_unit_test(outputs_are_stored_by_their_kernel),
  };
  return cmocka_run_group_tests_name("convert", tests, support_open, support_close);
}
