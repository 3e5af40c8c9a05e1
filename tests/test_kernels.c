/* Every kernel of the catalogue, over shapes, layouts and masks, against the scalar path. */
#include <stdio.h>
#include <string.h>

#include "support.h"

/* 1, below, at and above every tile size and its multiples; nothing need divide anything. */
static const size_t lengths[] = {1, 7, 15, 16, 17, 33, 64, 65, 129, 257};
static const struct {
  size_t model_dim, heads, head_dim, value_dim, batch;
} dims[] = {{1, 1, 1, 1, 1},    {19, 3, 17, 5, 2},    {64, 2, 16, 33, 1}, {65, 1, 65, 64, 1},
            {33, 2, 7, 130, 2}, {300, 1, 300, 16, 1}, {16, 2, 8, 8, 1}}; /* two heads of 8 values lie as one of 16 */

enum { LENGTHS = sizeof lengths / sizeof lengths[0], DIMS = sizeof dims / sizeof dims[0] };

static clattn_problem problem_at(size_t length, size_t dim) {
  clattn_problem p = support_problem(lengths[length], dims[dim].model_dim, dims[dim].head_dim);
  p.heads = dims[dim].heads;
  p.value_dim = dims[dim].value_dim;
  p.batch = dims[dim].batch;
  return p;
}

static void run_case(clattn_device *device, clattn_problem problem, const char *kernels, clattn_pipeline pipeline) {
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
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

/* Every length with both layouts, with and without the mask, each time with two of the dims in turn. */
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

/* The kernels of one family together; where a stage has none of that name the plan chooses. Then its fused kernel. */
static void run_family(const char *name) {
  clattn_device *device = support_device();
  char kernels[256] = "";
  bool staged = false, fused = false;
  clattn_kernel_info kernel;
  clattn_error reason;
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i) {
    if (strcmp(kernel.name, name) != 0) continue;
    if (clattn_kernel_supported(i, clattn_device_get_info(device), &reason) != CLATTN_OK) {
      print_message("%s=%s is not run: %s\n", clattn_stage_name(kernel.stage), name, reason.message);
      continue;
    }
    const size_t used = strlen(kernels);
    snprintf(kernels + used, sizeof kernels - used, "%s%s=%s", used > 0 ? "," : "", clattn_stage_name(kernel.stage),
             name);
    *(kernel.stage == CLATTN_STAGE_FUSED ? &fused : &staged) = true;
  }
  if (kernels[0] == '\0') skip();
  if (staged) run_shapes(device, kernels, CLATTN_PIPELINE_STAGED);
  if (fused) run_shapes(device, kernels, CLATTN_PIPELINE_FUSED);
  clattn_device_close(device);
}

static void naive(void **state) {
  (void)state;
  run_family("naive");
}

static void tiled(void **state) {
  (void)state;
  run_family("tiled");
}

static void registers(void **state) {
  (void)state;
  run_family("register");
}

static void panel(void **state) {
  (void)state;
  run_family("panel");
}

static void vector(void **state) {
  (void)state;
  run_family("vector");
}

static void split(void **state) {
  (void)state;
  run_family("split");
}

static void stream(void **state) {
  (void)state;
  run_family("stream");
}

static void clblast(void **state) {
  (void)state;
  run_family("clblast");
}

/* The families above are all there is: a new name in the catalogue needs a test here. */
static void no_other_family(void **state) {
  (void)state;
  static const char *const known[] = {"naive", "tiled", "register", "panel", "vector", "split", "stream", "clblast"};
  clattn_kernel_info kernel;
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i) {
    bool found = false;
    for (size_t k = 0; k < sizeof known / sizeof known[0]; ++k) found = found || strcmp(kernel.name, known[k]) == 0;
    if (!found) fail_msg("kernel '%s' has no test here: add its name to `known` and a test of its family", kernel.name);
  }
}

/* Other tile sizes than the standard ones, those that a device with little local memory gets among them. */
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
    for (int causal = 0; causal < 2; ++causal) {
      clattn_problem p = support_problem(133, 70, 67);
      p.heads = 2;
      p.value_dim = 19;
      p.layout = causal ? CLATTN_LAYOUT_XW : CLATTN_LAYOUT_XWT;
      p.causal = causal;
      run_case(device, p, settings[s].kernels, settings[s].pipeline);
    }
  clattn_device_close(device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(naive),      cmocka_unit_test(tiled),   cmocka_unit_test(registers),
      cmocka_unit_test(panel),      cmocka_unit_test(vector),  cmocka_unit_test(split),
      cmocka_unit_test(stream),     cmocka_unit_test(clblast), cmocka_unit_test(no_other_family),
      cmocka_unit_test(tile_sizes),
  };
  return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
