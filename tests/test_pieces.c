/* Long launches that are split: the same bits as in one piece, from every kernel, and no piece
 * above the limit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem/costs.h"
#include "selftest/test_case.h"
#include "plan/plan.h"
#include "programs/source.h"
#include "problem/stages.h"
#include "support.h"

#define KERNELS "pieces_kernels"

static const int32_t key_lengths[] = {120, 133, 0, 30};

/* A problem with many features, in sizes that no tile divides. */
static clattn_problem problem_for(const clattn_kernel *row) {
  clattn_problem p = support_problem(133, 37, 20);
  p.batch = 2;
  p.heads = 4;
  p.kv_heads = 2;
  p.value_dim = 12;
  p.output_dim = 33;
  p.biases = CLATTN_BIAS_Q | CLATTN_BIAS_O;
  p.rotary = CLATTN_ROTARY_HALVES;
  p.causal = true;
  p.lengths = CLATTN_LENGTHS_KEYS;
  p.sinks = true;
  if (strcmp(row->name, "split") != 0 && strcmp(row->name, "stream") != 0) return p;
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  p.biases = CLATTN_BIAS_O;
  p.query_len = 3;
  p.batch = 4;
  p.causal = false;
  return p;
}

static clattn_plan *create(const clattn_problem *p, const clattn_kernel *row, clattn_error *error) {
  char kernels[64];
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  snprintf(kernels, sizeof kernels, "%s=%s%s", clattn_stage_name(row->stage), row->name,
           strcmp(row->name, "split") == 0 ? ":PART_KEYS=16" : "");
  options.kernels = kernels;
  if (row->stage == CLATTN_STAGE_FUSED) options.pipeline = CLATTN_PIPELINE_FUSED;
  options.trace = row->stage == CLATTN_STAGE_PRODUCTS || row->stage == CLATTN_STAGE_EXPS;
  options.launch_seconds = INFINITY;
  const clattn_status status = clattn_plan_create(support_opened, p, &options, &plan, error);
  if (status == CLATTN_UNSUPPORTED) return NULL;
  assert_ok(status, error);
  return plan;
}

/* Runs `some` with the limit; its results must have the same bits as `all`. Returns the stage's
 * launches. */
static size_t run_alike(clattn_plan *plan, support_case *some, const support_case *all, clattn_launch_limit limit,
                        clattn_stage stage, const char *kernel) {
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  clattn_error error;
  plan->limit = limit;
  support_poison(some);
  assert_ok(clattn_plan_run(plan, &some->inputs, &some->outputs, &timings, &error), &error);
  support_check_guards(some);
  for (int t = CLATTN_Q; t < CLATTN_TENSOR_COUNT; ++t)
    if (some->memory[t] != NULL && memcmp(some->memory[t], all->memory[t], some->bytes[t]) != 0)
      fail_msg("%s of %s %s differs when run in pieces", clattn_tensor_name((clattn_tensor)t), clattn_stage_name(stage),
               kernel);
  return timings.launches[stage];
}

static void pieces_change_no_bit(void **state) {
  (void)state;
  const clattn_kernel *row;
  size_t cut = 0;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i) {
    const bool moves_data = row->stage == CLATTN_STAGE_CONVERT || row->stage == CLATTN_STAGE_CACHE;
    if (row->library || row->rung == 0 || moves_data || !clattn_is_of_plans(row->stage)) continue;
    const clattn_problem p = problem_for(row);
    clattn_error error;
    clattn_plan *plan = create(&p, row, &error);
    if (plan == NULL) {
      print_message("not run: %s\n", error.message);
      continue;
    }
    support_case all, some;
    clattn_timings timings = CLATTN_TIMINGS_INIT;
    support_allocate(&all, &p, 5);
    support_allocate(&some, &p, 5);
    all.inputs.key_lengths = some.inputs.key_lengths = key_lengths;
    support_want(&all, plan);
    support_want(&some, plan);
    assert_ok(clattn_plan_run(plan, &all.inputs, &all.outputs, &timings, &error), &error);
    const size_t whole = timings.launches[row->stage];
    const size_t ones = run_alike(plan, &some, &all, (clattn_launch_limit){0.0, 1.0, 1}, row->stage, row->name);
    const size_t sevens = run_alike(plan, &some, &all, (clattn_launch_limit){0.0, 1.0, 7}, row->stage, row->name);
    const size_t tens =
        run_alike(plan, &some, &all, (clattn_launch_limit){0.0, clattn_stage_flops(&p, row->stage) / 10.0, 1},
                  row->stage, row->name);
    print_message("%-10s%-10s %zu launches, %zu of one group, %zu of at most seven, %zu of a tenth\n",
                  clattn_stage_name(row->stage), row->name, whole, ones, sevens, tens);
    assert_true(ones > whole && sevens >= whole && sevens < ones && tens >= (ones < 10 ? ones : 10));
    cut += sevens > whole;
    clattn_plan_destroy(plan);
    support_free(&all);
    support_free(&some);
  }
  assert_true(cut > 0);
}

/* Row by row and product by product. Results are correct, but not bit by bit, because CLBlast's
 * kernels depend on sizes. */
static void blas_in_pieces(void **state) {
  (void)state;
  for (int given = 0; given < 2; ++given) {
    clattn_problem p = support_problem(261, given ? 0 : 37, 20);
    p.heads = 3;
    if (given)
      p.source = CLATTN_SOURCE_QKV;
    else
      p.biases = CLATTN_BIAS_K;
    clattn_plan_options options = SUPPORT_STAGED;
    clattn_plan *plan = NULL;
    clattn_error error;
    clattn_timings timings = CLATTN_TIMINGS_INIT;
    clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
    support_case c;
    size_t before = 0;
    options.pipeline = CLATTN_PIPELINE_BLAS;
    const clattn_status status = clattn_plan_create(support_opened, &p, &options, &plan, &error);
    if (status == CLATTN_UNSUPPORTED) return; /* built without CLBlast */
    assert_ok(status, &error);
    support_allocate(&c, &p, 9);
    support_want(&c, plan);
    /* All three products at once, one by one, and in strips of 64 rows. */
    const double flops[] = {0.0, 2.0 * 261 * 261 * 20, 1.0};
    const size_t calls[] = {1, 3, 3 * 5};
    for (int i = 0; i < 3; ++i) {
      plan->limit = (clattn_launch_limit){0.0, flops[i], 1};
      support_poison(&c);
      assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, &timings, &error), &error);
      support_check_guards(&c);
      assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
      assert_passed(&report, "blas in pieces");
      assert_int_equal(timings.launches[CLATTN_STAGE_SCORES], 3 * calls[i]); /* scaled, softcapped and final scores */
      assert_true(timings.launches[CLATTN_STAGE_CONTEXT] >= before);
      before = timings.launches[CLATTN_STAGE_CONTEXT];
    }
    clattn_plan_destroy(plan);
    support_free(&c);
  }
}

/* ---- the limit --------------------------------------------------------------------------------------------------- */

static void estimates(void **state) {
  (void)state;
  clattn_device_info device = {.type = CLATTN_DEVICE_GPU, .compute_units = 24, .clock_mhz = 1500};
  clattn_plan_options options = SUPPORT_STAGED;
  clattn_launch_limit limit = clattn_launch_limit_of(&device, &options);
  assert_true(limit.flops == 24 * 1.5e9 * 4.0); /* per second */
  assert_int_equal(limit.groups_least, 48);
  options.launch_seconds = 0.25;
  assert_true(clattn_launch_limit_of(&device, &options).flops == 24 * 1.5e9);
  options.launch_seconds = INFINITY;
  assert_true(clattn_launch_limit_of(&device, &options).flops == 0.0);
  options.launch_seconds = 0.0;
  device.clock_mhz = 0; /* some drivers do not report it */
  assert_true(clattn_launch_limit_of(&device, &options).flops == 24 * 4e9);
  device.type = CLATTN_DEVICE_CPU;
  assert_true(clattn_launch_limit_of(&device, &options).flops == 0.0);
  options.launch_seconds = 2.0;
  assert_true(clattn_launch_limit_of(&device, &options).flops == 2.0 * 24 * 4e9);
  options.kernel_dir = "anything"; /* kernels in a folder may ignore offsets */
  limit = clattn_launch_limit_of(&device, &options);
  assert_true(limit.flops == 0.0 && limit.groups_least == 0);

  limit = (clattn_launch_limit){.flops = 100.0, .groups_least = 3};
  assert_int_equal(clattn_limited(&limit, 100.0, 1000, 3), 1000);
  assert_int_equal(clattn_limited(&limit, 1000.0, 1000, 3), 100);
  assert_int_equal(clattn_limited(&limit, 1e9, 1000, 3), 3);
  assert_int_equal(clattn_limited(&limit, 1e9, 2, 3), 2);
  limit.flops = 0.0;
  assert_int_equal(clattn_limited(&limit, 1e30, 1000, 3), 1000);
}

/* Only the option sets a limit here; without it, a device that is not a GPU has none. */
static void the_option(void **state) {
  (void)state;
  const size_t units = clattn_device_get_info(support_opened)->compute_units;
  clattn_problem p = support_problem(64, 8, 8);
  p.batch = 8 * units; /* more work-groups than the smallest piece has */
  clattn_plan_options options = SUPPORT_STAGED;
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  support_case c;
  const double wrong[] = {-1.0, NAN, -INFINITY};
  for (int i = 0; i < 3; ++i) {
    options.launch_seconds = wrong[i];
    assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_INVALID_ARGUMENT);
    assert_says(&error, "launch_seconds is ");
  }
  support_allocate(&c, &p, 2);
  for (int i = 0; i < 2; ++i) {
    options.launch_seconds = i == 0 ? INFINITY : 1e-9;
    assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
    clattn_plan_get_info(plan, &info);
    assert_true((info.launch_flops > 0.0) == (i == 1));
    support_want(&c, plan);
    assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, &timings, &error), &error);
    assert_true((timings.launches[CLATTN_STAGE_SCORES] > 3 * info.blocks) == (i == 1));
    clattn_plan_destroy(plan);
  }
  support_free(&c);
}

/* A kernel that is ten times slower than the estimate: pieces are timed, and the following ones get
 * smaller. */
static void pieces_are_as_long_as_asked(void **state) {
  (void)state;
  static const char *const kernels[] = {"fused=tiled", "fused=register"};
  for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; ++k) {
    clattn_problem p = support_problem(1000, 0, 64);
    p.source = CLATTN_SOURCE_QKV;
    p.heads = 4;
    p.causal = true;
    clattn_plan_options options = SUPPORT_STAGED;
    clattn_plan *plan = NULL;
    clattn_error error;
    clattn_timings timings = CLATTN_TIMINGS_INIT;
    support_case whole, pieces;
    options.pipeline = CLATTN_PIPELINE_FUSED;
    options.kernels = kernels[k];
    support_allocate(&whole, &p, 4);
    support_allocate(&pieces, &p, 4);
    for (int i = 0; i < 2; ++i) {
      support_case *c = i == 0 ? &whole : &pieces;
      options.launch_seconds = i == 0 ? INFINITY : 0.01;
      assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
      support_want(c, plan);
      assert_ok(clattn_plan_run(plan, &c->inputs, &c->outputs, NULL, &error), &error);
      support_poison(c);
      assert_ok(clattn_plan_run(plan, &c->inputs, &c->outputs, &timings, &error), &error);
      clattn_plan_destroy(plan);
      const size_t launches = timings.launches[CLATTN_STAGE_FUSED];
      const double mean = timings.stage_wall[CLATTN_STAGE_FUSED] / (double)launches;
      print_message("%s: %zu launches, %.3f s each\n", kernels[k], launches, mean);
      if (i == 0) assert_int_equal(launches, 1);
      if (i == 1) assert_true(launches > 1 || mean < 0.02);
      if (i == 1) assert_true(mean < 0.04);
    }
    assert_memory_equal(whole.outputs.context, pieces.outputs.context, clattn_output_bytes(&p, CLATTN_CONTEXT));
    assert_memory_equal(whole.outputs.lse, pieces.outputs.lse, clattn_output_bytes(&p, CLATTN_LSE));
    support_free(&whole);
    support_free(&pieces);
  }
}

/* ---- the self-test ----------------------------------------------------------------------------------------------- */

/* Writes the library's own file with get_group_id() instead of group_id(), so that numbering starts
 * at 0 in each piece. */
static void write_forgetful(const char *file) {
  static const char word[] = " group_id(";
  const size_t length = sizeof word - 1;
  size_t bytes = 0;
  const char *text = clattn_kernel_source(file, &bytes);
  assert_non_null(text);
  assert_int_equal(system("rm -rf " KERNELS " && mkdir -p " KERNELS "/scores"), 0);
  FILE *to = fopen(KERNELS "/scores/2_tiled.cl", "wb");
  assert_non_null(to);
  for (size_t i = 0; i < bytes; ++i) {
    if (bytes - i >= length && memcmp(text + i, word, length) == 0) fputs(" get_", to), ++i;
    fputc(text[i], to);
  }
  assert_int_equal(fclose(to), 0);
}

/* The self-test splits its launches, however short, if the plan may split some: a kernel that is correct only in one
 * piece must fail. */
static void self_test_is_split(void **state) {
  (void)state;
  write_forgetful("scores/2_tiled.cl");
  for (int cut = 0; cut < 2; ++cut) {
    clattn_plan_options options = SUPPORT_STAGED;
    clattn_problem real = support_problem(64, 8, 8);
    clattn_error error;
    clattn_test_case e = clattn_test_case_of(clattn_test_case_attention(&real));
    options.kernels = "scores=tiled";
    options.kernel_dir = KERNELS;
    assert_ok(clattn_plan_create(support_opened, &e.problem, &options, &e.plan, &error), &error);
    if (cut)
      e.plan->limit = (clattn_launch_limit){.flops = 1.0, .groups_least = 1}; /* as if it were the library's own */
    assert_ok(clattn_test_case_run(&e, &error), &error);
    assert_int_equal(clattn_test_case_result(&e, CLATTN_STAGE_SCORES).passed, !cut);
    clattn_test_case_finish(&e);
  }
  assert_int_equal(system("rm -rf " KERNELS), 0);
}

/* A plan that never splits does not test its kernels in pieces, and such a test does not count for a plan that may. */
static void self_test_is_as_the_plan(void **state) {
  (void)state;
  clattn_device *device = support_device(); /* on which nothing has been tested */
  for (int may_split = 0; may_split < 2; ++may_split) {
    clattn_plan_options options = SUPPORT_STAGED;
    const clattn_problem p = support_problem(8, 8, 8);
    clattn_plan *plan = NULL;
    clattn_error error;
    options.launch_seconds = may_split ? 1.0 : INFINITY;
    assert_ok(clattn_plan_create(device, &p, &options, &plan, &error), &error);
    clattn_program *program = plan->choice[CLATTN_STAGE_SOFTMAX].program;
    for (int in_pieces = 0; in_pieces < 2; ++in_pieces) {
      const clattn_test_kind kind = {CLATTN_F32, in_pieces};
      assert_int_equal(clattn_program_test_of(device, program, kind, NULL, NULL),
                       in_pieces <= may_split ? CLATTN_TEST_PASSED : CLATTN_TEST_NOT_RUN);
    }
    clattn_plan_destroy(plan);
  }
  clattn_device_close(device);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_change_no_bit),
      cmocka_unit_test(blas_in_pieces),
      cmocka_unit_test(estimates),
      cmocka_unit_test(the_option),
      cmocka_unit_test(pieces_are_as_long_as_asked),
      cmocka_unit_test(self_test_is_split),
      cmocka_unit_test(self_test_is_as_the_plan),
  };
  return cmocka_run_group_tests_name("pieces", tests, support_open, support_close);
}
