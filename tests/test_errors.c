/* Provokes every status code, and checks that its message says what is wrong. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog.h"
#include "programs/program.h"
#include "support.h"
#include "catalog/tiles.h"

static void names(void **state) {
  (void)state;
  for (int s = 0; s < CLATTN_STATUS_COUNT; ++s) assert_memory_equal(clattn_status_name((clattn_status)s), "CLATTN_", 7);
  assert_string_equal(clattn_status_name((clattn_status)99), "unknown clattn_status");
  assert_string_equal(clattn_stage_name((clattn_stage)-1), "unknown stage");
  assert_string_equal(clattn_tensor_name(CLATTN_TENSOR_COUNT), "unknown tensor");
}

static void problems(void **state) {
  (void)state;
  const clattn_problem good = support_problem(3, 4, 2);
  clattn_error error;
  assert_int_equal(clattn_problem_validate(&good, NULL), CLATTN_OK);
  assert_int_equal(clattn_problem_validate(NULL, &error), CLATTN_INVALID_ARGUMENT);

#define REFUSED(change, expected, part)                                                                                \
  do {                                                                                                                 \
    clattn_problem p = good;                                                                                           \
    change;                                                                                                            \
    assert_int_equal(clattn_problem_validate(&p, &error), expected);                                                   \
    assert_int_equal(error.status, expected);                                                                          \
    assert_says(&error, part);                                                                                         \
  } while (0)
  REFUSED(p.size = 8, CLATTN_INVALID_ARGUMENT, "CLATTN_PROBLEM_INIT");
  REFUSED(p.batch = 0, CLATTN_INVALID_PROBLEM, "batch is 0");
  REFUSED(p.query_len = 0, CLATTN_INVALID_PROBLEM, "query_len is 0");
  REFUSED(p.key_len = 0, CLATTN_INVALID_PROBLEM, "key_len is 0");
  REFUSED(p.model_dim = 0, CLATTN_INVALID_PROBLEM, "model_dim is 0");
  REFUSED(p.heads = 0, CLATTN_INVALID_PROBLEM, "heads is 0");
  REFUSED(p.head_dim = 0, CLATTN_INVALID_PROBLEM, "head_dim is 0");
  REFUSED(p.value_dim = SIZE_MAX, CLATTN_INVALID_PROBLEM, "value_dim is");
  REFUSED(p.heads = p.head_dim = 100000, CLATTN_INVALID_PROBLEM, "heads x head_dim");
  REFUSED(p.batch = p.query_len = p.key_len = 1 << 20, CLATTN_INVALID_PROBLEM, "batch x query_len");
  REFUSED(p.layout = (clattn_weight_layout)7, CLATTN_INVALID_PROBLEM, "layout is 7");
  REFUSED(p.mask = (clattn_mask)7, CLATTN_INVALID_PROBLEM, "mask is 7");
  REFUSED(p.scale_mode = (clattn_scale)7, CLATTN_INVALID_PROBLEM, "scale_mode is 7");
  REFUSED(p.scale_mode = CLATTN_SCALE_GIVEN; p.scale = NAN, CLATTN_INVALID_PROBLEM, "scale is nan");
  REFUSED(p.scale_mode = CLATTN_SCALE_GIVEN, CLATTN_INVALID_PROBLEM, "scale is nan");
  REFUSED(p.key_len = 5, CLATTN_INVALID_PROBLEM, "CLATTN_SOURCE_XKV");
  REFUSED(p.source = (clattn_source)3, CLATTN_INVALID_PROBLEM, "source is 3");
  REFUSED(p.source = CLATTN_SOURCE_QKV, CLATTN_INVALID_PROBLEM, "model_dim is");
  REFUSED(p.heads = 6; p.kv_heads = 4, CLATTN_INVALID_PROBLEM, "kv_heads is 4");
  REFUSED(p.kv_heads = 2, CLATTN_INVALID_PROBLEM, "a divisor of heads");
  REFUSED(p.kv_model_dim = 3, CLATTN_INVALID_PROBLEM, "kv_model_dim is 3");
  REFUSED(p.source = CLATTN_SOURCE_XKV; p.fused_qkv = true, CLATTN_INVALID_PROBLEM, "fused_qkv");
  REFUSED(p.fused_qkv = true; p.biases = CLATTN_BIAS_K, CLATTN_INVALID_PROBLEM, "all of q, k and v");
  REFUSED(p.fused_qkv = true; p.fused_order = (clattn_fused_order)2, CLATTN_INVALID_PROBLEM, "fused_order is 2");
  REFUSED(p.fused_order = CLATTN_FUSED_GROUPS, CLATTN_INVALID_PROBLEM,
          "fused_order is 1, but has an effect only where fused_qkv is set");
  REFUSED(p.biases = 16, CLATTN_INVALID_PROBLEM, "biases is 0x10");
  REFUSED(p.biases = CLATTN_BIAS_O, CLATTN_INVALID_PROBLEM, "only where output_dim is above 0");
  REFUSED(p.output_dim = SIZE_MAX, CLATTN_INVALID_PROBLEM, "output_dim");
  REFUSED(p.order = CLATTN_ORDER_HEADS, CLATTN_INVALID_PROBLEM, "order is 1");
  REFUSED(p.type = (clattn_type)3, CLATTN_INVALID_PROBLEM, "type is 3");
  REFUSED(p.softcap = -1.0f, CLATTN_INVALID_PROBLEM, "softcap is -1");
  REFUSED(p.softcap = 1e-39f, CLATTN_INVALID_PROBLEM, "softcap is 1e-39 (allowed: 2^-126");
  REFUSED(p.softcap = INFINITY, CLATTN_INVALID_PROBLEM, "softcap is inf");
  REFUSED(p.window_left = -2, CLATTN_INVALID_PROBLEM, "window_left is -2");
  REFUSED(p.window_right = INT64_MAX, CLATTN_INVALID_PROBLEM, "window_right is");
  REFUSED(p.offset = INT64_MIN, CLATTN_INVALID_PROBLEM, "offset is");
  REFUSED(p.alignment = (clattn_alignment)3, CLATTN_INVALID_PROBLEM, "alignment is 3");
  REFUSED(p.mask = CLATTN_MASK_BOOL, CLATTN_INVALID_PROBLEM, "mask_shape[0] is 0");
  REFUSED(p.mask = CLATTN_MASK_FLOAT; p.mask_shape[0] = p.mask_shape[1] = p.mask_shape[2] = 1;
          p.mask_shape[3] = p.key_len + 1, CLATTN_INVALID_PROBLEM, "mask_shape[3] is");
  REFUSED(p.lengths = (clattn_lengths)3, CLATTN_INVALID_PROBLEM, "lengths is 3");
  REFUSED(p.packed_queries = 3, CLATTN_INVALID_PROBLEM, "packed_queries is 3");
  REFUSED(p.lengths = CLATTN_LENGTHS_PACKED, CLATTN_INVALID_PROBLEM, "packed_queries is 0");
  REFUSED(p.source = CLATTN_SOURCE_QKV; p.model_dim = 0; p.order = CLATTN_ORDER_STRIDES; p.q_strides.row = 2;
          p.k_strides.row = SIZE_MAX / 2, CLATTN_INVALID_PROBLEM, "k_strides reach");
  REFUSED(p.query_len = p.key_len = 2000000000; p.heads = 1000000000;
          p.head_dim = p.value_dim = 2, CLATTN_INVALID_PROBLEM, "the bytes of products");
  REFUSED(p.cache.type = (clattn_cache_type)5, CLATTN_INVALID_PROBLEM, "cache.type is 5");
  REFUSED(p.math = CLATTN_MATH_STORED, CLATTN_INVALID_PROBLEM, "math is 1, but has an effect only where type is");
  REFUSED(p.math = (clattn_math)2; p.type = CLATTN_F16, CLATTN_INVALID_PROBLEM, "math is 2");
  REFUSED(p.context_order = CLATTN_ORDER_STRIDES, CLATTN_INVALID_PROBLEM, "context_order is 2");
  REFUSED(p.context_order = CLATTN_ORDER_HEADS; p.output_dim = 6, CLATTN_UNSUPPORTED, "output_dim 6");
  REFUSED(p.context_order = CLATTN_ORDER_HEADS; p.lengths = CLATTN_LENGTHS_PACKED;
          p.packed_queries = p.packed_keys = 3, CLATTN_INVALID_PROBLEM, "context_order is CLATTN_ORDER_HEADS");
  REFUSED(p = (clattn_problem){.size = 0}, CLATTN_INVALID_ARGUMENT, "clattn_problem.size is 0");
  REFUSED(p.rotary_base = 0.0, CLATTN_INVALID_PROBLEM, "rotary_base is 0");
#undef REFUSED
}

/* A struct where only the sizes were set: its windows of 0 would make the context equal to v. */
static void a_struct_of_zeros(void **state) {
  (void)state;
  clattn_problem p = {.size = sizeof p, .batch = 1, .query_len = 3, .key_len = 3, .model_dim = 4, .heads = 1};
  clattn_error error;
  p.head_dim = p.value_dim = 2;
  assert_int_equal(clattn_problem_validate(&p, &error), CLATTN_INVALID_PROBLEM);
  assert_says(&error, "start from CLATTN_PROBLEM_INIT");
  p.window_left = p.window_right = CLATTN_UNBOUNDED;
  p.rotary_base = 10000.0;
  p.scale = NAN;
  assert_ok(clattn_problem_validate(&p, &error), &error);
}

/* Every field that needs another one, set without it. */
static void settings_without_an_effect(void **state) {
  (void)state;
  const clattn_problem good = support_problem(3, 4, 2);
  clattn_problem given = good;
  clattn_error error;
  given.source = CLATTN_SOURCE_QKV;
  given.model_dim = 0;
  assert_ok(clattn_problem_validate(&given, &error), &error);

#define REFUSED(start, change, name)                                                                                   \
  do {                                                                                                                 \
    clattn_problem p = start;                                                                                          \
    change;                                                                                                            \
    assert_int_equal(clattn_problem_validate(&p, &error), CLATTN_INVALID_PROBLEM);                                     \
    if (strncmp(error.message, name, strlen(name)) != 0 || strstr(error.message, "an effect only where") == NULL)      \
      fail_msg("%s: %s", name, error.message);                                                                         \
  } while (0)
  REFUSED(good, p.scale = 0.5f, "scale is 0.5,");
  REFUSED(good, p.scale = 1.0f, "scale is 1,");
  REFUSED(good, p.scale = 0.0f, "scale is 0,");
  REFUSED(good, p.offset = -3, "offset is -3,");
  REFUSED(good, p.alignment = CLATTN_ALIGN_BOTTOM_RIGHT; p.offset = 4, "offset is 4,");
  REFUSED(good, p.mask_shape[3] = 3, "mask_shape is 3,");
  REFUSED(good, p.rotary_dim = 2, "rotary_dim is 2,");
  REFUSED(good, p.rotary_base = 500000.0, "rotary_base is 500000,");
  REFUSED(good, p.packed_queries = 3, "packed_queries is 3,");
  REFUSED(good, p.packed_keys = 3, "packed_keys is 3,");
  REFUSED(good, p.lengths = CLATTN_LENGTHS_KEYS; p.packed_keys = 3, "packed_keys is 3,");
  REFUSED(good, p.cache.type = CLATTN_CACHE_F16, "cache.type is 1,");
  REFUSED(good, p.cache.page_len = 2, "cache.page_len is 2,");
  REFUSED(good, p.cache.pages = 2, "cache.pages is 2,");
  REFUSED(good, p.cache.capacity = 9; p.cache.pages = 2, "cache.pages is 2,");
  REFUSED(good, p.kv_model_dim = 4, "kv_model_dim is 4,");
  REFUSED(good, p.biases = CLATTN_BIAS_O, "biases (CLATTN_BIAS_O) is 8,");
  REFUSED(good, p.k_strides.row = 2, "k_strides is 2,");
  REFUSED(given, p.q_strides.head = 2, "q_strides is 2,");
  REFUSED(given, p.order = CLATTN_ORDER_HEADS; p.v_strides.batch = 6, "v_strides is 6,");
  REFUSED(given, p.model_dim = 4, "model_dim is 4,");
  REFUSED(given, p.fused_qkv = true, "fused_qkv is 1,");
  REFUSED(given, p.biases = CLATTN_BIAS_K, "biases (of q, k and v) is 2,");
#undef REFUSED
}

/* Strides of 0 may repeat vectors across a batch or heads, but strides that were never set are
 * refused. */
static void strides_of_zero(void **state) {
  (void)state;
  clattn_problem good = support_problem(3, 4, 2);
  clattn_error error;
  good.source = CLATTN_SOURCE_QKV;
  good.model_dim = 0;
  good.batch = 2;
  good.heads = 4;
  good.kv_heads = 2;
  good.order = CLATTN_ORDER_STRIDES;
  good.q_strides = (clattn_strides){.batch = 24, .head = 2, .row = 8};
  good.k_strides = good.v_strides = (clattn_strides){.batch = 12, .head = 2, .row = 4};
  assert_ok(clattn_problem_validate(&good, &error), &error);

#define IS(change, expected, part)                                                                                     \
  do {                                                                                                                 \
    clattn_problem p = good;                                                                                           \
    change;                                                                                                            \
    error.message[0] = '\0';                                                                                           \
    assert_int_equal(clattn_problem_validate(&p, &error), expected);                                                   \
    assert_says(&error, part);                                                                                         \
  } while (0)
  static const clattn_strides none = {0};
  IS(p.q_strides = none, CLATTN_INVALID_PROBLEM, "q_strides.row is 0");
  IS(p.k_strides = none, CLATTN_INVALID_PROBLEM, "k_strides.row is 0");
  IS(p.v_strides.row = 0, CLATTN_INVALID_PROBLEM, "v_strides.row is 0");
  IS(p.k_strides.batch = p.v_strides.batch = 0, CLATTN_OK, "");
  IS(p.k_strides.head = p.v_strides.head = 0, CLATTN_OK, "");
  IS(p.query_len = 1; p.q_strides = none, CLATTN_INVALID_PROBLEM, "q_strides are all 0");
  IS(p.query_len = 1; p.q_strides.row = 0, CLATTN_OK, "");
  IS(p.query_len = p.batch = p.heads = p.kv_heads = 1; p.q_strides = none, CLATTN_OK, "");
#undef IS
}

static void devices(void **state) {
  (void)state;
  clattn_device *none = NULL;
  clattn_device_list *list = NULL;
  clattn_error error;
  const clattn_device_choice nowhere = {.device = "no such device"}, no_platform = {.platform = "no such platform"};
  assert_int_equal(clattn_device_open(&nowhere, &none, &error), CLATTN_NO_DEVICE);
  assert_says(&error, "no such device");
  assert_null(none);
  assert_int_equal(clattn_device_open(&no_platform, &none, &error), CLATTN_NO_DEVICE);
  assert_says(&error, "no such platform");
  assert_int_equal(clattn_device_open(NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_device_list_create(NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_device_list_create(&nowhere, &list, &error), CLATTN_NO_DEVICE);
  assert_ok(clattn_device_list_create(NULL, &list, &error), &error);
  assert_true(clattn_device_list_count(list) >= 1);
  assert_null(clattn_device_list_info(list, clattn_device_list_count(list)));
  clattn_device_list_destroy(list);
  clattn_device_close(NULL);
  clattn_device_list_destroy(NULL);
}

static void expect_plan(const clattn_plan_options *options, clattn_status status, const char *part) {
  const clattn_problem p = support_problem(5, 4, 3);
  clattn_plan *plan = NULL;
  clattn_error error;
  assert_int_equal(clattn_plan_create(support_opened, &p, options, &plan, &error), status);
  assert_null(plan);
  assert_says(&error, part);
}

static void plans(void **state) {
  (void)state;
  const clattn_problem p = support_problem(5, 4, 3);
  clattn_plan *plan = NULL;
  clattn_error error;
  assert_int_equal(clattn_plan_create(NULL, &p, NULL, &plan, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_plan_create(support_opened, &p, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_plan_create(support_opened, NULL, &support_staged, &plan, &error), CLATTN_INVALID_ARGUMENT);
  clattn_plan_destroy(NULL);

#define REFUSED(change, expected, part)                                                                                \
  do {                                                                                                                 \
    clattn_plan_options o = SUPPORT_STAGED;                                                                            \
    change;                                                                                                            \
    expect_plan(&o, expected, part);                                                                                   \
  } while (0)
  REFUSED(o.size = 3, CLATTN_INVALID_ARGUMENT, "CLATTN_PLAN_OPTIONS_INIT");
  REFUSED(o.pipeline = (clattn_pipeline)9, CLATTN_INVALID_ARGUMENT, "pipeline is 9");
  REFUSED(o.io = (clattn_io)9, CLATTN_INVALID_ARGUMENT, "io is 9");
  REFUSED(o.kernels = "scores", CLATTN_INVALID_ARGUMENT, "'scores'");
  REFUSED(o.kernels = "score=1", CLATTN_INVALID_ARGUMENT, "'score=1'");
  REFUSED(o.kernels = "scores=1,scores=2", CLATTN_INVALID_ARGUMENT, "twice");
  REFUSED(o.kernels = "scores=9", CLATTN_INVALID_ARGUMENT, "1 naive, 2 tiled");
  REFUSED(o.kernels = "scores=tiled:TILE=7", CLATTN_INVALID_ARGUMENT, "allowed: 8, 16");
  REFUSED(o.kernels = "scores=tiled:TOLL=8", CLATTN_INVALID_ARGUMENT, "allowed: TILE");
  REFUSED(o.memory_bytes = 10, CLATTN_OUT_OF_DEVICE_MEMORY, "at least");
  REFUSED(o.kernel_dir = "no such folder", CLATTN_KERNEL_SOURCE, "no such folder");
#undef REFUSED
}

static void runs(void **state) {
  (void)state;
  clattn_problem p = support_problem(5, 4, 3);
  support_case c;
  support_allocate(&c, &p, 1);
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  assert_ok(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), &error);
  assert_int_equal(clattn_plan_run(NULL, &c.inputs, &c.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_plan_run(plan, NULL, &c.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_plan_run(plan, &c.inputs, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  clattn_inputs lacking = c.inputs;
  lacking.wk = NULL;
  assert_int_equal(clattn_plan_run(plan, &lacking, &c.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_reference_run(&p, &lacking, &c.outputs, &error), CLATTN_INVALID_ARGUMENT);

  const size_t descending[] = {3, 1}, beyond[] = {5};
  const clattn_rows bad_order = {descending, 2}, bad_row = {beyond, 1}, no_list = {NULL, 2};
  c.outputs.rows = &bad_order;
  assert_int_equal(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "strictly ascending");
  c.outputs.rows = &bad_row;
  assert_int_equal(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  c.outputs.rows = &no_list;
  assert_int_equal(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  c.outputs.rows = NULL;

  clattn_outputs partial = c.outputs;
  partial.scores = NULL;
  assert_int_equal(clattn_check(plan, &c.inputs, &partial, NULL, &report, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_check(plan, &c.inputs, &c.outputs, &bad_row, &report, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_check(NULL, &c.inputs, &c.outputs, NULL, &report, &error), CLATTN_INVALID_ARGUMENT);
  const clattn_rows given = {descending, 1};
  c.outputs.rows = &given;
  assert_int_equal(clattn_check(plan, &c.inputs, &c.outputs, &no_list, &report, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_check(plan, &c.inputs, &c.outputs, &bad_order, &report, &error), CLATTN_INVALID_ARGUMENT);
  clattn_rows *rows = NULL;
  assert_int_equal(clattn_rows_choose(&p, 1.0, 1, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_rows_choose(&p, NAN, 1, &rows, &error), CLATTN_INVALID_ARGUMENT);
  assert_null(rows);
  clattn_plan_destroy(plan);
  support_free(&c);
}

static void kernels(void **state) {
  (void)state;
  clattn_error error;
  clattn_kernel_info info = CLATTN_KERNEL_INFO_INIT;
  clattn_device_info small = *clattn_device_get_info(support_opened);
  assert_false(clattn_kernel_get_info(clattn_kernel_count(), &info));
  assert_int_equal(clattn_kernel_supported(clattn_kernel_count(), &small, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_kernel_supported(0, NULL, &error), CLATTN_INVALID_ARGUMENT);
  /* A device without local memory and with groups of 16 runs what needs no such thing. */
  small.local_memory_bytes = 0;
  small.max_work_group = 16;
  for (size_t i = 0; clattn_kernel_get_info(i, &info); ++i) {
    const clattn_status status = clattn_kernel_supported(i, &small, &error);
    const bool needs_memory = (clattn_catalog_at(i)->needs & CLATTN_NEEDS_LOCAL_MEMORY) != 0;
    if (!info.library && (needs_memory || strcmp(info.target, "any") == 0))
      assert_int_equal(status, needs_memory ? CLATTN_UNSUPPORTED : CLATTN_OK);
  }
}

/* Half a work-group of what the register kernel wants: one tile size shrinks, the others stay. */
static void tiles_fit_the_device(void **state) {
  static const clattn_extent extent = {.terms = 1, .head_dim = 1, .value_dim = 1};
  (void)state;
  const clattn_kernel *row = clattn_catalog_find(CLATTN_STAGE_PROJECT, "register", 8);
  assert_non_null(row);
  clattn_device_info small = *clattn_device_get_info(support_opened);
  small.max_work_group = 128;
  small.local_memory_bytes = 32768;
  int value[CLATTN_TILES_MOST];
  clattn_error error;
  assert_ok(clattn_fit_tiles(row, &extent, &small, value, &error), &error);
  assert_int_equal(value[0] * value[1], 128);
  for (size_t t = 2; t < CLATTN_TILES_MOST; ++t) assert_int_equal(value[t], row->tile[t].standard);
  small.max_work_group = 8;
  assert_int_equal(clattn_fit_tiles(row, &extent, &small, value, &error), CLATTN_UNSUPPORTED);
  assert_says(&error, "work-groups of 256");
}

/* On devices with short vectors, tiles use fewer registers. */
static void tiles_are_narrow_where_vectors_are(void **state) {
  static const clattn_extent extent = {.terms = 1, .head_dim = 1, .value_dim = 1};
  (void)state;
  const clattn_kernel *row = clattn_catalog_find(CLATTN_STAGE_FUSED, "vector", 6);
  assert_non_null(row);
  clattn_device_info device = *clattn_device_get_info(support_opened);
  int value[CLATTN_TILES_MOST];
  clattn_error error;
  device.local_memory_bytes = 1 << 20;
  device.native_float_width = 16;
  assert_ok(clattn_fit_tiles(row, &extent, &device, value, &error), &error);
  assert_int_equal(value[0], 4);
  device.native_float_width = 8;
  assert_ok(clattn_fit_tiles(row, &extent, &device, value, &error), &error);
  assert_int_equal(value[0], 1);
  assert_int_equal(value[1], 6);
}

/* ---- kernels from a folder --------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static cl_program program_of(const char *options) {
  cl_kernel kernel = NULL;
  cl_program program = NULL;
  clattn_error error;
  const clattn_program_source source = {.file = "scores/1_naive.cl", .options = options};
  assert_ok(clattn_kernel_build(support_opened, &source, "scores", NULL, NULL, &kernel, &error), &error);
  assert_int_equal(clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof program, &program, NULL), CL_SUCCESS);
  clReleaseKernel(kernel);
  return program;
}

static void programs_are_built_once(void **state) {
  (void)state;
  const cl_program first = program_of("-cl-std=CL1.2");
  assert_ptr_equal(program_of("-cl-std=CL1.2"), first);
  assert_ptr_not_equal(program_of("-cl-std=CL1.2 -DUNUSED=1"), first);
}

static void failing_builds(void **state) {
  (void)state;
  assert_int_equal(system("mkdir -p bad_kernels/scores bad_kernels/common"), 0);
  clattn_plan_options o = SUPPORT_STAGED;
  o.kernel_dir = "bad_kernels";
  o.kernels = "scores=naive,project=naive";
  const clattn_problem p = support_problem(5, 4, 3);
  clattn_plan *plan = NULL;
  clattn_error error;
  assert_int_equal(system("cp -r \"" CLATTN_KERNELS "\"/. bad_kernels/"), 0);

  write_file("bad_kernels/scores/1_naive.cl", "kernel void scores(global float *x) {\n  x[0] = undeclared;\n}\n");
  assert_int_equal(clattn_plan_create(support_opened, &p, &o, &plan, &error), CLATTN_BUILD_FAILED);
  assert_says(&error, clattn_device_get_info(support_opened)->name);
  assert_says(&error, "-cl-std=CL1.2");
  assert_says(&error, "undeclared");
  assert_true(error.code != 0);

  write_file("bad_kernels/scores/1_naive.cl", "kernel void another_name(global float *x) {\n  x[0] = 1;\n}\n");
  assert_int_equal(clattn_plan_create(support_opened, &p, &o, &plan, &error), CLATTN_OPENCL_FAILED);
  assert_says(&error, "CL_INVALID_KERNEL_NAME");

  write_file("bad_kernels/scores/1_naive.cl", "#include \"scores/1_naive.cl\"\n");
  assert_int_equal(clattn_plan_create(support_opened, &p, &o, &plan, &error), CLATTN_KERNEL_SOURCE);
  assert_says(&error, "deep");

  write_file("bad_kernels/scores/1_naive.cl", "#include \"common/missing.cl\"\n");
  assert_int_equal(clattn_plan_create(support_opened, &p, &o, &plan, &error), CLATTN_KERNEL_SOURCE);
  assert_says(&error, "common/missing.cl");
  assert_int_equal(system("rm -rf bad_kernels"), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names),
      cmocka_unit_test(problems),
      cmocka_unit_test(a_struct_of_zeros),
      cmocka_unit_test(settings_without_an_effect),
      cmocka_unit_test(strides_of_zero),
      cmocka_unit_test(devices),
      cmocka_unit_test(plans),
      cmocka_unit_test(runs),
      cmocka_unit_test(kernels),
      cmocka_unit_test(tiles_fit_the_device),
      cmocka_unit_test(tiles_are_narrow_where_vectors_are),
      cmocka_unit_test(programs_are_built_once),
      cmocka_unit_test(failing_builds),
  };
  return cmocka_run_group_tests_name("errors", tests, support_open, support_close);
}
