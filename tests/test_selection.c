/* The catalogue as data: what its rows promise, and which kernels a plan would take on devices
 * that are not here. */
#include <stdio.h>
#include <string.h>

#include "catalog/families.h"
#include "catalog/fused.h"
#include "catalog/selection.h"
#include "catalog/tiles.h"
#include "plan/choice.h"
#include "problem/facts.h"
#include "selftest/test_case.h"
#include "support.h"
#include "base/sizes.h"

static const clattn_extent small_extent = {.terms = 64, .head_dim = 64, .value_dim = 64};

/* ---- devices that are not here ----------------------------------------------------------------------------------- */

/* A device as its driver describes it. */
static clattn_device_info device_of(clattn_device_type type, const char *name, uint32_t float_width,
                                    uint64_t local_memory_bytes, uint64_t max_work_group) {
  clattn_device_info d = {.type = type,
                          .native_float_width = float_width,
                          .local_memory_bytes = local_memory_bytes,
                          .max_work_group = max_work_group,
                          .max_work_item_sizes = {max_work_group, max_work_group, max_work_group}};
  snprintf(d.name, sizeof d.name, "%s", name);
  return d;
}

typedef enum known_device { NVIDIA, INTEL, SUB_GROUPS, AVX512, AVX2, LLVMPIPE, SMALL, POOR, DEVICES } known_device;

static clattn_device_info known(known_device which) {
  switch (which) {
  case NVIDIA:
    return device_of(CLATTN_DEVICE_GPU, "discrete GPU", 1, 49152, 1024);
  case INTEL:
    return device_of(CLATTN_DEVICE_GPU, "integrated GPU", 1, 65536, 256);
  case SUB_GROUPS: {
    clattn_device_info d = device_of(CLATTN_DEVICE_GPU, "GPU with sub-groups", 1, 65536, 256);
    snprintf(d.extensions, sizeof d.extensions, "cl_khr_subgroups");
    return d;
  }
  case AVX512:
    return device_of(CLATTN_DEVICE_CPU, "CPU with AVX-512", 16, 1 << 20, 4096);
  case AVX2:
    return device_of(CLATTN_DEVICE_CPU, "CPU with AVX2", 8, 1 << 20, 4096);
  case LLVMPIPE:
    return device_of(CLATTN_DEVICE_CPU, "llvmpipe", 1, 32768, 1024);
  case SMALL:
    return device_of(CLATTN_DEVICE_GPU, "GPU with small work-groups", 4, 16384, 128);
  default:
    return device_of(CLATTN_DEVICE_ACCELERATOR, "no local memory, groups of 16", 0, 0, 16);
  }
}

static clattn_problem problem_of(size_t queries) {
  clattn_problem p = support_problem(512, 64, 64);
  p.query_len = queries;
  return p;
}

/* The kernel with its sizes, as options name it, that a plan takes if it builds and computes
 * right. */
static void selected(clattn_stage stage, const clattn_device_info *device, const clattn_problem *problem, char *text,
                     size_t size) {
  const clattn_selection s = {.stage = stage, .device = device, .problem = problem, .extent = small_extent};
  clattn_candidate c = {.kernel = NULL};
  clattn_error error;
  while (clattn_next_candidate(&s, &c, &error))
    if (c.against == NULL) {
      size_t used = (size_t)snprintf(text, size, "%s", c.kernel->name);
      for (size_t t = 0; c.kernel->tile[t].name != NULL; ++t)
        used += (size_t)snprintf(text + used, size - used, ":%s=%d", c.kernel->tile[t].name, c.value[t]);
      return;
    }
  snprintf(text, size, "none");
}

static void what_a_device_would_get(void **state) {
  (void)state;
  static const struct {
    known_device device;
    clattn_stage stage;
    size_t queries;
    const char *expected;
  } cases[] = {
      {NVIDIA, CLATTN_STAGE_PROJECT, 512, "wide:LOCAL_X=16:LOCAL_Y=16:ITEM_ROWS=4:ITEM_COLS=4:TILE_DEPTH=16"},
      {NVIDIA, CLATTN_STAGE_OUTPUT, 512, "wide:LOCAL_X=16:LOCAL_Y=16:ITEM_ROWS=4:ITEM_COLS=4:TILE_DEPTH=16"},
      {NVIDIA, CLATTN_STAGE_SOFTMAX, 512, "register:LOCAL_X=128:ITEM_KEYS=16"},
      {NVIDIA, CLATTN_STAGE_FUSED, 512, "register:LOCAL_X=8:LOCAL_Y=16:ITEM_ROWS=4:ITEM_KEYS=4:TILE_DEPTH=32:SUMS=1"},
      {NVIDIA, CLATTN_STAGE_FUSED, 1, "split:LOCAL_X=32:ITEM_ROWS=2:TILE_DEPTH=128:PART_KEYS=128:GROUPS=512"},
      {INTEL, CLATTN_STAGE_SCORES, 512, "wide:LOCAL_X=16:LOCAL_Y=16:ITEM_ROWS=4:ITEM_COLS=4:TILE_DEPTH=16"},
      {INTEL, CLATTN_STAGE_FUSED, 512, "register:LOCAL_X=8:LOCAL_Y=16:ITEM_ROWS=4:ITEM_KEYS=4:TILE_DEPTH=32:SUMS=1"},
      {SUB_GROUPS, CLATTN_STAGE_SOFTMAX, 512, "subgroup:LOCAL_X=128:ITEM_KEYS=16"},
      {SUB_GROUPS, CLATTN_STAGE_FUSED, 512,
       "register:LOCAL_X=8:LOCAL_Y=16:ITEM_ROWS=4:ITEM_KEYS=4:TILE_DEPTH=32:SUMS=1"},
      {SUB_GROUPS, CLATTN_STAGE_FUSED, 1, "split:LOCAL_X=32:ITEM_ROWS=2:TILE_DEPTH=128:PART_KEYS=128:GROUPS=512"},
      {NVIDIA, CLATTN_STAGE_CONVERT, 512, "naive"},
      {AVX512, CLATTN_STAGE_CONVERT, 512, "vector"},
      {LLVMPIPE, CLATTN_STAGE_CONVERT, 512, "naive"},
      {AVX512, CLATTN_STAGE_PROJECT, 512, "panel:ITEM_ROWS=256:ROWS=4:VECTORS=4:STRIP=512:TILES=1"},
      {AVX512, CLATTN_STAGE_CONTEXT, 512, "panel:ITEM_ROWS=128:ROWS=4:VECTORS=4:STRIP=256"},
      {AVX512, CLATTN_STAGE_SOFTMAX, 512, "vector:ITEM_ROWS=16"},
      {AVX512, CLATTN_STAGE_FUSED, 512, "vector:VECTORS=4:TILE_KEYS=4:TILE_DIMS=6:STRIP=128:QUERIES=256:KEYS_FROM=1"},
      {AVX512, CLATTN_STAGE_FUSED, 1, "stream:HEADS=8:UNIT_GROUPS=1"},
      {AVX2, CLATTN_STAGE_PROJECT, 512, "panel:ITEM_ROWS=256:ROWS=6:VECTORS=1:STRIP=512:TILES=2"},
      {AVX2, CLATTN_STAGE_SCORES, 512, "panel:ITEM_ROWS=256:ROWS=6:VECTORS=1:STRIP=256"},
      {AVX2, CLATTN_STAGE_CONTEXT, 512, "panel:ITEM_ROWS=128:ROWS=6:VECTORS=1:STRIP=256"},
      {AVX2, CLATTN_STAGE_FUSED, 512, "vector:VECTORS=1:TILE_KEYS=6:TILE_DIMS=6:STRIP=128:QUERIES=256:KEYS_FROM=2"},
      {LLVMPIPE, CLATTN_STAGE_CONTEXT, 512, "register:LOCAL_X=16:LOCAL_Y=16:ITEM_ROWS=4:ITEM_COLS=4:TILE_DEPTH=16"},
      {LLVMPIPE, CLATTN_STAGE_FUSED, 1, "split:LOCAL_X=32:ITEM_ROWS=2:TILE_DEPTH=128:PART_KEYS=128:GROUPS=512"},
      {SMALL, CLATTN_STAGE_PROJECT, 512, "wide:LOCAL_X=16:LOCAL_Y=8:ITEM_ROWS=4:ITEM_COLS=4:TILE_DEPTH=16"},
      {SMALL, CLATTN_STAGE_FUSED, 512, "register:LOCAL_X=8:LOCAL_Y=16:ITEM_ROWS=4:ITEM_KEYS=2:TILE_DEPTH=16:SUMS=1"},
      {POOR, CLATTN_STAGE_PROJECT, 512, "coalesced"},
      {POOR, CLATTN_STAGE_SCORES, 512, "naive"},
      {POOR, CLATTN_STAGE_SOFTMAX, 512, "online"},
      {POOR, CLATTN_STAGE_FUSED, 1, "online"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const clattn_device_info device = known(cases[i].device);
    const clattn_problem p = problem_of(cases[i].queries);
    char text[160];
    selected(cases[i].stage, &device, &p, text, sizeof text);
    if (strcmp(text, cases[i].expected) != 0)
      fail_msg("%s of %s, %zu queries: %s instead of %s", clattn_stage_name(cases[i].stage), device.name,
               cases[i].queries, text, cases[i].expected);
  }
}

/* Far rows: 1 MiB of keys and values of a head, and other heads between them. */
static void far_rows_are_copied(void **state) {
  (void)state;
  static const struct {
    size_t heads, head_dim, keys;
    clattn_order order;
    bool is_far;
  } cases[] = {{8, 64, 2047, CLATTN_ORDER_TOKENS, false},
               {8, 64, 2048, CLATTN_ORDER_TOKENS, true},
               {8, 128, 1024, CLATTN_ORDER_TOKENS, true},
               {1, 64, 65536, CLATTN_ORDER_TOKENS, false},
               {8, 64, 65536, CLATTN_ORDER_HEADS, false}};
  const clattn_device_info device = known(AVX512);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    clattn_problem p = problem_of(512);
    p.source = CLATTN_SOURCE_QKV;
    p.heads = cases[i].heads;
    p.head_dim = p.value_dim = cases[i].head_dim;
    p.key_len = cases[i].keys;
    p.order = cases[i].order;
    assert_int_equal(clattn_has_far_rows(&p), cases[i].is_far);
    const clattn_extent extent = clattn_extent_of(&p, CLATTN_STAGE_FUSED, &device);
    const clattn_kernel *vector = clattn_catalog_find(CLATTN_STAGE_FUSED, "vector", 6);
    int value[CLATTN_TILES_MOST];
    clattn_standard_tiles(vector, &extent, &device, value);
    assert_int_equal(value[5], cases[i].is_far ? 2 : 1);
  }
}

/* GPUs whose compilers or local memory want other tiles of fused register: docs/compilers.md. */
static void gpu_families(void **state) {
  (void)state;
  static const struct {
    const char *name, *vendor;
    size_t value_dim;
    int local_x, item_keys, sums;
  } cases[] = {{"NVIDIA A100", "NVIDIA Corporation", 128, 8, 4, 1},
               {"gfx90a:sramecc+", "Advanced Micro Devices, Inc.", 64, 16, 2, 2},
               {"gfx906", "Advanced Micro Devices, Inc.", 64, 16, 2, 1},
               {"gfx1030", "Advanced Micro Devices, Inc.", 64, 8, 4, 1},
               {"Intel(R) Arc(TM) A770 Graphics", "Intel(R) Corporation", 64, 8, 4, 1},
               {"Intel(R) Arc(TM) A770 Graphics", "Intel(R) Corporation", 65, 16, 2, 1}};
  const clattn_kernel *row = clattn_catalog_find(CLATTN_STAGE_FUSED, "register", 8);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    clattn_device_info device = device_of(CLATTN_DEVICE_GPU, cases[i].name, 1, 65536, 256);
    clattn_extent extent = small_extent;
    int value[CLATTN_TILES_MOST];
    snprintf(device.vendor, sizeof device.vendor, "%s", cases[i].vendor);
    extent.value_dim = cases[i].value_dim;
    clattn_standard_tiles(row, &extent, &device, value);
    assert_int_equal(value[0], cases[i].local_x);
    assert_int_equal(value[3], cases[i].item_keys);
    assert_int_equal(value[5], cases[i].sums);
  }
}

/* A group's tile of 64 x 64 results has 8 x 8 or 16 x 16 work-items. */
static void gpus_with_many_registers(void **state) {
  (void)state;
  static const struct {
    clattn_device_type type;
    const char *vendor;
    int local, item;
  } cases[] = {{CLATTN_DEVICE_GPU, "NVIDIA Corporation", 8, 8},
               {CLATTN_DEVICE_GPU, "Advanced Micro Devices, Inc.", 8, 8},
               {CLATTN_DEVICE_GPU, "Intel(R) Corporation", 16, 4},
               {CLATTN_DEVICE_GPU, "ARM", 16, 4},
               {CLATTN_DEVICE_CPU, "AuthenticAMD", 16, 4}};
  static const struct {
    clattn_stage stage;
    const char *name;
  } rows[] = {{CLATTN_STAGE_PROJECT, "wide"}, {CLATTN_STAGE_SCORES, "wide"}, {CLATTN_STAGE_CONTEXT, "register"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i)
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; ++k) {
      clattn_device_info device = device_of(cases[i].type, "a device", 1, 65536, 256);
      const clattn_kernel *row = clattn_catalog_find(rows[k].stage, rows[k].name, strlen(rows[k].name));
      const int expected[] = {cases[i].local, cases[i].local, cases[i].item, cases[i].item};
      int value[CLATTN_TILES_MOST];
      snprintf(device.vendor, sizeof device.vendor, "%s", cases[i].vendor);
      clattn_standard_tiles(row, &small_extent, &device, value);
      assert_memory_equal(value, expected, sizeof expected);
    }
}

/* The macros of a kernel's forms follow from the problem. */
static void expect_forms(const clattn_problem *p, const char *expected) {
  char text[80] = "";
  const clattn_device_info gpu = device_of(CLATTN_DEVICE_GPU, "a device", 1, 65536, 256);
  clattn_form_macros(CLATTN_FORM_PLAIN_SCORES | CLATTN_FORM_WIDE_ROWS, p, &gpu, text, sizeof text);
  assert_string_equal(text, expected);
}

static void forms_follow_the_problem(void **state) {
  (void)state;
  clattn_problem p = problem_of(512);
  expect_forms(&p, " -DPLAIN_SCORES=1 -DWIDE_ROWS=1");
  p.causal = true;
  p.window_left = 5;
  expect_forms(&p, " -DPLAIN_SCORES=1 -DWIDE_ROWS=1");
  p.softcap = 1.0f;
  expect_forms(&p, " -DPLAIN_SCORES=0 -DWIDE_ROWS=1");
  p.softcap = 0.0f;
  p.alibi = true;
  expect_forms(&p, " -DPLAIN_SCORES=0 -DWIDE_ROWS=1");
  p.alibi = false;
  p.mask = CLATTN_MASK_BOOL;
  expect_forms(&p, " -DPLAIN_SCORES=0 -DWIDE_ROWS=1");
  p.mask = CLATTN_MASK_NONE;
  p.value_dim = 66;
  expect_forms(&p, " -DPLAIN_SCORES=1 -DWIDE_ROWS=0");
  p.value_dim = 64;
  p.source = CLATTN_SOURCE_QKV;
  p.order = CLATTN_ORDER_STRIDES;
  const clattn_strides rows = {512 * 68, 64, 68};
  p.q_strides = p.k_strides = p.v_strides = rows;
  expect_forms(&p, " -DPLAIN_SCORES=1 -DWIDE_ROWS=1");
  p.k_strides.row = 67;
  expect_forms(&p, " -DPLAIN_SCORES=1 -DWIDE_ROWS=0");
  char none[8] = "";
  const clattn_device_info gpu = device_of(CLATTN_DEVICE_GPU, "a device", 1, 65536, 256);
  assert_int_equal(clattn_form_macros(0, &p, &gpu, none, sizeof none), 0);
}

/* Sub-groups of 16 are asked for where a kernel may choose the width, and 16 is the least. */
static void sub_groups_follow_the_device(void **state) {
  (void)state;
  static const struct {
    const char *extensions;
    uint32_t least;
    bool of_16;
  } cases[] = {{"cl_khr_subgroups cl_intel_required_subgroup_size", 16, true},
               {"cl_khr_subgroups cl_intel_required_subgroup_size", 8, false},
               {"cl_khr_subgroups cl_intel_required_subgroup_size", 0, false},
               {"cl_khr_subgroups", 16, false}};
  const clattn_problem p = problem_of(512);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    clattn_device_info gpu = device_of(CLATTN_DEVICE_GPU, "a device", 1, 65536, 256);
    char text[80] = "";
    snprintf(gpu.extensions, sizeof gpu.extensions, "%s", cases[i].extensions);
    gpu.least_sub_group = cases[i].least;
    clattn_form_macros(CLATTN_FORM_SUB_GROUPS_OF_16, &p, &gpu, text, sizeof text);
    assert_string_equal(text, cases[i].of_16 ? " -DSUB_GROUPS_OF_16=1" : " -DSUB_GROUPS_OF_16=0");
  }
}

/* Halves are multiplied where the problem lets kernels do it, q, k and v are halves, and the device can. */
static void halves_follow_problem_and_device(void **state) {
  (void)state;
  static const struct {
    clattn_math math;
    clattn_type type;
    clattn_source source;
    clattn_rotary rotary;
    clattn_cache_layout cache;
    bool able, multiplies;
  } cases[] = {
      {CLATTN_MATH_STORED, CLATTN_F16, CLATTN_SOURCE_QKV, CLATTN_ROTARY_NONE, {.capacity = 0}, true, true},
      {CLATTN_MATH_STORED, CLATTN_F16, CLATTN_SOURCE_QKV, CLATTN_ROTARY_NONE, {.capacity = 0}, false, false},
      {CLATTN_MATH_FLOAT, CLATTN_F16, CLATTN_SOURCE_QKV, CLATTN_ROTARY_NONE, {.capacity = 0}, true, false},
      {CLATTN_MATH_STORED, CLATTN_BF16, CLATTN_SOURCE_QKV, CLATTN_ROTARY_NONE, {.capacity = 0}, true, false},
      {CLATTN_MATH_STORED, CLATTN_F16, CLATTN_SOURCE_X, CLATTN_ROTARY_NONE, {.capacity = 0}, true, true},
      {CLATTN_MATH_STORED, CLATTN_F16, CLATTN_SOURCE_X, CLATTN_ROTARY_NONE, {.capacity = 0}, false, false},
      {CLATTN_MATH_FLOAT, CLATTN_F16, CLATTN_SOURCE_X, CLATTN_ROTARY_NONE, {.capacity = 0}, true, false},
      {CLATTN_MATH_STORED, CLATTN_F16, CLATTN_SOURCE_X, CLATTN_ROTARY_HALVES, {.capacity = 0}, true, false},
      {CLATTN_MATH_STORED, CLATTN_F16, CLATTN_SOURCE_XKV, CLATTN_ROTARY_NONE, {.capacity = 0}, true, true},
      {CLATTN_MATH_STORED,
       CLATTN_F16,
       CLATTN_SOURCE_X,
       CLATTN_ROTARY_NONE,
       {.capacity = 9, .type = CLATTN_CACHE_F16},
       true,
       false},
      {CLATTN_MATH_STORED, CLATTN_F16, CLATTN_SOURCE_QKV, CLATTN_ROTARY_HALVES, {.capacity = 0}, true, false},
      {CLATTN_MATH_STORED,
       CLATTN_F16,
       CLATTN_SOURCE_QKV,
       CLATTN_ROTARY_NONE,
       {.capacity = 9, .type = CLATTN_CACHE_F16},
       true,
       true},
      {CLATTN_MATH_STORED,
       CLATTN_F16,
       CLATTN_SOURCE_QKV,
       CLATTN_ROTARY_NONE,
       {.capacity = 9, .type = CLATTN_CACHE_F32},
       true,
       false},
      {CLATTN_MATH_STORED,
       CLATTN_F16,
       CLATTN_SOURCE_QKV,
       CLATTN_ROTARY_NONE,
       {.capacity = 9, .type = CLATTN_CACHE_I8_TOKEN},
       true,
       false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    clattn_device_info gpu = device_of(CLATTN_DEVICE_GPU, "a device", 1, 65536, 256);
    clattn_problem p = problem_of(512);
    char text[80] = "";
    p.math = cases[i].math;
    p.type = cases[i].type;
    p.source = cases[i].source;
    p.rotary = cases[i].rotary;
    p.cache = cases[i].cache;
    snprintf(gpu.extensions, sizeof gpu.extensions, "cl_khr_fp16");
    gpu.exact_halves = cases[i].able;
    clattn_form_macros(CLATTN_FORM_HALF_PRODUCTS, &p, &gpu, text, sizeof text);
    assert_string_equal(text, cases[i].multiplies ? " -DHALF_PRODUCTS=1" : " -DHALF_PRODUCTS=0");
    const clattn_problem test = clattn_test_case_attention(&p);
    assert_int_equal(clattn_multiplies_halves(&test, &gpu), cases[i].multiplies); /* the self-test runs the same */
    for (clattn_tensor tensor = CLATTN_Q; tensor <= CLATTN_V; ++tensor)
      assert_int_equal(clattn_fused_reads_stored(&test, tensor), clattn_fused_reads_stored(&p, tensor));
    const clattn_problem projections = clattn_test_case_projection(&p);
    assert_int_equal(clattn_makes_stored(&projections, CLATTN_STAGE_PROJECT),
                     clattn_makes_stored(&p, CLATTN_STAGE_PROJECT));
    const clattn_extent extent = clattn_extent_of(&p, CLATTN_STAGE_FUSED, &gpu);
    assert_int_equal(extent.half_products, cases[i].multiplies);
  }
}

/* The self-test of a plan runs the forms that the plan takes. */
static void self_tests_run_the_same_forms(void **state) {
  (void)state;
  static const size_t row[] = {64, 67, 68};
  for (int i = 0; i < 12; ++i) {
    clattn_problem p = problem_of(i % 2 == 0 ? 512 : 1);
    const size_t length = row[i / 4];
    if ((i & 2) != 0) p.alibi = true;
    if (length != 64) {
      p.source = CLATTN_SOURCE_QKV;
      p.order = CLATTN_ORDER_STRIDES;
      p.q_strides = p.k_strides = p.v_strides = (clattn_strides){512 * length, 64, length};
    }
    const clattn_problem test = clattn_test_case_attention(&p);
    assert_int_equal(clattn_has_plain_scores(&test), clattn_has_plain_scores(&p));
    for (size_t elements = 4; elements <= 8; elements *= 2)
      assert_int_equal(clattn_has_rows_of(&test, elements), clattn_has_rows_of(&p, elements));
  }
}

/* Queries that a work-group of fused vector processes. */
static void queries_are_divided(void **state) {
  (void)state;
  static const struct {
    clattn_row_work work;
    size_t block, expected;
  } cases[] = {
      {{.pairs = 8, .rows = 1024, .compute_units = 2}, 16, 256},  /* 32 groups on 2 units */
      {{.pairs = 8, .rows = 1024, .compute_units = 64}, 16, 128}, /* 64 on 64 */
      {{.pairs = 8, .rows = 512, .compute_units = 64}, 16, 64},   /* 64 on 64 */
      {{.pairs = 1, .rows = 8192, .compute_units = 64}, 16, 128}, /* 64 on 64 */
      {{.pairs = 8, .rows = 128, .compute_units = 4}, 16, 128},   /* 8 on 4 */
      {{.pairs = 1, .rows = 200, .compute_units = 2}, 16, 112},   /* 2 on 2, not 256 and none */
      {{.pairs = 8, .rows = 512, .compute_units = 2, .uneven = true}, 16, 128},
      {{.pairs = 8, .rows = 1024, .compute_units = 16, .uneven = true}, 16, 32},
      {{.pairs = 8, .rows = 8192, .compute_units = 4, .uneven = true}, 64, 256},
      {{.pairs = 1, .rows = 7, .compute_units = 0}, 64, 64},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i)
    assert_int_equal(clattn_group_rows(&cases[i].work, cases[i].block, 256), cases[i].expected);
}

/* With work for all compute units, the busiest has at most a quarter more queries than the average,
 * and half more if blocks are wide. */
static void units_are_busy(void **state) {
  (void)state;
  static const size_t units[] = {1, 2, 4, 6, 8, 12, 16, 64}, pairs[] = {1, 8, 12, 32};
  static const size_t rows[] = {64, 128, 200, 256, 320, 512, 1000, 1024, 2048, 4096, 8192, 32768};
  for (size_t u = 0; u < sizeof units / sizeof units[0]; ++u)
    for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; ++p)
      for (size_t r = 0; r < sizeof rows / sizeof rows[0]; ++r)
        for (size_t block = 16; block <= 64; block += 48) {
          const clattn_row_work work = {.pairs = pairs[p], .rows = rows[r], .compute_units = units[u]};
          const size_t group = clattn_group_rows(&work, block, 256);
          const size_t groups = pairs[p] * clattn_groups_of(rows[r], group);
          const double average = (double)(pairs[p] * rows[r]) / (double)units[u];
          const double busiest = (double)(clattn_groups_of(groups, units[u]) * group);
          assert_true(group % block == 0 && group <= 256);
          if (average >= 4.0 * (double)block) assert_true(busiest <= (block == 16 ? 1.25 : 1.5) * average);
        }
}

/* Every stage has a kernel on every device, and its candidates come in descending priority, each
 * once. */
static void candidates_descend(void **state) {
  (void)state;
  for (int which = 0; which < DEVICES; ++which)
    for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage) {
      const clattn_device_info device = known((known_device)which);
      const clattn_problem p = problem_of(512);
      const clattn_selection s = {
          .stage = (clattn_stage)stage, .device = &device, .problem = &p, .extent = small_extent};
      clattn_candidate c = {.kernel = NULL};
      clattn_error error;
      size_t count = 0, suiting = 0, all = 0;
      const clattn_kernel *row;
      for (const clattn_kernel *last = NULL; clattn_next_candidate(&s, &c, &error); last = c.kernel, ++count) {
        assert_true(last == NULL || c.kernel->priority < last->priority);
        suiting += c.against == NULL;
      }
      for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i)
        all += row->stage == clattn_stage_kernels((clattn_stage)stage);
      assert_int_equal(count, all);
      assert_true(suiting > 0);
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* Names, rungs and priorities tell the kernels of a stage apart. */
static void rows_differ(void **state) {
  (void)state;
  const clattn_kernel *a, *b;
  for (size_t i = 0; (a = clattn_catalog_at(i)) != NULL; ++i)
    for (size_t j = 0; j < i; ++j) {
      b = clattn_catalog_at(j);
      if (a->stage != b->stage) continue;
      if (a->priority == b->priority)
        fail_msg("%s: %s and %s have priority %d", clattn_stage_name(a->stage), a->name, b->name, a->priority);
      if (a->rung == b->rung && a->rung != 0)
        fail_msg("%s: %s and %s are rung %d", clattn_stage_name(a->stage), a->name, b->name, a->rung);
      assert_string_not_equal(a->name, b->name);
    }
}

/* A kernel is found by its name and by its rung, of any number of digits; its file has both in
 * its name. */
static void rows_are_found(void **state) {
  (void)state;
  const clattn_kernel *row;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i) {
    const bool traced = row->stage == CLATTN_STAGE_PRODUCTS || row->stage == CLATTN_STAGE_EXPS;
    char rung[16], file[64];
    snprintf(rung, sizeof rung, "%d", row->rung);
    snprintf(file, sizeof file, "%s/%d_%s.cl", clattn_stage_name(row->stage), row->rung, row->name);
    assert_ptr_equal(clattn_catalog_find(row->stage, row->name, strlen(row->name)), row);
    assert_true((row->rung == 0) == row->library);
    if (row->rung > 0) assert_ptr_equal(clattn_catalog_find(row->stage, rung, strlen(rung)), row);
    if (row->rung > 0 && !traced) assert_string_equal(row->file, file);
    assert_non_null(clattn_kernel_source(row->file, &(size_t){0}));
  }
  assert_null(clattn_catalog_find(CLATTN_STAGE_SCORES, "0", 1));
  assert_null(clattn_catalog_find(CLATTN_STAGE_SCORES, "01", 2));
  assert_null(clattn_catalog_find(CLATTN_STAGE_SCORES, "10", 2));
  assert_null(clattn_catalog_find(CLATTN_STAGE_SCORES, "tile", 4));
}

/* Standard sizes are valid, and a kernel whose geometry has local memory says that it needs it. */
static void rows_agree_with_their_geometry(void **state) {
  (void)state;
  const clattn_device_info device = known(AVX512);
  const clattn_kernel *row;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i) {
    int value[CLATTN_TILES_MOST];
    clattn_geometry geometry;
    clattn_standard_tiles(row, &small_extent, &device, value);
    row->geometry(value, &small_extent, &geometry);
    if ((geometry.local_bytes > 0) != ((row->needs & CLATTN_NEEDS_LOCAL_MEMORY) != 0))
      fail_msg("%s %s takes %zu bytes of local memory", clattn_stage_name(row->stage), row->name, geometry.local_bytes);
    assert_true(row->post_process == NULL || row->stage == CLATTN_STAGE_FUSED);
  }
}

static bool is_valid(const clattn_tile *tile, int value) {
  for (size_t v = 0; v < CLATTN_VALID_MOST && tile->valid[v] != 0; ++v)
    if (tile->valid[v] == value) return true;
  return false;
}

/* Every row of the families' table names a tile of a kernel, and a value that it may have. */
static void families_name_tiles(void **state) {
  (void)state;
  for (size_t i = 0; i < clattn_family_tiles_count; ++i) {
    const clattn_family_tile *f = &clattn_family_tiles[i];
    const clattn_kernel *row = clattn_catalog_find(f->stage, f->kernel, strlen(f->kernel));
    assert_non_null(row);
    size_t t = 0;
    while (row->tile[t].name != NULL && strcmp(row->tile[t].name, f->tile) != 0) ++t;
    if (row->tile[t].name == NULL || !is_valid(&row->tile[t], f->value))
      fail_msg("%s %s has no %s=%d", clattn_stage_name(f->stage), f->kernel, f->tile, f->value);
  }
}

/* ---- work for every compute unit --------------------------------------------------------------------------------- */

/* How the rung for few queries divides a problem: work-groups, and whether a second launch joins
 * parts. Users have 2 to 64 compute units. */
typedef struct division {
  size_t batch, heads, kv_heads, keys;
  clattn_order order;
  size_t units, groups;
  bool joined;
} division;

static void divides(const division *d) {
  static const int value[] = {8, 1}; /* HEADS, UNIT_GROUPS */
  const clattn_post_process *post_process = &clattn_post_process_stream;
  clattn_problem p = support_problem(d->keys, 64, 64);
  size_t size[3], join[3];
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  p.query_len = 1;
  p.batch = d->batch;
  p.heads = d->heads;
  p.kv_heads = d->kv_heads;
  p.order = d->order;
  post_process->launch(value, &p, d->units, size);
  post_process->size(value, &p, d->units, join);
  if (size[0] * size[1] * size[2] != d->groups || (join[0] > 0) != d->joined)
    fail_msg("batch %zu, %zu heads (%zu), %zu keys, %zu units: %zu x %zu x %zu groups%s", d->batch, d->heads,
             d->kv_heads, d->keys, d->units, size[0], size[1], size[2], join[0] > 0 ? ", then a join" : "");
}

static void all_units_get_work(void **state) {
  (void)state;
  static const division cases[] = {
      /* one sequence, heads side by side: as many parts of the keys as units, but no part below 64 */
      {1, 8, 8, 4096, CLATTN_ORDER_TOKENS, 1, 1, false},
      {1, 8, 8, 4096, CLATTN_ORDER_TOKENS, 2, 2, true},
      {1, 8, 8, 4096, CLATTN_ORDER_TOKENS, 4, 4, true},
      {1, 8, 8, 4096, CLATTN_ORDER_TOKENS, 16, 16, true},
      {1, 8, 8, 4096, CLATTN_ORDER_TOKENS, 64, 64, true},
      {1, 8, 8, 1024, CLATTN_ORDER_TOKENS, 64, 16, true},
      {1, 8, 8, 64, CLATTN_ORDER_TOKENS, 64, 1, false},
      /* more heads than a work-group takes, and heads that share KV heads */
      {1, 32, 32, 4096, CLATTN_ORDER_TOKENS, 4, 4, false},
      {1, 32, 8, 4096, CLATTN_ORDER_TOKENS, 4, 4, true},
      /* a sequence or head for each unit: one launch. 9 groups would leave 7 of 8 units idle at the end */
      {8, 8, 8, 4096, CLATTN_ORDER_TOKENS, 8, 8, false},
      {9, 8, 8, 4096, CLATTN_ORDER_TOKENS, 8, 27, true},
      {64, 8, 8, 4096, CLATTN_ORDER_TOKENS, 16, 64, false},
      {1, 8, 8, 4096, CLATTN_ORDER_HEADS, 2, 8, false},
      {1, 8, 8, 4096, CLATTN_ORDER_HEADS, 4, 8, false},
      {1, 8, 8, 4096, CLATTN_ORDER_HEADS, 16, 16, true},
      {1, 8, 8, 4096, CLATTN_ORDER_HEADS, 64, 64, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) divides(&cases[i]);
}

/* The workspace suffices for every number of keys up to the most. */
static void fewer_keys_need_no_more_workspace(void **state) {
  (void)state;
  static const int value[] = {8, 1};
  static const size_t units[] = {1, 2, 4, 6, 16, 64};
  clattn_problem p = support_problem(2000, 64, 64);
  p.query_len = 1;
  for (size_t u = 0; u < sizeof units / sizeof units[0]; ++u) {
    size_t least = 0;
    p.heads = 2 * u + 3;
    for (p.key_len = 1; p.key_len < 2000; p.key_len += 13) {
      const size_t floats = clattn_post_process_stream.workspace(value, &p, units[u]);
      assert_true(floats >= least);
      least = floats;
    }
  }
}

/* ---- needs ------------------------------------------------------------------------------------------------------- */

/* The version of the device decides only where the extension adds nothing to OpenCL C 1.2. */
static void languages_follow_needs(void **state) {
  (void)state;
  static const struct {
    unsigned needs;
    const char *version, *extensions, *language;
  } cases[] = {
      {0, "OpenCL 3.0 CUDA", "cl_khr_subgroups", "-cl-std=CL1.2"},
      {CLATTN_NEEDS_LOCAL_MEMORY, "OpenCL 2.0 AMD-APP", "cl_khr_subgroups", "-cl-std=CL1.2"},
      {CLATTN_NEEDS_SUB_GROUPS, "OpenCL 2.0 AMD-APP", "cl_khr_subgroups", "-cl-std=CL2.0"},
      {CLATTN_NEEDS_SUB_GROUPS, "OpenCL 3.0 v1.r38p1", "cl_khr_subgroups", "-cl-std=CL3.0"},
      {CLATTN_NEEDS_SUB_GROUPS, "OpenCL 3.1 ", "cl_khr_subgroups cl_intel_subgroups", "-cl-std=CL1.2"},
      {CLATTN_NEEDS_SUB_GROUPS, "OpenCL 1.2 beignet", "cl_intel_subgroups", "-cl-std=CL1.2"},
      {CLATTN_NEEDS_SUB_GROUPS, "", "cl_khr_subgroups", "-cl-std=CL1.2"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    clattn_device_info device = known(NVIDIA);
    snprintf(device.version, sizeof device.version, "%s", cases[i].version);
    snprintf(device.extensions, sizeof device.extensions, "%s", cases[i].extensions);
    assert_string_equal(clattn_needs_language(cases[i].needs, &device), cases[i].language);
  }
}

static void needs_are_met_or_named(void **state) {
  (void)state;
  static const struct {
    unsigned need;
    const char *extensions, *lacking;
  } cases[] = {
      {CLATTN_NEEDS_SUB_GROUPS, "cl_khr_fp64 cl_khr_subgroups", "needs sub-groups"},
      {CLATTN_NEEDS_SUB_GROUPS, "cl_intel_subgroups cl_khr_fp16", "neither cl_khr_subgroups nor cl_intel_subgroups"},
      {CLATTN_NEEDS_SUB_GROUP_WIDTH, "cl_intel_required_subgroup_size", "needs sub-groups of a fixed width"},
      {CLATTN_NEEDS_SUB_GROUP_WIDTH, "cl_qcom_reqd_sub_group_size", "needs sub-groups of a fixed width"},
      {CLATTN_NEEDS_HALF, "cl_khr_fp16", "needs half arithmetic"},
  };
  clattn_error error;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    clattn_device_info device = known(NVIDIA);
    assert_int_equal(clattn_needs_met(cases[i].need, &device, &error), CLATTN_UNSUPPORTED);
    assert_says(&error, cases[i].lacking);
    snprintf(device.extensions, sizeof device.extensions, "%s", cases[i].extensions);
    device.exact_halves = true;
    assert_ok(clattn_needs_met(cases[i].need | CLATTN_NEEDS_LOCAL_MEMORY, &device, &error), &error);
  }
  clattn_device_info device = known(POOR);
  snprintf(device.extensions, sizeof device.extensions, "cl_khr_fp16");
  assert_int_equal(clattn_needs_met(CLATTN_NEEDS_HALF, &device, &error), CLATTN_UNSUPPORTED);
  assert_says(&error, "rounds to nearest");
  device.exact_halves = true;
  snprintf(device.extensions, sizeof device.extensions, "cl_khr_subgroups_shuffle xcl_khr_fp16");
  assert_int_equal(clattn_needs_met(CLATTN_NEEDS_SUB_GROUPS, &device, &error), CLATTN_UNSUPPORTED);
  assert_int_equal(clattn_needs_met(CLATTN_NEEDS_HALF, &device, &error), CLATTN_UNSUPPORTED);
  assert_int_equal(clattn_needs_met(CLATTN_NEEDS_LOCAL_MEMORY, &device, &error), CLATTN_UNSUPPORTED);
  assert_says(&error, "needs local memory; 'no local memory, groups of 16' has none");
  assert_ok(clattn_needs_met(0, &device, &error), &error);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_device_would_get),
      cmocka_unit_test(far_rows_are_copied),
      cmocka_unit_test(gpu_families),
      cmocka_unit_test(gpus_with_many_registers),
      cmocka_unit_test(forms_follow_the_problem),
      cmocka_unit_test(sub_groups_follow_the_device),
      cmocka_unit_test(halves_follow_problem_and_device),
      cmocka_unit_test(self_tests_run_the_same_forms),
      cmocka_unit_test(queries_are_divided),
      cmocka_unit_test(units_are_busy),
      cmocka_unit_test(candidates_descend),
      cmocka_unit_test(rows_differ),
      cmocka_unit_test(rows_are_found),
      cmocka_unit_test(rows_agree_with_their_geometry),
      cmocka_unit_test(families_name_tiles),
      cmocka_unit_test(all_units_get_work),
      cmocka_unit_test(fewer_keys_need_no_more_workspace),
      cmocka_unit_test(needs_are_met_or_named),
      cmocka_unit_test(languages_follow_needs),
  };
  return cmocka_run_group_tests_name("selection", tests, NULL, NULL);
}
