/* Every kernel of the catalogue, with many shapes, layouts and masks, compared with the
 * reference. */
#include <stdio.h>
#include <string.h>

#include "support.h"

/* 1, and values below, at and above every tile size and its multiples; nothing has to be
 * divisible. */
static const size_t lengths[] = {1, 7, 15, 16, 17, 33, 64, 65, 129, 257};
static const struct {
  size_t model_dim, heads, head_dim, value_dim, batch;
} dims[] = {
    {1, 1, 1, 1, 1},    {19, 3, 17, 5, 2},    {64, 2, 16, 33, 1}, {65, 1, 65, 64, 1},
    {33, 2, 7, 130, 2}, {300, 1, 300, 16, 1}, {16, 2, 8, 8, 1}}; /* two heads of 8 values are stored like one of 16 */

enum { LENGTHS = sizeof lengths / sizeof lengths[0], DIMS = sizeof dims / sizeof dims[0] };

static clattn_problem problem_at(size_t length, size_t dim) {
  clattn_problem p = support_problem(lengths[length], dims[dim].model_dim, dims[dim].head_dim);
  p.heads = dims[dim].heads;
  p.value_dim = dims[dim].value_dim;
  p.batch = dims[dim].batch;
  return p;
}

static void run_case(clattn_device *device, clattn_problem problem, const char *kernels, clattn_pipeline pipeline) {
  clattn_plan_options options = support_options();
  options.kernels = kernels;
  options.pipeline = pipeline;
  support_case c;
  support_allocate(&c, &problem, 7u + (uint32_t)problem.query_len);
  const clattn_check_report report = support_run(device, &c, &options);
  char what[256];
  snprintf(what, sizeof what, "%s, %zu tokens, model_dim %zu, %zu heads, head_dim %zu, value_dim %zu, %s, %s", kernels,
           problem.query_len, problem.model_dim, problem.heads, problem.head_dim, problem.value_dim,
           problem.layout == CLATTN_LAYOUT_XWT ? "xwt" : "xw", problem.causal ? "causal" : "no mask");
  assert_passed(&report, what);
  support_free(&c);
}

/* Every length with both layouts, with and without the mask, each time with the next two of the
 * dims. */
static void run_shapes(clattn_device *device, const char *kernels, clattn_pipeline pipeline) {
  for (size_t length = 0; length < LENGTHS; ++length)
    for (size_t layout = 0; layout < 2; ++layout)
      for (size_t causal = 0; causal < 2; ++causal)
        for (size_t i = 0; i < 2; ++i) {
          clattn_problem p = problem_at(length, (length + 2 * layout + causal + 3 * i) % DIMS);
          p.layout = layout ? CLATTN_LAYOUT_XWT : CLATTN_LAYOUT_XW;
          p.causal = causal;
          run_case(device, p, kernels, pipeline);
        }
}

#define HIGHEST_RUNG 7
#define LIBRARY 0 /* catalogue entries without a rung */

/* Rung n of all stages together; the plan selects for stages without it. Then rung n of fused. */
static void rung(void **state) {
  const int n = *(const int *)*state;
  clattn_device *device = support_device();
  char kernels[2][256] = {"", ""}; /* staged, fused */
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_error reason;
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i) {
    if (kernel.rung != n) continue;
    if (clattn_kernel_supported(i, clattn_device_get_info(device), &reason) != CLATTN_OK) {
      print_message("%s=%s is not run: %s\n", clattn_stage_name(kernel.stage), kernel.name, reason.message);
      continue;
    }
    char *list = kernels[kernel.stage == CLATTN_STAGE_FUSED];
    const size_t used = strlen(list);
    snprintf(list + used, sizeof kernels[0] - used, "%s%s=%s", used > 0 ? "," : "", clattn_stage_name(kernel.stage),
             kernel.name);
  }
  const bool staged = kernels[0][0] != '\0' && support_is_wanted(kernels[0]);
  const bool fused = kernels[1][0] != '\0' && support_is_wanted(kernels[1]);
  if (staged) run_shapes(device, kernels[0], CLATTN_PIPELINE_STAGED);
  if (fused) run_shapes(device, kernels[1], CLATTN_PIPELINE_FUSED);
  clattn_device_close(device);
  if (!staged && !fused) skip();
}

static void no_higher_rung(void **state) {
  (void)state;
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i)
    if (kernel.rung > HIGHEST_RUNG) fail_msg("kernel '%s' is not run here: raise HIGHEST_RUNG", kernel.name);
}

/* A decoder's step in halves: it has every stage except those that are traced or fused with
 * others. */
static clattn_problem all_stages(const clattn_kernel_info *kernel) {
  clattn_problem p = support_problem(5, 20, 10);
  p.heads = 2;
  p.causal = true;
  p.rotary = CLATTN_ROTARY_HALVES;
  p.type = CLATTN_F16;
  if (kernel->stage == CLATTN_STAGE_CACHE) p.cache.capacity = 8;
  return p;
}

/* A plan accepts the kernel by name and launches its stage. This covers every catalogue entry. */
static void expect_launched(clattn_device *device, const clattn_kernel_info *kernel) {
  const clattn_problem p = all_stages(kernel);
  clattn_plan_options options = support_options();
  char name[64];
  snprintf(name, sizeof name, "%s=%s", clattn_stage_name(kernel->stage), kernel->name);
  if (!support_is_wanted(name)) return;
  options.kernels = name;
  options.pipeline = kernel->stage == CLATTN_STAGE_FUSED ? CLATTN_PIPELINE_FUSED : CLATTN_PIPELINE_STAGED;
  options.trace = kernel->stage == CLATTN_STAGE_PRODUCTS || kernel->stage == CLATTN_STAGE_EXPS;
  clattn_plan *plan = NULL;
  clattn_cache *cache = NULL;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  clattn_error error;
  support_case c;
  assert_ok(clattn_plan_create(device, &p, &options, &plan, &error), &error);
  if (p.cache.capacity != 0) assert_ok(clattn_cache_create(device, &p, NULL, NULL, &cache, &error), &error);
  support_allocate(&c, &p, 3);
  support_want(&c, plan);
  c.inputs.cache = cache;
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, &timings, &error), &error);
  clattn_plan_get_info(plan, &info);
  assert_string_equal(info.stages[kernel->stage].kernel, kernel->name);
  if (timings.launches[kernel->stage] == 0) fail_msg("%s was not launched", name);
  support_free(&c);
  clattn_cache_destroy(cache);
  clattn_plan_destroy(plan);
}

static void every_kernel_is_launched(void **state) {
  (void)state;
  clattn_device *device = support_device();
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_error reason;
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i)
    if (clattn_kernel_supported(i, clattn_device_get_info(device), &reason) == CLATTN_OK)
      expect_launched(device, &kernel);
  clattn_device_close(device);
}

/* Tile sizes besides the standard ones, including those for devices with little local memory. */
static void tile_sizes(void **state) {
  (void)state;
  static const struct {
    const char *kernels;
    clattn_pipeline pipeline;
  } settings[] = {
      {"project=tiled:TILE=8,scores=tiled:TILE=8,softmax=tiled:LOCAL_X=32,context=tiled:TILE=8",
       CLATTN_PIPELINE_STAGED},
      {"project=register:LOCAL_X=8:LOCAL_Y=8:ITEM_ROWS=8:ITEM_COLS=2:TILE_DEPTH=8,"
       "scores=register:LOCAL_X=8:ITEM_ROWS=1,softmax=register:LOCAL_X=32:ITEM_KEYS=4,"
       "context=register:TILE_DEPTH=32:ITEM_COLS=1",
       CLATTN_PIPELINE_STAGED},
      {"project=column:TILE=8:ITEM_ROWS=2,scores=column:TILE=8:ITEM_ROWS=4,softmax=pairs:LOCAL_X=32",
       CLATTN_PIPELINE_STAGED},
      {"project=wide:LOCAL_X=8:ITEM_ROWS=8:ITEM_COLS=8:TILE_DEPTH=8,scores=wide:LOCAL_Y=8:ITEM_COLS=8:TILE_DEPTH=32,"
       "softmax=pairs:LOCAL_X=256",
       CLATTN_PIPELINE_STAGED},
      {"project=panel:ROWS=1:VECTORS=1:STRIP=64,scores=panel:ROWS=8:VECTORS=2:STRIP=64:ITEM_ROWS=64,"
       "softmax=vector:ITEM_ROWS=1,context=panel:ROWS=2:VECTORS=4:STRIP=64:ITEM_ROWS=64",
       CLATTN_PIPELINE_STAGED},
      {"fused=tiled:TILE=8", CLATTN_PIPELINE_FUSED},
      {"fused=register:LOCAL_X=16:LOCAL_Y=8:ITEM_ROWS=2:ITEM_KEYS=2:TILE_DEPTH=128", CLATTN_PIPELINE_FUSED},
      {"fused=register:LOCAL_Y=8:ITEM_ROWS=8:ITEM_KEYS=8:TILE_DEPTH=16", CLATTN_PIPELINE_FUSED},
      {"fused=register:ITEM_ROWS=1:ITEM_KEYS=1:TILE_DEPTH=64", CLATTN_PIPELINE_FUSED},
      {"fused=split:LOCAL_X=16:ITEM_ROWS=1:TILE_DEPTH=32:PART_KEYS=16", CLATTN_PIPELINE_FUSED},
      {"fused=split:ITEM_ROWS=4:PART_KEYS=32:GROUPS=128", CLATTN_PIPELINE_FUSED},
      {"fused=vector:VECTORS=1:TILE_KEYS=6:TILE_DIMS=8:STRIP=64", CLATTN_PIPELINE_FUSED},
      {"fused=vector:VECTORS=2:TILE_KEYS=8:TILE_DIMS=4:STRIP=64", CLATTN_PIPELINE_FUSED},
      {"fused=vector:TILE_KEYS=6:STRIP=512", CLATTN_PIPELINE_FUSED},
      {"fused=stream:PARTS=64:HEADS=1", CLATTN_PIPELINE_FUSED},
  };
  clattn_device *device = support_device();
  for (size_t s = 0; s < sizeof settings / sizeof settings[0]; ++s)
    for (int causal = 0; causal < 2 && support_is_wanted(settings[s].kernels); ++causal) {
      clattn_problem p = support_problem(133, 70, 67);
      p.heads = 2;
      p.value_dim = 19;
      p.layout = causal ? CLATTN_LAYOUT_XW : CLATTN_LAYOUT_XWT;
      p.causal = causal;
      run_case(device, p, settings[s].kernels, settings[s].pipeline);
    }
  clattn_device_close(device);
}

int main(int argc, char **argv) {
  static int rungs[HIGHEST_RUNG + 1];
  static char names[HIGHEST_RUNG + 1][16];
  struct CMUnitTest tests[HIGHEST_RUNG + 4] = {cmocka_unit_test(no_higher_rung), cmocka_unit_test(tile_sizes),
                                               cmocka_unit_test(every_kernel_is_launched)};
  for (int n = LIBRARY; n <= HIGHEST_RUNG; ++n) {
    rungs[n] = n;
    snprintf(names[n], sizeof names[n], n == LIBRARY ? "library" : "rung %d", n);
    tests[n + 3] = (struct CMUnitTest){.name = names[n], .test_func = rung, .initial_state = &rungs[n]};
  }
  return support_run_group("kernels", tests, sizeof tests / sizeof tests[0], NULL, NULL, argc, argv);
}
