/* Tensors of more than 2^32 elements: every kernel at their far end, on the recorder's device
 * (host/recorder), whose buffers take memory only where they are touched. Each launch runs only its
 * last work-group; the results are compared with the formula in double. An offset truncated to 32
 * bits, signed or not, points outside of the buffer, which the recorder reports, or to memory that
 * was never written. */
#define _DEFAULT_SOURCE /* MAP_NORESERVE */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "recorder/device.h" /* and not the library's header */
#include "cache/cache.h"
#include "catalog/catalog.h"
#include "recorder/compile.h"
#include "problem/stages.h"
#include "recorder/programs.h"
#include "base/random.h"
#include "run/run.h"
#include "stages/stage.h"

#define MORE_THAN_32_BITS 4400000000u
#define SKIPPED 77

static clattn_device *opened;

/* ---- a plan without a run ---------------------------------------------------------------------------------------- */

/* -1 to 1 */
static float uniform(uint64_t *state) {
  return (float)(clattn_random(state) >> 40) / 8388608.0f - 1.0f;
}

static void fill(float *to, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; ++i) to[i] = uniform(&seed);
}

static void assert_ok(clattn_status status, const clattn_error *error) {
  if (status != CLATTN_OK) fail_msg("%s: %s", clattn_status_name(status), error->message);
}

/* kernels: NULL lets the plan select. */
static clattn_plan *create(const clattn_problem *p, const char *kernels, bool trace) {
  clattn_plan_options options = {.size = sizeof options, .pipeline = CLATTN_PIPELINE_STAGED};
  clattn_plan *plan = NULL;
  clattn_error error;
  options.kernels = kernels;
  options.self_test = CLATTN_SELF_TEST_NONE;
  options.block_bytes = (uint64_t)1 << 40;
  options.trace = trace;
  if (kernels != NULL && strncmp(kernels, "fused=", 6) == 0) options.pipeline = CLATTN_PIPELINE_FUSED;
  assert_ok(clattn_plan_create(opened, p, &options, &plan, &error), &error);
  return plan;
}

static float *floats(const clattn_plan *plan, clattn_tensor tensor) {
  const cl_mem buffer = plan->buffer[tensor] != NULL ? plan->buffer[tensor] : plan->stored[tensor];
  assert_non_null(buffer);
  return (float *)(void *)buffer->data;
}

typedef clattn_status stage_function(const clattn_work *work, clattn_error *error);

static void run_stage_for(bool context_wanted, const clattn_plan *plan, const clattn_problem *seen,
                          const clattn_inputs *inputs, stage_function *stage, const char *name) {
  cl_mem tensor[CLATTN_TENSOR_COUNT];
  clattn_queue queue = {.commands = plan->device->queue};
  const clattn_inputs none = CLATTN_INPUTS_INIT;
  clattn_error error;
  memcpy(tensor, plan->buffer, sizeof tensor);
  const clattn_work work = {.plan = plan,
                            .seen = seen,
                            .queue = &queue,
                            .tensor = tensor,
                            .stored = plan->stored,
                            .inputs = inputs != NULL ? inputs : &none,
                            .sequences = plan->sequences,
                            .context_wanted = context_wanted,
                            .lse_wanted = true,
                            .row_max_wanted = true,
                            .row_sum_wanted = true,
                            .block = {.pairs = seen->batch * seen->heads, .rows = seen->query_len},
                            .until = UNTIL_MASKED};
  assert_ok(stage(&work, &error), &error);
  clattn_queue_release(&queue);
  size_t launches = 0;
  const launch *all = device_launches(&launches);
  assert_true(launches > 0);
  for (size_t i = 0; i < launches; ++i)
    if (all[i].findings > 0) fail_msg("%s: %s", name, all[i].finding[0]);
  device_forget();
}

static void run_stage(const clattn_plan *plan, const clattn_problem *seen, const clattn_inputs *inputs,
                      stage_function *stage, const char *name) {
  run_stage_for(true, plan, seen, inputs, stage, name);
}

static void assert_close(double got, double expected, const char *name, const char *what) {
  if (!(fabs(got - expected) <= 1e-4 * (1.0 + fabs(expected))))
    fail_msg("%s: %s is %g instead of %g", name, what, got, expected);
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

enum { BATCH = 2, QUERIES = 500003, KEYS = 2503, HEADS = 2, PAIRS = BATCH * HEADS, HEAD_DIM = 7, VALUE_DIM = 5 };

/* Makes every tensor large: rows of q, k and v by their strides, scores and mask by their element
 * counts. */
static clattn_problem attention_problem(size_t queries, size_t keys) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  const size_t k_row = MORE_THAN_32_BITS / (keys - 1), q_row = queries > 1 ? MORE_THAN_32_BITS / (queries - 1) : 64;
  p.source = CLATTN_SOURCE_QKV;
  p.order = CLATTN_ORDER_STRIDES;
  p.batch = BATCH;
  p.query_len = queries;
  p.key_len = keys;
  p.heads = HEADS;
  p.kv_heads = 1;
  p.head_dim = HEAD_DIM;
  p.value_dim = VALUE_DIM;
  p.q_strides = (clattn_strides){.batch = queries * q_row, .head = q_row / HEADS, .row = q_row};
  p.k_strides = p.v_strides = (clattn_strides){.batch = keys * k_row, .head = 0, .row = k_row};
  p.mask = CLATTN_MASK_FLOAT;
  p.mask_shape[0] = BATCH;
  p.mask_shape[1] = HEADS;
  p.mask_shape[2] = queries;
  p.mask_shape[3] = keys;
  return p;
}

/* A row of the last head, computed in double. */
typedef struct far_row {
  size_t query;
  double score[KEYS], weight[KEYS], largest, sum, lse, context[VALUE_DIM];
} far_row;

/* A query of the last work-group. This is the last query, except with kernels that take blocks of
 * rows in another order. */
static size_t query_of_last_group(const clattn_plan *plan) {
  const clattn_choice *fused = &plan->choice[CLATTN_STAGE_FUSED];
  const size_t rows = fused->geometry.rows, queries = plan->problem.query_len;
  if (fused->row == NULL || queries == 1) return queries - 1;
  if (fused->geometry.longest_first) return rows / 2; /* from the last block to the first */
  if (fused->row->geometry != clattn_geometry_fused_vector) return queries - 1;
  const size_t blocks = (queries + rows - 1) / rows, last = blocks - 1; /* from both ends to the middle */
  return (last % 2 == 0 ? blocks - 1 - last / 2 : last / 2) * rows + 3;
}

static void set_stored(const clattn_plan *plan, clattn_tensor tensor, size_t at, const float *values, size_t count) {
  const clattn_type type = plan->stored[tensor] != NULL ? plan->problem.type : CLATTN_F32;
  unsigned char *to = (unsigned char *)(void *)floats(plan, tensor);
  clattn_narrow(type, values, count, to + at * clattn_type_bytes(type));
}

static size_t q_at(const clattn_problem *p, size_t query) {
  return (BATCH - 1) * p->q_strides.batch + (HEADS - 1) * p->q_strides.head + query * p->q_strides.row;
}

static size_t k_at(const clattn_problem *p, size_t key) {
  return (BATCH - 1) * p->k_strides.batch + key * p->k_strides.row;
}

/* Numbers that halves represent exactly. */
static void draw(float *to, size_t count, uint64_t *seed) {
  for (size_t i = 0; i < count; ++i) to[i] = rintf(uniform(seed) * 64.0f) / 64.0f;
}

static void fill_attention(const clattn_plan *plan, far_row *row) {
  const clattn_problem *p = &plan->problem;
  float q[HEAD_DIM], k[HEAD_DIM], v[VALUE_DIM];
  uint64_t seed = 1;
  memset(row, 0, sizeof *row);
  row->query = query_of_last_group(plan);
  float *mask = floats(plan, CLATTN_MASK) + ((PAIRS - 1) * p->query_len + row->query) * p->key_len;
  row->largest = -INFINITY;
  draw(q, HEAD_DIM, &seed);
  set_stored(plan, CLATTN_Q, q_at(p, row->query), q, HEAD_DIM);
  for (size_t j = 0; j < p->key_len; ++j) {
    draw(k, HEAD_DIM, &seed);
    set_stored(plan, CLATTN_K, k_at(p, j), k, HEAD_DIM);
    mask[j] = uniform(&seed);
    for (int i = 0; i < HEAD_DIM; ++i) row->score[j] += (double)q[i] * (double)k[i] / sqrt(HEAD_DIM);
    row->score[j] += (double)mask[j];
    row->largest = fmax(row->largest, row->score[j]);
  }
  for (size_t j = 0; j < p->key_len; ++j) row->sum += row->weight[j] = exp(row->score[j] - row->largest);
  row->lse = row->largest + log(row->sum);
  for (size_t j = 0; j < p->key_len; ++j) {
    draw(v, VALUE_DIM, &seed);
    set_stored(plan, CLATTN_V, k_at(p, j), v, VALUE_DIM);
    row->weight[j] /= row->sum;
    for (int i = 0; i < VALUE_DIM; ++i) row->context[i] += row->weight[j] * (double)v[i];
  }
}

static far_row expected;

static float *last_row(const clattn_plan *plan) {
  return floats(plan, CLATTN_SCORES) + (PAIRS * plan->problem.query_len - 1) * plan->problem.key_len;
}

/* Checks the last keys of the last row, as many as the last group computes; those before are NaN,
 * because plans fill their buffers with NaN here. */
static void check_last_keys(const clattn_plan *plan, const double *score, const char *name) {
  const float *row = last_row(plan);
  size_t j = KEYS - 1;
  assert_close((double)row[j], score[j], name, "the last score");
  while (!isnan(row[--j])) assert_close((double)row[j], score[j], name, "a score");
}

static void check_scores(const clattn_plan *plan, const char *name) {
  check_last_keys(plan, expected.score, name);
}

static void check_products(const clattn_plan *plan, const char *name) {
  const float *mask = floats(plan, CLATTN_MASK) + (PAIRS * (size_t)QUERIES - 1) * KEYS;
  double product[KEYS];
  for (size_t j = 0; j < KEYS; ++j) product[j] = (expected.score[j] - (double)mask[j]) * sqrt(HEAD_DIM);
  check_last_keys(plan, product, name);
}

static void check_weights(const clattn_plan *plan, const char *name) {
  for (size_t j = 0; j < KEYS; ++j)
    assert_close((double)KEYS * (double)last_row(plan)[j], KEYS * expected.weight[j], name, "a weight");
  assert_close((double)floats(plan, CLATTN_LSE)[PAIRS * (size_t)QUERIES - 1], expected.lse, name, "a log-sum-exp");
}

static void check_exps(const clattn_plan *plan, const char *name) {
  const size_t last = PAIRS * (size_t)QUERIES - 1;
  for (size_t j = 0; j < KEYS; ++j)
    assert_close((double)last_row(plan)[j], exp(expected.score[j] - expected.largest), name, "an exp");
  assert_close((double)floats(plan, CLATTN_ROW_MAX)[last], expected.largest, name, "a maximum");
  assert_close((double)floats(plan, CLATTN_ROW_SUM)[last], expected.sum, name, "a sum");
}

/* Where the last head's context of the last sequence's query begins. */
static size_t context_at(const clattn_plan *plan) {
  return (((BATCH - 1) * plan->problem.query_len + expected.query) * HEADS + HEADS - 1) * VALUE_DIM;
}

static void check_context(const clattn_plan *plan, const char *name) {
  const float *row = floats(plan, CLATTN_CONTEXT) + context_at(plan);
  for (int i = 0; i < VALUE_DIM; ++i) assert_close((double)row[i], expected.context[i], name, "the context");
}

static void check_fused(const clattn_plan *plan, const char *name) {
  check_context(plan, name);
  assert_close((double)floats(plan, CLATTN_LSE)[(PAIRS - 1) * plan->problem.query_len + expected.query], expected.lse,
               name, "a log-sum-exp");
}

/* The output that the kernel stores in the problem's type is the context in floats, narrowed. */
static void check_stored(const clattn_plan *plan, const clattn_problem *p, stage_function *run, const char *name) {
  uint16_t narrowed[VALUE_DIM];
  clattn_narrow(p->type, floats(plan, CLATTN_CONTEXT) + context_at(plan), VALUE_DIM, narrowed);
  run_stage_for(false, plan, p, NULL, run, name);
  assert_memory_equal(plan->stored[CLATTN_OUTPUT]->data + context_at(plan) * sizeof narrowed[0], narrowed,
                      sizeof narrowed);
}

static void set_row(const clattn_plan *plan, const double *row) {
  for (size_t j = 0; j < KEYS; ++j) last_row(plan)[j] = (float)row[j];
}

static void attention_kernel(const clattn_kernel *row) {
  static const struct {
    clattn_stage stage;
    stage_function *run;
    void (*check)(const clattn_plan *, const char *);
    const double *before; /* what the row of scores contains before; NULL: nothing */
  } stages[] = {{CLATTN_STAGE_SCORES, clattn_stage_scores, check_scores, NULL},
                {CLATTN_STAGE_SOFTMAX, clattn_stage_softmax, check_weights, expected.score},
                {CLATTN_STAGE_CONTEXT, clattn_stage_context, check_context, expected.weight},
                {CLATTN_STAGE_PRODUCTS, clattn_stage_products, check_products, NULL},
                {CLATTN_STAGE_EXPS, clattn_stage_exps, check_exps, expected.score},
                {CLATTN_STAGE_FUSED, clattn_stage_fused, check_fused, NULL}};
  size_t s = 0;
  while (stages[s].stage != row->stage) ++s;
  const bool fused = row->stage == CLATTN_STAGE_FUSED, few = row->few_rows; /* one part of the keys */
  for (int type = CLATTN_F32; type <= (fused ? CLATTN_BF16 : CLATTN_F32); ++type) {
    char name[64];
    clattn_problem p = few ? attention_problem(1, 50) : attention_problem(QUERIES, KEYS);
    p.type = (clattn_type)type;
    snprintf(name, sizeof name, "%s=%s", clattn_stage_name(row->stage), row->name);
    clattn_plan *plan = create(&p, name, row->stage >= CLATTN_STAGE_PRODUCTS);
    fill_attention(plan, &expected);
    if (stages[s].before != NULL) set_row(plan, stages[s].before);
    run_stage(plan, &p, NULL, stages[s].run, name);
    stages[s].check(plan, name);
    if (clattn_plan_stores_output(plan)) check_stored(plan, &p, stages[s].run, name);
    clattn_plan_destroy(plan);
    print_message("%s %s\n", name, clattn_type_name(p.type));
  }
}

static void attention_far_away(void **state) {
  (void)state;
  const clattn_kernel *row;
  size_t count = 0;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i) {
    if (!clattn_is_of_scores(row->stage) || row->library) continue;
    if (row->matrix_unit) continue; /* it rounds weights, which these exact results do not allow for */
    attention_kernel(row);
    ++count;
  }
  assert_true(count >= 25);
}

/* ---- projections, conversion ------------------------------------------------------------------------------------- */

enum { TOKENS = 536870917, WIDTH = 9 };

static clattn_problem projection_problem(clattn_type type) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.query_len = p.key_len = TOKENS;
  p.model_dim = p.head_dim = p.value_dim = WIDTH;
  p.type = type;
  return p;
}

/* Q, K and V share a launch; the last group computes the end of V. */
static void projections_far_away(void **state) {
  (void)state;
  const clattn_kernel *row;
  const clattn_problem p = projection_problem(CLATTN_F32);
  const size_t last = (size_t)(TOKENS - 1) * WIDTH;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i) {
    if (row->stage != CLATTN_STAGE_PROJECT || row->library) continue;
    char name[64];
    snprintf(name, sizeof name, "project=%s", row->name);
    clattn_plan *plan = create(&p, name, false);
    fill(floats(plan, CLATTN_X) + last, WIDTH, 2);
    fill(floats(plan, CLATTN_WV), WIDTH * WIDTH, 3);
    run_stage(plan, &p, NULL, clattn_stage_project, name);
    double sum = 0.0;
    for (size_t j = 0; j < WIDTH; ++j)
      sum += (double)floats(plan, CLATTN_X)[last + j] * (double)floats(plan, CLATTN_WV)[j * WIDTH + WIDTH - 1];
    assert_close((double)floats(plan, CLATTN_V)[last + WIDTH - 1], sum, name, "v");
    clattn_plan_destroy(plan);
    print_message("%s\n", name);
  }
}

/* The last element of an output projection. Kernels that store types narrow it themselves. */
static void outputs_far_away(void **state) {
  (void)state;
  const clattn_kernel *row;
  const size_t last = (size_t)(TOKENS - 1) * WIDTH;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i)
    for (int type = CLATTN_F32; type <= CLATTN_BF16; ++type) {
      if (row->stage != CLATTN_STAGE_PROJECT || !row->stores_types) continue;
      clattn_problem p = projection_problem((clattn_type)type);
      char name[64];
      float value;
      double sum = 0.0;
      p.output_dim = WIDTH;
      snprintf(name, sizeof name, "output=%s", row->name);
      clattn_plan *plan = create(&p, name, false);
      fill(floats(plan, CLATTN_CONTEXT) + last, WIDTH, 6);
      fill(floats(plan, CLATTN_WO), WIDTH * WIDTH, 7);
      run_stage(plan, &p, NULL, clattn_stage_output, name);
      for (size_t j = 0; j < WIDTH; ++j)
        sum += (double)floats(plan, CLATTN_CONTEXT)[last + j] * (double)floats(plan, CLATTN_WO)[j * WIDTH + WIDTH - 1];
      const unsigned char *output = (const unsigned char *)(const void *)floats(plan, CLATTN_OUTPUT);
      clattn_widen(p.type, output + (last + WIDTH - 1) * clattn_type_bytes(p.type), 1, &value);
      const double rounding = type == CLATTN_F32 ? 0.0 : type == CLATTN_F16 ? 0x1p-11 : 0x1p-8;
      if (!(fabs((double)value - sum) <= (rounding + 1e-6) * (1.0 + fabs(sum))))
        fail_msg("%s: the output is %g instead of %g", name, (double)value, sum);
      clattn_plan_destroy(plan);
      print_message("%s %s\n", name, clattn_type_name(p.type));
    }
}

static void conversion_far_away(void **state) {
  (void)state;
  const clattn_kernel *row;
  const clattn_problem p = projection_problem(CLATTN_F16);
  const size_t last = (size_t)TOKENS * WIDTH - 1;
  for (size_t i = 0; (row = clattn_catalog_at(i)) != NULL; ++i) {
    if (row->stage != CLATTN_STAGE_CONVERT) continue;
    char name[64];
    snprintf(name, sizeof name, "convert=%s", row->name);
    clattn_plan *plan = create(&p, name, false);
    for (size_t back = 0; back < 32; back += 16) { /* a whole vector, too */
      const float value = 0.375f + (float)back;
      clattn_narrow(CLATTN_F16, &value, 1, plan->stored[CLATTN_X]->data + (last - back) * sizeof(uint16_t));
    }
    run_stage(plan, &p, NULL, clattn_stage_convert, name);
    assert_close((double)floats(plan, CLATTN_X)[last], 0.375, name, "x");
    assert_close((double)floats(plan, CLATTN_X)[last - 16], 16.375, name, "x");
    clattn_plan_destroy(plan);
    print_message("%s\n", name);
  }
}

/* ---- positions, cache -------------------------------------------------------------------------------------------- */

static void rotation_far_away(void **state) {
  (void)state;
  clattn_problem p = attention_problem(3, 3);
  p.mask = CLATTN_MASK_NONE;
  memset(p.mask_shape, 0, sizeof p.mask_shape);
  p.head_dim = 2;
  p.rotary = CLATTN_ROTARY_HALVES;
  clattn_plan *plan = create(&p, NULL, false);
  const float vector[] = {0.5f, -0.25f};
  memcpy((float *)(void *)plan->stored[CLATTN_Q]->data + q_at(&p, 2), vector, sizeof vector);
  memcpy((float *)(void *)plan->stored[CLATTN_K]->data + k_at(&p, 2), vector, sizeof vector);
  run_stage(plan, &p, NULL, clattn_stage_rotary, "rotary");
  const double x = 0.5 * cos(2.0) + 0.25 * sin(2.0);
  const float *q = floats(plan, CLATTN_Q) + (3 * PAIRS - 1) * 2, *k = floats(plan, CLATTN_K) + (3 * BATCH - 1) * 2;
  assert_close((double)q[0], x, "rotary", "q");
  assert_close((double)k[0], x, "rotary", "k");
  clattn_plan_destroy(plan);
}

static void cache_far_away(void **state) {
  (void)state;
  static const clattn_cache_type types[] = {CLATTN_CACHE_F32, CLATTN_CACHE_F16, CLATTN_CACHE_I8_TOKEN};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; ++i) {
    clattn_problem p = CLATTN_PROBLEM_INIT, seen;
    p.source = CLATTN_SOURCE_QKV;
    p.query_len = p.key_len = 1;
    p.head_dim = p.value_dim = WIDTH;
    p.cache.capacity = TOKENS;
    p.cache.type = types[i];
    const size_t row = (size_t)(TOKENS - 1) * WIDTH;
    clattn_cache *cache = NULL;
    clattn_error error;
    clattn_plan *plan = create(&p, NULL, false);
    assert_ok(clattn_cache_create(opened, &p, NULL, NULL, &cache, &error), &error);
    cache->lengths.sequences[0].length = TOKENS - 1;
    const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .cache = cache};
    assert_ok(clattn_cache_begin(cache, &p, &inputs, &seen, &error), &error);
    clattn_describe_sequences(&p, &inputs, (cl_int *)(void *)plan->sequences->data);
    fill(floats(plan, CLATTN_K), WIDTH, 4);
    fill(floats(plan, CLATTN_V), WIDTH, 5);
    run_stage(plan, &seen, &inputs, clattn_stage_cache, "cache");
    if (types[i] == CLATTN_CACHE_F32) {
      assert_memory_equal((float *)(void *)cache->k->data + row, floats(plan, CLATTN_K), WIDTH * sizeof(float));
      assert_memory_equal((float *)(void *)cache->v->data + row, floats(plan, CLATTN_V), WIDTH * sizeof(float));
    } else {
      for (size_t j = 0; j < WIDTH; ++j) {
        const double k = (double)floats(plan, CLATTN_K)[j], v = (double)floats(plan, CLATTN_V)[j];
        assert_true(fabs((double)floats(plan, CLATTN_CACHED_K)[row + j] - k) < 0.01);
        assert_true(fabs((double)floats(plan, CLATTN_CACHED_V)[row + j] - v) < 0.01);
      }
    }
    clattn_cache_destroy(cache);
    clattn_plan_destroy(plan);
  }
}

static int set_up(void **state) {
  (void)state;
  clattn_error error;
  device_look_far();
  return clattn_device_open(NULL, &opened, &error) == CLATTN_OK ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  clattn_device_close(opened);
  return 0;
}

/* NULL, or why sparse tensors are impossible here: some systems allow no more memory than they
 * have. */
static const char *no_room(void) {
  const size_t all = (size_t)1 << 38; /* total of one problem */
  void *memory = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return "this system gives no address space beyond its memory";
  munmap(memory, all);
  return NULL;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(attention_far_away),  cmocka_unit_test(projections_far_away), cmocka_unit_test(outputs_far_away),
      cmocka_unit_test(conversion_far_away), cmocka_unit_test(rotation_far_away),    cmocka_unit_test(cache_far_away),
  };
  const char *why = no_room() != NULL ? no_room() : compile_begin();
  const char *allowed = getenv("CLATTN_SKIPPED");
  if (why != NULL) {
    printf("skipped: %s\n", why);
    return allowed != NULL ? atoi(allowed) : SKIPPED;
  }
  const int failed = cmocka_run_group_tests_name("far", tests, set_up, tear_down);
  programs_free();
  compile_end();
  return failed;
}
