/* Plans: pipelines, blocks, budgets, repeated runs, threads, NaN at masked keys. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/ledger.h"
#include "support.h"

static const kernel_filter as_planned = {support_runs, SIZES_PLANNED};

static clattn_problem middling(void) {
  clattn_problem p = support_problem(70, 48, 12);
  p.batch = 2;
  p.heads = 3;
  p.value_dim = 20;
  return p;
}

static void pipelines(void **state) {
  (void)state;
  for (int pipeline = CLATTN_PIPELINE_STAGED; pipeline <= CLATTN_PIPELINE_BLAS; ++pipeline)
    for (int causal = 0; causal < 2; ++causal)
      for (int layout = CLATTN_LAYOUT_XW; layout <= CLATTN_LAYOUT_XWT; ++layout) {
        clattn_plan_options options = SUPPORT_STAGED;
        options.pipeline = (clattn_pipeline)pipeline;
        clattn_problem p = middling();
        p.causal = causal;
        p.layout = (clattn_weight_layout)layout;
        clattn_plan *plan = NULL;
        clattn_error error;
        const clattn_status status = clattn_plan_create(support_opened, &p, &options, &plan, &error);
        clattn_plan_destroy(plan);
        if (status == CLATTN_UNSUPPORTED && pipeline == CLATTN_PIPELINE_BLAS) {
          assert_non_null(strstr(error.message, "CLBlast"));
          continue;
        }
        assert_ok(status, &error);
        support_case c;
        support_allocate(&c, &p, 11);
        const clattn_check_report report = support_run(support_opened, &c, &options);
        assert_passed(&report, pipeline == CLATTN_PIPELINE_BLAS ? "blas" : "staged");
        support_free(&c);
      }
}

/* Blocks of several heads, one head, some rows, and one row all give the same bits. */
static void blocks(void **state) {
  (void)state;
  clattn_problem p = middling();
  p.causal = true;
  const uint64_t row = 70 * sizeof(float), sizes[] = {0, 4 * 70 * row, 70 * row, 64 * row, 13 * row, row, 1};
  const size_t expected_blocks[] = {1, 2, 6, 12, 36, 420, 420};
  float *first = NULL;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
    clattn_plan_options options = SUPPORT_STAGED;
    options.block_bytes = sizes[i];
    support_case c;
    support_allocate(&c, &p, 23);
    clattn_plan *plan = NULL;
    clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
    clattn_error error;
    assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
    clattn_plan_get_info(plan, &info);
    assert_int_equal(info.blocks, expected_blocks[i]);
    assert_true(info.block_bytes <= (sizes[i] > row ? sizes[i] : row) || sizes[i] == 0);
    clattn_plan_destroy(plan);
    const clattn_check_report report = support_run(support_opened, &c, &options);
    assert_passed(&report, "blocks");
    const size_t bytes = 2 * 70 * 3 * 20 * sizeof(float);
    if (first == NULL) {
      first = malloc(bytes);
      assert_non_null(first);
      memcpy(first, c.outputs.context, bytes);
    }
    assert_memory_equal(first, c.outputs.context, bytes);
    support_free(&c);
  }
  free(first);
}

/* A problem that does not fit is refused before anything is allocated; the message tells the
 * bytes. */
static void budget(void **state) {
  (void)state;
  clattn_plan_options options = SUPPORT_STAGED;
  const clattn_problem p = middling();
  /* x 2x70x48, wq and wk 48x36, wv 48x60, q and k 2x70x36, v and context 2x70x60, lse 2x3x70, and
   * one row of scores */
  const uint64_t least =
      4 * (2 * 70 * 48 + 2 * 48 * 36 + 48 * 60 + 2 * 2 * 70 * 36 + 2 * 2 * 70 * 60 + 2 * 3 * 70 + 70);
  clattn_plan *plan = NULL;
  clattn_error error;
  options.memory_bytes = least - 1;
  assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_null(plan);
  char number[32];
  snprintf(number, sizeof number, "%llu", (unsigned long long)least);
  assert_non_null(strstr(error.message, number));

  options.memory_bytes = least;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  clattn_plan_get_info(plan, &info);
  assert_int_equal(info.total_bytes, least);
  assert_int_equal(info.block_rows, 1);
  clattn_plan_destroy(plan);
  support_case c;
  support_allocate(&c, &p, 29);
  const clattn_check_report report = support_run(support_opened, &c, &options);
  assert_passed(&report, "least memory");
  support_free(&c);
}

static clattn_problem of_tokens(size_t tokens) {
  clattn_problem p = support_problem(tokens, 48, 20);
  p.heads = 3;
  return p;
}

/* A refusal says how many tokens would fit: exactly that many do, and not one more. */
static void what_would_fit(void **state) {
  (void)state;
  for (int pipeline = CLATTN_PIPELINE_STAGED; pipeline <= CLATTN_PIPELINE_FUSED; pipeline += 2) {
    clattn_plan_options options = SUPPORT_STAGED;
    clattn_problem p = of_tokens(4000);
    clattn_plan *plan = NULL;
    clattn_error error;
    size_t fits = 0;
    options.pipeline = (clattn_pipeline)pipeline;
    options.memory_bytes = 1000000;
    assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
    const char *said = strstr(error.message, "; ");
    for (const char *next = said; next != NULL; next = strstr(next + 1, "; ")) said = next;
    assert_non_null(said);
    assert_int_equal(sscanf(said, "; %zu tokens instead of 4000 would fit", &fits), 1);
    p = of_tokens(fits + 1);
    assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
    p = of_tokens(fits);
    assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
    clattn_plan_destroy(plan);
  }
}

/* The guard counts for each of the nine buffers, and results stay. */
static void guard(void **state) {
  (void)state;
  const clattn_problem p = support_problem(5, 8, 8);
  clattn_plan_options options = support_options();
  clattn_plan_info without = CLATTN_PLAN_INFO_INIT, with = CLATTN_PLAN_INFO_INIT;
  clattn_plan *plan = NULL;
  clattn_error error;
  options.pipeline = CLATTN_PIPELINE_FUSED;
  options.kernels = "fused=online";
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  clattn_plan_get_info(plan, &without);
  clattn_plan_destroy(plan);
  options.guard_bytes = 30;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  clattn_plan_get_info(plan, &with);
  assert_int_equal(with.total_bytes - without.total_bytes, 30 * (9 + 1));
  assert_int_equal(clattn_ledger_left(support_opened) + with.total_bytes,
                   clattn_device_get_info(support_opened)->global_memory_bytes);
  support_case c;
  support_allocate(&c, &p, 3);
  const clattn_check_report report = support_run(support_opened, &c, &options);
  assert_passed(&report, "with a guard");
  support_free(&c);
  clattn_plan_destroy(plan);

  options.guard_bytes = (1 << 20) + 1;
  assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "guard_bytes is 1048577 (allowed: 0 to 1048576)"));
}

/* Plans and caches of one device share its memory, no matter what the driver promises. */
static void memory_is_counted(void **state) {
  (void)state;
  const uint64_t all = clattn_device_get_info(support_opened)->global_memory_bytes;
  clattn_problem p = middling(), cached = support_problem(4, 8, 8);
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_plan *plan = NULL, *other = NULL;
  clattn_cache *cache = NULL;
  clattn_error error;
  assert_int_equal(clattn_ledger_left(support_opened), all);
  assert_ok(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), &error);
  clattn_plan_get_info(plan, &info);
  assert_int_equal(clattn_ledger_left(support_opened), all - info.total_bytes);
  cached.cache.capacity = 64;
  assert_ok(clattn_cache_create(support_opened, &cached, NULL, NULL, &cache, &error), &error);
  assert_int_equal(clattn_ledger_left(support_opened), all - info.total_bytes - clattn_cache_bytes(cache));
  clattn_cache_destroy(cache);

  const uint64_t left = clattn_ledger_left(support_opened);
  assert_ok(clattn_ledger_take(support_opened, left - 1000, "a test", &error), &error);
  assert_int_equal(clattn_plan_create(support_opened, &p, &support_staged, &other, &error),
                   CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_null(other);
  assert_says(&error, "; 1000 are allowed");
  assert_says(&error, "where plans, caches and kept weights hold ");
  assert_int_equal(clattn_cache_create(support_opened, &cached, NULL, NULL, &cache, &error),
                   CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_null(cache);
  assert_says(&error, "of which plans, caches and kept weights hold ");
  assert_int_equal(clattn_ledger_left(support_opened), 1000);
  clattn_ledger_give(support_opened, left - 1000);
  clattn_plan_destroy(plan);
  assert_int_equal(clattn_ledger_left(support_opened), all);
}

/* Scores of 400 GiB are computed in blocks; a tensor larger than any buffer is refused by name. */
static void too_large(void **state) {
  (void)state;
  clattn_problem p = support_problem(320000, 4, 1);
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  assert_ok(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), &error);
  clattn_plan_get_info(plan, &info);
  assert_true(info.blocks > 1);
  assert_true(info.block_bytes <= clattn_device_get_info(support_opened)->max_allocation_bytes);
  clattn_plan_destroy(plan);

  p.model_dim = 1000000;
  assert_int_equal(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_non_null(strstr(error.message, "x takes 1280000000000 bytes"));
}

/* With one plan, with and without timings. */
static void run_again_and_again(const char *kernels, clattn_pipeline pipeline, int runs) {
  clattn_problem p = middling();
  clattn_plan_options options = SUPPORT_STAGED;
  support_case c;
  clattn_plan *plan = NULL;
  clattn_error error;
  options.pipeline = pipeline;
  options.kernels = kernels;
  const clattn_status status = clattn_plan_create(support_opened, &p, &options, &plan, &error);
  if (status == CLATTN_UNSUPPORTED && pipeline == CLATTN_PIPELINE_BLAS) return; /* built without CLBlast */
  assert_ok(status, &error);
  support_allocate(&c, &p, 31);
  support_want(&c, plan);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  const size_t bytes = clattn_output_bytes(&p, CLATTN_CONTEXT), lse_bytes = clattn_output_bytes(&p, CLATTN_LSE);
  float *first = malloc(bytes), *first_lse = malloc(lse_bytes);
  assert_true(first != NULL && first_lse != NULL);
  memcpy(first, c.outputs.context, bytes);
  memcpy(first_lse, c.outputs.lse, lse_bytes);
  for (int i = 0; i < runs; ++i) {
    support_poison(&c);
    clattn_timings timings = CLATTN_TIMINGS_INIT;
    assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, i % 2 ? &timings : NULL, &error), &error);
    assert_memory_equal(first, c.outputs.context, bytes);
    assert_memory_equal(first_lse, c.outputs.lse, lse_bytes);
  }
  free(first);
  free(first_lse);
  clattn_plan_destroy(plan);
  support_free(&c);
}

/* Every pipeline with the kernels that the plan takes, and with every other kernel. */
static void same_bits_every_run(void **state) {
  (void)state;
  static const kernel_filter small = {support_runs, SIZES_SMALL};
  const char *const all = getenv("CLATTN_RUNS");
  const int runs = all != NULL ? atoi(all) : 50;
  char kernels[KERNEL_LIST_TEXT];
  run_again_and_again(NULL, CLATTN_PIPELINE_STAGED, runs);
  for (size_t n = 0; kernel_list_staged(n, &small, kernels); ++n)
    run_again_and_again(kernels, CLATTN_PIPELINE_STAGED, runs);
  run_again_and_again(NULL, CLATTN_PIPELINE_FUSED, runs);
  for (size_t n = 0; kernel_list_stage(CLATTN_STAGE_FUSED, n, &small, kernels); ++n)
    run_again_and_again(kernels, CLATTN_PIPELINE_FUSED, runs);
  run_again_and_again(NULL, CLATTN_PIPELINE_BLAS, runs);
  print_message("the same bits in %d runs of each plan\n", runs);
}

static void timings_and_costs(void **state) {
  (void)state;
  clattn_problem p = middling();
  support_case c;
  support_allocate(&c, &p, 37);
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  assert_ok(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), &error);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, &timings, &error), &error);
  clattn_plan_get_info(plan, &info);
  /* three products of scores: scaled, softcapped, and final */
  const size_t launches[] = {[CLATTN_STAGE_PROJECT] = 1,
                             [CLATTN_STAGE_SCORES] = 3 * info.blocks,
                             [CLATTN_STAGE_SOFTMAX] = info.blocks,
                             [CLATTN_STAGE_CONTEXT] = info.blocks,
                             [CLATTN_STAGE_COUNT] = 0};
  double sum = timings.upload + timings.download;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    assert_int_equal(timings.launches[s], launches[s]);
    assert_true((timings.stage[s] > 0.0) == (launches[s] > 0));
    sum += timings.stage_wall[s];
  }
  assert_true(sum <= timings.total);
  /* 2 batch tokens model_dim (2 heads head_dim + heads value_dim), 2 batch heads N N d, 4 batch heads N N */
  assert_true(info.stages[CLATTN_STAGE_PROJECT].flops == 2.0 * 2 * 70 * 48 * (2 * 36 + 60));
  assert_true(info.stages[CLATTN_STAGE_SCORES].flops == 2.0 * 2 * 3 * 70 * 70 * 12);
  assert_true(info.stages[CLATTN_STAGE_SOFTMAX].flops == 4.0 * 2 * 3 * 70 * 70);
  assert_true(info.stages[CLATTN_STAGE_CONTEXT].flops == 2.0 * 2 * 3 * 70 * 70 * 20);
  clattn_plan_destroy(plan);

  p.causal = true;
  assert_ok(clattn_plan_create(support_opened, &p, &support_staged, &plan, &error), &error);
  clattn_plan_get_info(plan, &info);
  assert_true(info.stages[CLATTN_STAGE_SCORES].flops == 2.0 * 2 * 3 * (70 * 71 / 2) * 12);
  clattn_plan_destroy(plan);
  support_free(&c);
}

/* Only some rows of scores and weights, across block borders; the context is complete. */
static void wanted_rows(void **state) {
  (void)state;
  const clattn_problem p = middling();
  support_case all, some;
  support_allocate(&all, &p, 41);
  support_allocate(&some, &p, 41);
  const size_t rows[] = {0, 1, 69, 70, 139, 210, 345, 419};
  const clattn_rows wanted = {rows, sizeof rows / sizeof rows[0]};
  some.outputs.rows = &wanted;
  clattn_plan_options options = SUPPORT_STAGED;
  options.block_bytes = 13 * 70 * sizeof(float);
  clattn_check_report report = support_run(support_opened, &all, &options);
  assert_passed(&report, "all rows");
  report = support_run(support_opened, &some, &options);
  assert_passed(&report, "some rows");
  assert_int_equal(report.rows_checked, wanted.count);
  for (size_t i = 0; i < wanted.count; ++i) {
    assert_memory_equal(some.outputs.scores + i * 70, all.outputs.scores + rows[i] * 70, 70 * sizeof(float));
    assert_memory_equal(some.outputs.weights + i * 70, all.outputs.weights + rows[i] * 70, 70 * sizeof(float));
  }
  support_free(&all);
  support_free(&some);
}

/* v of token 41 overflows to infinity, everything else of the token stays small: only it has
 * feature 0, and only Wv uses that feature. */
static void make_value_infinite(support_case *c) {
  float *x = support_tensor(c, CLATTN_X);
  for (size_t token = 0; token < c->problem.query_len; ++token)
    x[token * c->problem.model_dim] = token == 41 ? 1e3f : 0.0f;
  for (size_t i = 0; i < c->problem.head_dim; ++i) {
    support_tensor(c, CLATTN_WQ)[i] = support_tensor(c, CLATTN_WK)[i] = 0.0f;
    support_tensor(c, CLATTN_WV)[i] = 3e38f;
  }
}

static void run_infinity(const char *kernels) {
  clattn_plan_options options = SUPPORT_STAGED;
  options.kernels = kernels;
  clattn_problem p = support_problem(70, 8, 6);
  p.causal = true;
  clattn_plan *plan = NULL;
  clattn_error error;
  if (clattn_plan_create(support_opened, &p, &options, &plan, &error) == CLATTN_UNSUPPORTED) return;
  support_case c;
  support_allocate(&c, &p, 43);
  make_value_infinite(&c);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  assert_true(isinf(c.outputs.v[41 * 6]));
  for (size_t row = 0; row < 70; ++row)
    for (size_t i = 0; i < 6; ++i)
      if (row < 41)
        assert_true(isfinite(c.outputs.context[row * 6 + i]));
      else
        assert_false(isfinite(c.outputs.context[row * 6 + i]));
  clattn_plan_destroy(plan);
  support_free(&c);
}

/* One key's v is infinite: queries before it must stay finite, queries from it on must show it. */
static void infinity_at_masked_keys(void **state) {
  (void)state;
  char kernels[KERNEL_LIST_TEXT];
  for (size_t k = 0; kernel_list_stage(CLATTN_STAGE_CONTEXT, k, &as_planned, kernels); ++k) run_infinity(kernels);
  run_infinity("context=clblast,scores=clblast");
}

/* A NaN in one token's embedding reaches its own scores, and the weights of every query that sees
 * it. */
static void nan_shows(void **state) {
  (void)state;
  char kernels[KERNEL_LIST_TEXT];
  for (size_t k = 0; kernel_list_stage(CLATTN_STAGE_SOFTMAX, k, &as_planned, kernels); ++k) {
    clattn_plan_options options = SUPPORT_STAGED;
    options.kernels = kernels;
    clattn_problem p = support_problem(70, 8, 6);
    p.causal = true;
    support_case c;
    support_allocate(&c, &p, 47);
    support_tensor(&c, CLATTN_X)[41 * 8 + 3] = NAN;
    const clattn_check_report report = support_run(support_opened, &c, &options);
    assert_passed(&report, kernels);
    for (size_t row = 0; row < 70; ++row) assert_int_equal(isnan(c.outputs.context[row * 6]) != 0, row >= 41);
    support_free(&c);
  }
}

/* Scores of +-1e4: exp would overflow if the largest were not subtracted. */
static void large_scores(void **state) {
  (void)state;
  char kernels[KERNEL_LIST_TEXT];
  for (size_t k = 0; kernel_list_stage(CLATTN_STAGE_SOFTMAX, k, &as_planned, kernels); ++k)
    for (int sign = -1; sign <= 1; sign += 2) {
      clattn_plan_options options = SUPPORT_STAGED;
      options.kernels = kernels;
      clattn_problem p = support_problem(133, 24, 16);
      p.scale_mode = CLATTN_SCALE_GIVEN;
      p.scale = (float)sign * 200.0f;
      support_case c;
      support_allocate(&c, &p, 53);
      const clattn_check_report report = support_run(support_opened, &c, &options);
      assert_passed(&report, kernels);
      support_free(&c);
    }
}

/* Scores of 1e7, and scores beyond float's range: the same as the reference, including NaN. */
static void enormous_scores(void **state) {
  (void)state;
  static const float scales[] = {1e6f, -1e6f, 1e30f}, sizes[] = {1.0f, 1.0f, 1e12f};
  for (size_t i = 0; i < 3; ++i) {
    clattn_problem p = support_problem(64, 32, 16);
    p.scale_mode = CLATTN_SCALE_GIVEN;
    p.scale = scales[i];
    support_case c;
    support_allocate(&c, &p, 57);
    for (size_t k = 0; k < 64 * 32; ++k) support_tensor(&c, CLATTN_X)[k] *= sizes[i];
    const clattn_check_report report = support_run(support_opened, &c, NULL);
    assert_passed(&report, "enormous scores");
    support_free(&c);
  }
}

static void scale_zero_gives_equal_weights(void **state) {
  (void)state;
  clattn_problem p = support_problem(10, 4, 4);
  p.scale_mode = CLATTN_SCALE_GIVEN;
  p.scale = 0.0f;
  support_case c;
  support_allocate(&c, &p, 59);
  const clattn_check_report report = support_run(support_opened, &c, NULL);
  assert_passed(&report, "scale 0");
  for (size_t i = 0; i < 100; ++i) assert_true(fabsf(c.outputs.weights[i] - 0.1f) < 1e-7f);
  support_free(&c);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

typedef struct worker {
  uint32_t seed;
  bool passed;
  char message[256];
} worker;

/* cmocka's assertions work only in the main thread, so threads return their failures. */
static void *work(void *argument) {
  worker *w = argument;
  clattn_problem p = support_problem(65, 32, 16);
  p.heads = 2;
  p.causal = w->seed % 2;
  clattn_device *own = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  support_case c;
  support_allocate(&c, &p, w->seed);
  const clattn_device_choice choice = {.device = getenv("CLATTN_DEVICE")};
  clattn_status status = clattn_device_open(&choice, &own, &error);
  if (status == CLATTN_OK) status = clattn_plan_create(own, &p, &support_staged, &plan, &error);
  for (int i = 0; status == CLATTN_OK && i < 10; ++i)
    status = clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error);
  if (status == CLATTN_OK) status = clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error);
  w->passed = status == CLATTN_OK && report.passed;
  if (status != CLATTN_OK) snprintf(w->message, sizeof w->message, "%.200s", error.message);
  clattn_plan_destroy(plan);
  clattn_device_close(own);
  support_free(&c);
  return NULL;
}

static void two_threads(void **state) {
  (void)state;
  pthread_t threads[2];
  worker workers[2] = {{.seed = 61}, {.seed = 62}};
  for (int i = 0; i < 2; ++i) assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  for (int i = 0; i < 2; ++i) {
    if (!workers[i].passed) print_error("thread %d: %s\n", i, workers[i].message);
    assert_true(workers[i].passed);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pipelines),
      cmocka_unit_test(blocks),
      cmocka_unit_test(budget),
      cmocka_unit_test(what_would_fit),
      cmocka_unit_test(guard),
      cmocka_unit_test(memory_is_counted),
      cmocka_unit_test(too_large),
      cmocka_unit_test(same_bits_every_run),
      cmocka_unit_test(timings_and_costs),
      cmocka_unit_test(wanted_rows),
      cmocka_unit_test(infinity_at_masked_keys),
      cmocka_unit_test(nan_shows),
      cmocka_unit_test(large_scores),
      cmocka_unit_test(enormous_scores),
      cmocka_unit_test(scale_zero_gives_equal_weights),
      cmocka_unit_test(two_threads),
  };
  return cmocka_run_group_tests_name("plan", tests, support_open, support_close);
}
