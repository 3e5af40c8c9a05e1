/* Every kernel of the catalogue, with many shapes, layouts and masks, compared with the
 * reference. */
#include <stdio.h>
#include <string.h>

#include "problem/stages.h"
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

static void run_case(clattn_problem problem, const char *kernels, clattn_pipeline pipeline) {
  clattn_plan_options options = support_options();
  options.kernels = kernels;
  options.pipeline = pipeline;
  support_case c;
  support_allocate(&c, &problem, 7u + (uint32_t)problem.query_len);
  const clattn_check_report report = support_run(support_opened, &c, &options);
  char what[KERNEL_LIST_TEXT + 256];
  snprintf(what, sizeof what, "%s, %zu tokens, model_dim %zu, %zu heads, head_dim %zu, value_dim %zu, %s, %s", kernels,
           problem.query_len, problem.model_dim, problem.heads, problem.head_dim, problem.value_dim,
           problem.layout == CLATTN_LAYOUT_XWT ? "xwt" : "xw", problem.causal ? "causal" : "no mask");
  assert_passed(&report, what);
  support_free(&c);
}

/* Every length with both layouts, with and without the mask, each time with the next two of the
 * dims. */
static void run_shapes(const char *kernels, clattn_pipeline pipeline) {
  for (size_t length = 0; length < LENGTHS; ++length)
    for (size_t layout = 0; layout < 2; ++layout)
      for (size_t causal = 0; causal < 2; ++causal)
        for (size_t i = 0; i < 2; ++i) {
          clattn_problem p = problem_at(length, (length + 2 * layout + causal + 3 * i) % DIMS);
          p.layout = layout ? CLATTN_LAYOUT_XWT : CLATTN_LAYOUT_XW;
          p.causal = causal;
          run_case(p, kernels, pipeline);
        }
}

static const kernel_filter as_planned = {support_runs, SIZES_PLANNED}, turned = {support_runs_with_tiles, SIZES_TURNED};

/* The n-th kernel of every stage together. */
static void staged(void **state) {
  char kernels[KERNEL_LIST_TEXT];
  if (!kernel_list_staged(*(const size_t *)*state, &as_planned, kernels) || !support_is_wanted(kernels)) skip();
  run_shapes(kernels, CLATTN_PIPELINE_STAGED);
}

static void fused(void **state) {
  char kernels[KERNEL_LIST_TEXT];
  const size_t n = *(const size_t *)*state;
  if (!kernel_list_stage(CLATTN_STAGE_FUSED, n, &as_planned, kernels) || !support_is_wanted(kernels)) skip();
  run_shapes(kernels, CLATTN_PIPELINE_FUSED);
}

static void library(void **state) {
  (void)state;
  char kernels[KERNEL_LIST_TEXT] = "";
  const clattn_kernel *row;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i) {
    const size_t used = strlen(kernels);
    if (row->library && clattn_kernel_supported(i, clattn_device_get_info(support_opened), NULL) == CLATTN_OK)
      snprintf(kernels + used, sizeof kernels - used, "%s%s=%s", used > 0 ? "," : "", clattn_stage_name(row->stage),
               row->name);
  }
  if (kernels[0] == '\0' || !support_is_wanted(kernels)) skip();
  run_shapes(kernels, CLATTN_PIPELINE_STAGED);
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
  if (!kernel->stored_math) return p;
  p.math = CLATTN_MATH_STORED;
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  p.rotary = CLATTN_ROTARY_NONE;
  return p;
}

/* A plan accepts the kernel by name and launches its stage. This covers every catalogue entry. */
static void expect_launched(const clattn_kernel_info *kernel) {
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
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  if (p.cache.capacity != 0) assert_ok(clattn_cache_create(support_opened, &p, NULL, NULL, &cache, &error), &error);
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
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_error reason;
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i)
    if (!clattn_is_of_plans(kernel.stage))
      continue; /* of test_merge.c */
    else if (clattn_kernel_supported(i, clattn_device_get_info(support_opened), &reason) == CLATTN_OK)
      expect_launched(&kernel);
    else
      print_message("%s=%s is not run: %s\n", clattn_stage_name(kernel.stage), kernel.name, reason.message);
}

/* ---- tile sizes -------------------------------------------------------------------------------------------------- */

/* With sizes that are too large for this device there is no plan. */
static bool can_be_planned(const clattn_problem *p, const char *kernels, clattn_pipeline pipeline) {
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_error error;
  options.kernels = kernels;
  options.pipeline = pipeline;
  const clattn_status status = clattn_plan_create(support_opened, p, &options, &plan, &error);
  clattn_plan_destroy(plan);
  if (status != CLATTN_UNSUPPORTED) assert_ok(status, &error);
  return status == CLATTN_OK;
}

/* With the mask, and the other layout, by turns. */
static void run_sizes(size_t n, const char *kernels, clattn_pipeline pipeline) {
  clattn_problem p = support_problem(133, 70, 67);
  p.heads = 2;
  p.value_dim = 19;
  p.layout = n % 2 ? CLATTN_LAYOUT_XW : CLATTN_LAYOUT_XWT;
  p.causal = n % 2;
  if (support_is_wanted(kernels) && can_be_planned(&p, kernels, pipeline)) run_case(p, kernels, pipeline);
}

/* Every value of every tile of every kernel. */
static void tile_sizes(void **state) {
  (void)state;
  char kernels[KERNEL_LIST_TEXT];
  for (size_t n = 0; kernel_list_staged(n, &turned, kernels); ++n) run_sizes(n, kernels, CLATTN_PIPELINE_STAGED);
}

static void tile_sizes_of_fused(void **state) {
  (void)state;
  char kernels[KERNEL_LIST_TEXT];
  for (size_t n = 0; kernel_list_stage(CLATTN_STAGE_FUSED, n, &turned, kernels); ++n)
    run_sizes(n, kernels, CLATTN_PIPELINE_FUSED);
}

int main(int argc, char **argv) {
  struct CMUnitTest tests[KERNEL_LIST_TESTS + 4] = {cmocka_unit_test(library), cmocka_unit_test(tile_sizes),
                                                    cmocka_unit_test(every_kernel_is_launched),
                                                    cmocka_unit_test(tile_sizes_of_fused)};
  const size_t count = 4 + kernel_list_tests(staged, fused, tests + 4);
  return support_run_group("kernels", tests, count, support_open, support_close, argc, argv);
}
