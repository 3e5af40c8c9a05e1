/* Merging contexts of keys in parts: against the reference, against one run over all keys, in every form, with
 * mistakes, bad input and failing calls of OpenCL. */
#define CL_TARGET_OPENCL_VERSION 120

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "clattn_cl.h"
#include "device/device.h"
#include "problem/merging.h"
#include "problem/shape.h"
#include "support.h"

enum { PARTS_MOST = 9 };

/* ---- parts ------------------------------------------------------------------------------------------------------- */

typedef enum spread { NEAR, EQUAL, APART, LARGE, ONE_COUNTS, SOME_EMPTY, ALL_EMPTY, SPREADS } spread;

typedef struct merge_case {
  clattn_merging merging;
  clattn_problem problem;
  clattn_part parts[PARTS_MOST];
  size_t count, lines, elements;
  void *memory[2 * PARTS_MOST];
  clattn_merged merged;
} merge_case;

static uint64_t state = 3;

static float uniform(void) {
  return (float)((double)(clattn_random(&state) >> 11) * 0x1p-52 - 1.0);
}

static float lse_of(spread s, size_t part, size_t line) {
  switch (s) {
  case NEAR:
    return 2.0f * uniform();
  case EQUAL:
    return 1.5f;
  case APART:
    return 60.0f * uniform();
  case LARGE:
    return 300.0f + 2.0f * uniform();
  case ONE_COUNTS:
    return part == 1 ? 20.0f : -120.0f * fabsf(uniform());
  case SOME_EMPTY:
    return (part + line) % 3 == 0 ? -INFINITY : uniform();
  default:
    return -INFINITY;
  }
}

static clattn_merging merging_of(clattn_type type, clattn_order order) {
  clattn_merging m = CLATTN_MERGING_INIT;
  m.batch = 2;
  m.heads = 3;
  m.query_len = 5;
  m.value_dim = 17;
  m.type = type;
  m.context_order = order;
  m.kernel_dir = support_options().kernel_dir; /* the mutation check sets it */
  return m;
}

/* The context of an empty part is NaN, which must not count. (A line's elements are not contiguous in every order; an
 * empty part is one in all lines there.) */
static void make_part(merge_case *c, size_t part, spread s) {
  float *lse = c->memory[2 * part] = malloc(c->lines * sizeof *lse);
  char *context = c->memory[2 * part + 1] = malloc(c->elements * sizeof(float));
  assert_non_null(lse);
  assert_non_null(context);
  for (size_t i = 0; i < c->lines; ++i) lse[i] = lse_of(s, part, i);
  for (size_t i = 0; i < c->elements; ++i) {
    const float drawn = s == ALL_EMPTY ? NAN : uniform();
    clattn_narrow(c->merging.type, &drawn, 1, context + i * clattn_type_bytes(c->merging.type));
  }
  c->parts[part] = (clattn_part){context, lse};
}

static void poison(merge_case *c) {
  memset(c->merged.context, 0xFF, c->elements * sizeof(float));
  memset(c->merged.lse, 0xFF, c->lines * sizeof *c->merged.lse);
}

static merge_case make(const clattn_merging *m, size_t count, spread s) {
  merge_case c = {.count = count};
  clattn_error error;
  assert_ok(clattn_take_merging(m, count, &c.merging, &c.problem, &error), &error);
  c.lines = clattn_tensor_elements(&c.problem, CLATTN_LSE);
  c.elements = clattn_tensor_elements(&c.problem, CLATTN_CONTEXT);
  for (size_t p = 0; p < count; ++p) make_part(&c, p, s);
  c.merged = (clattn_merged){malloc(c.elements * sizeof(float)), malloc(c.lines * sizeof(float))};
  assert_non_null(c.merged.context);
  assert_non_null(c.merged.lse);
  poison(&c);
  return c;
}

static void end(merge_case *c) {
  for (size_t i = 0; i < 2 * c->count; ++i) free(c->memory[i]);
  free(c->merged.context);
  free(c->merged.lse);
}

static clattn_status merge(merge_case *c, clattn_error *error) {
  return clattn_merge(support_opened, &c->merging, c->parts, c->count, &c->merged, error);
}

static clattn_check_report check(const merge_case *c) {
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  assert_ok(clattn_check_merge(&c->merging, c->parts, c->count, &c->merged, &report, &error), &error);
  return report;
}

static void assert_merges(merge_case *c, const char *what) {
  clattn_error error;
  assert_ok(merge(c, &error), &error);
  const clattn_check_report report = check(c);
  assert_int_equal(report.count, 2);
  assert_passed(&report, what);
}

/* ---- right results ----------------------------------------------------------------------------------------------- */

static void every_form(void **unused) {
  (void)unused;
  const int32_t offsets[] = {0, 4, 4, 9};
  size_t count = 0;
  for (int type = CLATTN_F32; type <= CLATTN_BF16; ++type)
    for (int order = 0; order < 3; ++order)
      for (int s = 0; s < SPREADS; ++s) {
        clattn_merging m = merging_of((clattn_type)type, order == 1 ? CLATTN_ORDER_HEADS : CLATTN_ORDER_TOKENS);
        if (order == 2) { /* packed, with a sequence without queries */
          m.batch = 3;
          m.query_offsets = offsets;
        }
        merge_case c = make(&m, 1 + count++ % PARTS_MOST, (spread)s);
        char what[96];
        snprintf(what, sizeof what, "type %d, order %d, spread %d, %zu parts", type, order, s, c.count);
        assert_merges(&c, what);
        void *first = malloc(c.elements * sizeof(float));
        assert_non_null(first);
        memcpy(first, c.merged.context, c.elements * clattn_type_bytes(m.type));
        poison(&c);
        assert_merges(&c, what);
        assert_memory_equal(first, c.merged.context, c.elements * clattn_type_bytes(m.type));
        free(first);
        end(&c);
      }
}

/* The largest floats do not overflow on the way; a part is as it was if it is the only one with keys; empty rows are
 * 0; NaN shows in its row, and an infinity in its element. */
static void ends_of_the_range(void **unused) {
  (void)unused;
  const clattn_merging m = merging_of(CLATTN_F32, CLATTN_ORDER_HEADS);
  merge_case c = make(&m, 3, EQUAL);
  float *lse[3], *context[3], *merged = c.merged.context;
  for (int p = 0; p < 3; ++p) {
    lse[p] = c.memory[2 * p];
    context[p] = c.memory[2 * p + 1];
    context[p][0] = FLT_MAX;
    lse[p][1] = -INFINITY;
    lse[p][2] = p == 1 ? 7.0f : -INFINITY;
    lse[p][5] = p == 2 ? -700.0f : 0.0f; /* its weight underflows */
  }
  lse[1][3] = NAN;
  context[2][4 * m.value_dim] = INFINITY;
  context[2][5 * m.value_dim] = NAN;
  assert_merges(&c, "the ends of the range");
  assert_true(merged[0] >= 0.999999f * FLT_MAX && isfinite(merged[0]));
  assert_true(merged[m.value_dim] == 0.0f && c.merged.lse[1] == -INFINITY);
  assert_memory_equal(&merged[2 * m.value_dim], &context[1][2 * m.value_dim], m.value_dim * sizeof *merged);
  assert_true(c.merged.lse[2] == 7.0f);
  for (size_t i = 0; i < m.value_dim; ++i) assert_true(isnan(merged[3 * m.value_dim + i]));
  assert_true(isnan(c.merged.lse[3]) && isinf(merged[4 * m.value_dim]) && isfinite(merged[4 * m.value_dim + 1]));
  assert_true(isnan(merged[5 * m.value_dim]) && isfinite(merged[5 * m.value_dim + 1]));
  end(&c);
}

/* The result is within the bounds of one run over all keys, whose sinks only the first part counts. */
static void as_one_run(void **unused) {
  (void)unused;
  enum { QUERIES = 9, KEYS = 41, FIRST = 24 };
  clattn_problem p = clattn_problem_qkv(2, 2, QUERIES, KEYS, 8);
  p.order = CLATTN_ORDER_TOKENS; /* as the check takes q, k and v */
  p.causal = p.sinks = true;
  p.alignment = CLATTN_ALIGN_BOTTOM_RIGHT;
  clattn_error error;
  support_case whole, part[2];
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  support_allocate(&whole, &p, 21);
  clattn_merging m = CLATTN_MERGING_INIT;
  m.batch = m.heads = 2;
  m.query_len = QUERIES;
  m.value_dim = 8;
  m.context_order = CLATTN_ORDER_HEADS;
  clattn_part parts[2];
  for (int i = 0; i < 2; ++i) {
    clattn_problem own = p;
    own.key_len = i == 0 ? FIRST : KEYS - FIRST;
    own.order = CLATTN_ORDER_STRIDES; /* within the keys of the whole */
    own.q_strides = (clattn_strides){.batch = QUERIES * 16, .head = 8, .row = 16};
    own.k_strides = own.v_strides = (clattn_strides){.batch = KEYS * 16, .head = 8, .row = 16};
    own.alignment = CLATTN_ALIGN_OFFSET;
    own.offset = KEYS - QUERIES - (i == 0 ? 0 : FIRST);
    own.sinks = i == 0;
    support_allocate(&part[i], &own, 22);
    clattn_inputs inputs = whole.inputs;
    inputs.k = (const float *)inputs.k + (i == 0 ? 0 : FIRST * 16);
    inputs.v = (const float *)inputs.v + (i == 0 ? 0 : FIRST * 16);
    const clattn_outputs outputs = {
        .size = sizeof outputs, .context = part[i].outputs.context, .lse = part[i].outputs.lse};
    assert_ok(clattn_attend(support_opened, &own, &inputs, &outputs, &error), &error);
    parts[i] = (clattn_part){outputs.context, outputs.lse};
  }
  const clattn_merged merged = {whole.outputs.context, whole.outputs.lse};
  assert_ok(clattn_merge(support_opened, &m, parts, 2, &merged, &error), &error);
  clattn_outputs outputs = {.size = sizeof outputs, .context = whole.outputs.context, .lse = whole.outputs.lse};
  outputs.q = (float *)(uintptr_t)whole.inputs.q;
  outputs.k = (float *)(uintptr_t)whole.inputs.k;
  outputs.v = (float *)(uintptr_t)whole.inputs.v;
  assert_ok(clattn_check_other(&p, &whole.inputs, &outputs, NULL, &report, &error), &error);
  assert_passed(&report, "two runs, merged");
  whole.outputs.lse[3] += 0.01f; /* what the check would notice */
  assert_ok(clattn_check_other(&p, &whole.inputs, &outputs, NULL, &report, &error), &error);
  assert_false(report.passed);
  for (int i = 0; i < 2; ++i) support_free(&part[i]);
  support_free(&whole);
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

static cl_mem buffer_of(cl_mem_flags flags, size_t bytes, const void *from) {
  cl_int code = CL_SUCCESS;
  if (from != NULL) flags |= CL_MEM_COPY_HOST_PTR;
  const cl_mem buffer = clCreateBuffer(support_opened->context, flags, bytes, (void *)(uintptr_t)from, &code);
  assert_int_equal(code, CL_SUCCESS);
  return buffer;
}

typedef struct on_device {
  clattn_part_buffers parts[PARTS_MOST], merged;
  size_t context_bytes, lse_bytes;
} on_device;

static on_device upload(const merge_case *c) {
  on_device d = {.context_bytes = clattn_merging_context_bytes(&c->merging, &c->problem),
                 .lse_bytes = clattn_merging_lse_bytes(&c->problem)};
  for (size_t p = 0; p < c->count; ++p) {
    d.parts[p].context = buffer_of(CL_MEM_READ_ONLY, d.context_bytes, c->parts[p].context);
    d.parts[p].lse = buffer_of(CL_MEM_READ_ONLY, d.lse_bytes, c->parts[p].lse);
  }
  d.merged.context = buffer_of(CL_MEM_READ_WRITE, d.context_bytes, NULL);
  d.merged.lse = buffer_of(CL_MEM_READ_WRITE, d.lse_bytes, NULL);
  return d;
}

static void drop(on_device *d, size_t count) {
  for (size_t p = 0; p < count; ++p) {
    clReleaseMemObject(d->parts[p].context);
    clReleaseMemObject(d->parts[p].lse);
  }
  clReleaseMemObject(d->merged.context);
  clReleaseMemObject(d->merged.lse);
}

/* The same bits as with host memory; the work waits for the caller's event, and the caller may release everything. */
static void buffers(void **unused) {
  (void)unused;
  for (size_t count = 1; count <= 4; ++count) {
    const clattn_merging m = merging_of(CLATTN_F16, CLATTN_ORDER_TOKENS);
    merge_case c = make(&m, count, NEAR);
    on_device d = upload(&c);
    clattn_error error;
    cl_int code = CL_SUCCESS, execution = CL_COMPLETE;
    void *got = malloc(d.context_bytes);
    float *lse = malloc(d.lse_bytes);
    assert_merges(&c, "host memory");
    cl_event gate = clCreateUserEvent(support_opened->context, &code), done = NULL;
    assert_int_equal(code, CL_SUCCESS);
    assert_ok(clattn_merge_enqueue(support_opened, &m, d.parts, count, &d.merged, 1, &gate, &done, &error), &error);
    clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof execution, &execution, NULL);
    assert_int_not_equal(execution, CL_COMPLETE);
    clSetUserEventStatus(gate, CL_COMPLETE);
    clReleaseEvent(gate);
    clEnqueueReadBuffer(support_opened->queue, d.merged.context, CL_TRUE, 0, d.context_bytes, got, 1, &done, NULL);
    clEnqueueReadBuffer(support_opened->queue, d.merged.lse, CL_TRUE, 0, d.lse_bytes, lse, 1, &done, NULL);
    assert_memory_equal(got, c.merged.context, d.context_bytes);
    assert_memory_equal(lse, c.merged.lse, d.lse_bytes);
    clReleaseEvent(done);
    const clattn_part_buffers no_lse = {d.merged.context, NULL};
    assert_ok(clattn_merge_enqueue(support_opened, &m, d.parts, count, &no_lse, 0, NULL, NULL, &error), &error);
    assert_int_equal(clFinish(support_opened->queue), CL_SUCCESS);
    clEnqueueReadBuffer(support_opened->queue, d.merged.context, CL_TRUE, 0, d.context_bytes, got, 0, NULL, NULL);
    assert_memory_equal(got, c.merged.context, d.context_bytes);
    free(got);
    free(lse);
    drop(&d, count);
    end(&c);
  }
}

/* ---- refused ----------------------------------------------------------------------------------------------------- */

#define assert_refused(call, part)                                                                                     \
  do {                                                                                                                 \
    assert_int_not_equal(call, CLATTN_OK);                                                                             \
    assert_says(&error, part);                                                                                         \
  } while (0)

static void bad_input(void **unused) {
  (void)unused;
  clattn_merging m = merging_of(CLATTN_F32, CLATTN_ORDER_TOKENS), bad = m;
  merge_case c = make(&m, 2, NEAR);
  const clattn_merged merged = c.merged;
  clattn_part parts[2] = {c.parts[0], c.parts[1]};
  clattn_error error;
#define MERGE(merging, count, to) clattn_merge(support_opened, merging, parts, count, to, &error)
  assert_refused(clattn_merge(NULL, &m, parts, 2, &merged, &error), "the device is NULL");
  assert_refused(MERGE(NULL, 2, &merged), "clattn_merging is NULL");
  assert_refused(MERGE(&m, 0, &merged), "0 parts (allowed: 1 to ");
  assert_refused(MERGE(&m, 2, NULL), "the place for the merged context is NULL");
  assert_refused(clattn_merge(support_opened, &m, NULL, 2, &merged, &error), "the list of parts is NULL");
  bad.size = 8;
  assert_refused(MERGE(&bad, 2, &merged), "clattn_merging.size is 8");
  const struct {
    size_t *field;
    const char *says;
  } sizes[] = {{&bad.batch, "batch is 0"},
               {&bad.heads, "heads is 0"},
               {&bad.query_len, "query_len is 0"},
               {&bad.value_dim, "value_dim is 0"}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    bad = m;
    *sizes[i].field = 0;
    assert_refused(MERGE(&bad, 2, &merged), sizes[i].says);
    *sizes[i].field = SIZE_MAX / 2;
    assert_refused(MERGE(&bad, 2, &merged), "allowed");
  }
  bad = m;
  bad.type = (clattn_type)7;
  assert_refused(MERGE(&bad, 2, &merged), "type is 7 (allowed: CLATTN_F32");
  bad = m;
  bad.context_order = CLATTN_ORDER_STRIDES;
  assert_refused(MERGE(&bad, 2, &merged), "context_order is 2 (allowed");
  const int32_t late[] = {1, 4, 9}, back[] = {0, 5, 2}, below[] = {0, 5, -3}, long_one[] = {0, 6, 9},
                none[] = {0, 0, 0};
  const struct {
    const int32_t *offsets;
    const char *says;
  } packed[] = {{late, "query_offsets[0] is 1"},
                {back, "query_offsets[2] is 2"},
                {below, "query_offsets[2] is -3"},
                {long_one, "length of 6 (allowed: 0 to 5)"},
                {none, "packed_queries is 0"}};
  for (size_t i = 0; i < sizeof packed / sizeof packed[0]; ++i) {
    bad = m;
    bad.query_offsets = packed[i].offsets;
    assert_refused(MERGE(&bad, 2, &merged), packed[i].says);
  }
  bad.context_order = CLATTN_ORDER_HEADS;
  const int32_t good[] = {0, 5, 9};
  bad.query_offsets = good;
  assert_refused(MERGE(&bad, 2, &merged), "allowed with packed sequences");
  bad = m;
  bad.kernel_dir = "no such folder";
  assert_refused(MERGE(&bad, 2, &merged), "no such folder");
  parts[1].lse = NULL;
  assert_refused(MERGE(&m, 2, &merged), "the lse of part 1 is NULL");
  parts[0].context = NULL;
  assert_refused(MERGE(&m, 2, &merged), "the context of part 0 is NULL");
  end(&c);
}

static void bad_buffers(void **unused) {
  (void)unused;
  const clattn_merging m = merging_of(CLATTN_F32, CLATTN_ORDER_TOKENS);
  merge_case c = make(&m, 2, NEAR);
  on_device d = upload(&c);
  clattn_error error;
  cl_event none = NULL;
  clattn_part_buffers parts[2] = {d.parts[0], d.parts[1]};
  const cl_mem small = buffer_of(CL_MEM_READ_WRITE, d.context_bytes - 1, NULL);
  const cl_mem read_only = buffer_of(CL_MEM_READ_ONLY, d.context_bytes, NULL);
  const cl_mem write_only = buffer_of(CL_MEM_WRITE_ONLY, d.context_bytes, NULL);
#define ENQUEUE(to) clattn_merge_enqueue(support_opened, &m, parts, 2, to, 0, NULL, NULL, &error)
  assert_refused(clattn_merge_enqueue(NULL, &m, parts, 2, &d.merged, 0, NULL, NULL, &error), "the device is NULL");
  assert_refused(clattn_merge_enqueue(support_opened, &m, parts, 2, &d.merged, 1, NULL, NULL, &error), "1 events");
  assert_refused(clattn_merge_enqueue(support_opened, &m, parts, 2, &d.merged, 0, &none, NULL, &error), "0 events");
  assert_refused(clattn_merge_enqueue(support_opened, &m, NULL, 2, &d.merged, 0, NULL, NULL, &error),
                 "the list of parts is NULL");
  assert_refused(ENQUEUE(NULL), "the buffer for the merged context is NULL");
  assert_refused(ENQUEUE((&(clattn_part_buffers){small, NULL})), "buffer context (merged) has ");
  assert_refused(ENQUEUE((&(clattn_part_buffers){read_only, NULL})), "is CL_MEM_READ_ONLY");
  assert_refused(ENQUEUE((&(clattn_part_buffers){write_only, NULL})), "is CL_MEM_WRITE_ONLY");
  assert_refused(ENQUEUE((&(clattn_part_buffers){d.merged.context, d.merged.context})), "overlap");
  parts[1].context = d.merged.context;
  assert_refused(ENQUEUE(&d.merged), "buffer context of part 1 and the merged context overlap");
  parts[1].context = write_only;
  assert_refused(ENQUEUE(&d.merged), "buffer context of part 1 is CL_MEM_WRITE_ONLY");
  parts[1] = (clattn_part_buffers){d.parts[1].context, d.merged.lse};
  assert_refused(ENQUEUE(&d.merged), "buffer lse of part 1 and the merged lse overlap");
  parts[1].lse = NULL;
  assert_refused(ENQUEUE(&d.merged), "the lse of part 1 is NULL");
  clReleaseMemObject(small);
  clReleaseMemObject(read_only);
  clReleaseMemObject(write_only);
  drop(&d, 2);
  end(&c);
}

/* ---- calibration ------------------------------------------------------------------------------------------------- */

typedef enum mistake {
  RIGHT,
  PART_LOST,
  NO_SCALE,
  NOT_DIVIDED,
  OF_BASE_2,
  SWAPPED,
  LARGEST_ONLY, /* the largest log-sum-exp instead of the sum */
  SCALED,
  NEIGHBOUR,
  HALF_WEIGHTS, /* weights of bfloat16 */
  MISTAKES
} mistake;

static float bfloat16(float value) {
  uint16_t stored;
  clattn_narrow(CLATTN_BF16, &value, 1, &stored);
  clattn_widen(CLATTN_BF16, &stored, 1, &value);
  return value;
}

/* Merges a row in float, all parts at once, as no kernel does. */
static void merge_row(merge_case *c, size_t line, mistake wrong) {
  const size_t dim = c->merging.value_dim;
  float *context = (float *)c->merged.context + line * dim, largest = -INFINITY, sum = 0.0f, weight[PARTS_MOST] = {0};
  for (size_t p = 0; p < c->count; ++p) largest = fmaxf(largest, c->parts[p].lse[line]);
  for (size_t p = 0; p < c->count; ++p) {
    const float apart = c->parts[p].lse[line] - largest;
    weight[p] = wrong == OF_BASE_2 ? exp2f(apart) : wrong == NO_SCALE ? 1.0f : expf(apart);
    if (wrong == PART_LOST && p + 1 == c->count) weight[p] = 0.0f;
    sum += weight[p];
  }
  for (size_t p = 0; p < c->count; ++p) {
    weight[p] /= wrong == NOT_DIVIDED ? 1.0f : sum;
    if (wrong == SCALED) weight[p] *= 1.001f;
    if (wrong == HALF_WEIGHTS) weight[p] = bfloat16(weight[p]);
  }
  c->merged.lse[line] = wrong == LARGEST_ONLY ? largest : largest + logf(sum);
  for (size_t i = 0; i < dim; ++i) {
    context[i] = 0.0f;
    for (size_t p = 0; p < c->count; ++p) {
      const size_t from = wrong == SWAPPED ? c->count - 1 - p : p, at = wrong == NEIGHBOUR ? (i + 1) % dim : i;
      context[i] += weight[p] * ((const float *)c->parts[from].context)[line * dim + at];
    }
  }
}

/* Whether the mistake changes what these parts become. Equal weights are right without a scale, and exact as bfloat16
 * if there are 2, 4 or 8; where one part counts, part 1, its weight is 1. */
static bool matters(spread s, size_t count, mistake wrong) {
  const bool exact = (count & (count - 1)) == 0;
  if (s == EQUAL)
    return wrong != NO_SCALE && wrong != OF_BASE_2 && wrong != SWAPPED && (wrong != HALF_WEIGHTS || !exact);
  if (s != ONE_COUNTS || wrong == NO_SCALE || wrong == SCALED || wrong == NEIGHBOUR) return true;
  return wrong == PART_LOST ? count == 2 : wrong == SWAPPED && count != 3;
}

static void mistakes_are_noticed(void **unused) {
  (void)unused;
  size_t made = 0, caught = 0, right = 0, alarms = 0;
  for (size_t count = 2; count <= PARTS_MOST; ++count)
    for (int s = NEAR; s < SOME_EMPTY; ++s)
      for (int wrong = RIGHT; wrong < MISTAKES; ++wrong) {
        const clattn_merging m = merging_of(CLATTN_F32, CLATTN_ORDER_HEADS);
        merge_case c = make(&m, count, (spread)s);
        for (size_t line = 0; line < c.lines; ++line) merge_row(&c, line, (mistake)wrong);
        const bool passed = check(&c).passed;
        if (wrong == RIGHT) {
          ++right;
          alarms += !passed;
        } else if (matters((spread)s, count, (mistake)wrong)) {
          ++made;
          caught += !passed;
          if (passed) print_message("mistake %d with %zu parts of spread %d: not noticed\n", wrong, count, s);
        }
        end(&c);
      }
  print_message("%zu false alarms of %zu, %zu of %zu mistakes noticed\n", alarms, right, caught, made);
  assert_int_equal(alarms, 0);
  assert_true(made > 250 && (double)caught >= 0.99 * (double)made);
}

/* The kernel, broken on purpose, fails its self-test. */
static const struct {
  const char *find, *replace;
} breaks[] = {
    {"shrink(part.x, joined.x) / joined.y", "shrink(part.x, joined.x)"},
    {"part.y * shrink(part.x, joined.x)", "part.y"},
    {"joined.x + log(joined.y)", "joined.x"},
    {"if (part.y == 0.0f) return 0.0f;", ""},
    {"lse == -INFINITY ? 0.0f : ", ""},
    {"from_a + from_b", "from_a"},
    {"m.b_type, b, at", "m.b_type, a, at"},
    {"c >= m.value_dim ||", "c >= m.value_dim - 1 ||"},
    {"m.parts > 1 ? b_lse[line] : -INFINITY", "a_lse[line]"},
    {"head * m.context.head", "m.context.head"},
    {"batch * m.context.batch", "m.context.batch"},
    {"lse && c == 0", "lse && c == 0 && row > 0"},
};

static void broken_kernels(void **unused) {
  (void)unused;
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  clattn_self_test_result result = CLATTN_SELF_TEST_RESULT_INIT;
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_error error;
  size_t index = 0;
  while (clattn_kernel_get_info(index, &kernel) && kernel.stage != CLATTN_STAGE_MERGE) ++index;
  options.kernel_dir = "broken_merge";
  for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; ++i) {
    support_copy_kernels("broken_merge");
    support_break_kernel("broken_merge", "merge/1_naive.cl", breaks[i].find, breaks[i].replace);
    assert_ok(clattn_kernel_self_test(support_opened, index, &options, &result, &error), &error);
    if (result.outcome != CLATTN_OUTCOME_FAILED)
      fail_msg("'%s' for '%s' is not noticed: %s", breaks[i].replace, breaks[i].find, result.text);
  }
  assert_int_equal(system("rm -rf broken_merge"), 0);
}

/* ---- failing calls ----------------------------------------------------------------------------------------------- */

/* The linker hands the library these instead of OpenCL's (tests/CMakeLists.txt). The call number `fails_at` fails. */
static size_t calls, fails_at, held;

static bool fails(void) {
  return ++calls == fails_at;
}

cl_mem __real_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code);
cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code);
cl_int __real_clReleaseMemObject(cl_mem buffer);
cl_int __wrap_clReleaseMemObject(cl_mem buffer);
cl_int __real_clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool wait, size_t offset, size_t bytes,
                                   const void *from, cl_uint count, const cl_event *list, cl_event *event);
cl_int __wrap_clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool wait, size_t offset, size_t bytes,
                                   const void *from, cl_uint count, const cl_event *list, cl_event *event);
cl_int __real_clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool wait, size_t offset, size_t bytes,
                                  void *to, cl_uint count, const cl_event *list, cl_event *event);
cl_int __wrap_clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool wait, size_t offset, size_t bytes,
                                  void *to, cl_uint count, const cl_event *list, cl_event *event);
cl_int __real_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                                     const size_t *global, const size_t *local, cl_uint count, const cl_event *list,
                                     cl_event *event);
cl_int __wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                                     const size_t *global, const size_t *local, cl_uint count, const cl_event *list,
                                     cl_event *event);

cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code) {
  if (fails()) {
    *code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return NULL;
  }
  ++held;
  return __real_clCreateBuffer(context, flags, bytes, host, code);
}

cl_int __wrap_clReleaseMemObject(cl_mem buffer) {
  --held;
  return __real_clReleaseMemObject(buffer);
}

cl_int __wrap_clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool wait, size_t offset, size_t bytes,
                                   const void *from, cl_uint count, const cl_event *list, cl_event *event) {
  if (fails()) return CL_OUT_OF_RESOURCES;
  return __real_clEnqueueWriteBuffer(queue, buffer, wait, offset, bytes, from, count, list, event);
}

cl_int __wrap_clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool wait, size_t offset, size_t bytes,
                                  void *to, cl_uint count, const cl_event *list, cl_event *event) {
  if (fails()) return CL_OUT_OF_RESOURCES;
  return __real_clEnqueueReadBuffer(queue, buffer, wait, offset, bytes, to, count, list, event);
}

cl_int __wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                                     const size_t *global, const size_t *local, cl_uint count, const cl_event *list,
                                     cl_event *event) {
  if (fails()) return CL_OUT_OF_RESOURCES;
  return __real_clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, count, list, event);
}

/* Whichever call fails, the error says so, nothing leaks, and the next call is right. */
static void failing_calls(void **unused) {
  (void)unused;
  clattn_merging m = merging_of(CLATTN_F16, CLATTN_ORDER_TOKENS);
  const int32_t offsets[] = {0, 5, 9};
  m.query_offsets = offsets;
  merge_case c = make(&m, 4, NEAR);
  clattn_error error;
  bool all = false;
  assert_merges(&c, "no call fails");
  clattn_device_release_kept(support_opened); /* whose memory a call without any would take */
  const size_t before = held;
  for (size_t n = 1; !all; ++n) {
    calls = 0;
    fails_at = n;
    const clattn_status status = merge(&c, &error);
    all = calls < n; /* there is no such call */
    fails_at = 0;
    if (all != (status == CLATTN_OK)) fail_msg("call %zu: %s", n, clattn_status_name(status));
    if (!all && error.code != CL_OUT_OF_RESOURCES && error.code != CL_MEM_OBJECT_ALLOCATION_FAILURE)
      fail_msg("call %zu: code %d, %s", n, error.code, error.message);
    assert_int_equal(held, before);
    if (all) assert_true(n > 20);
  }
  assert_merges(&c, "after failures");
  end(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_form),
      cmocka_unit_test(ends_of_the_range),
      cmocka_unit_test(as_one_run),
      cmocka_unit_test(buffers),
      cmocka_unit_test(bad_input),
      cmocka_unit_test(bad_buffers),
      cmocka_unit_test(mistakes_are_noticed),
      cmocka_unit_test(broken_kernels),
      cmocka_unit_test(failing_calls),
  };
  return support_run_group("merge", tests, sizeof tests / sizeof tests[0], support_open, support_close, argc, argv);
}
