/* clattn_weights: projection matrices that stay on the device. The same bits as from host memory,
 * on any plan that fits; nothing is uploaded in a run; what does not fit is refused by name. */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clattn_cl.h"
#include "device/ledger.h"
#include "problem/tensors.h"
#include "support.h"

/* ---- what is uploaded -------------------------------------------------------------------------------------------- */

/* The linker hands the library this one instead of OpenCL's (tests/CMakeLists.txt). It counts bytes,
 * and fails where it is told to. */
cl_int __real_clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes,
                                   const void *from, cl_uint wait_count, const cl_event *wait, cl_event *event);
cl_int __wrap_clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes,
                                   const void *from, cl_uint wait_count, const cl_event *wait, cl_event *event);

static size_t uploaded, writes_until_failure; /* 0: none fails */

cl_int __wrap_clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t bytes,
                                   const void *from, cl_uint wait_count, const cl_event *wait, cl_event *event) {
  uploaded += bytes;
  if (writes_until_failure > 0 && --writes_until_failure == 0) return CL_INVALID_OPERATION;
  return __real_clEnqueueWriteBuffer(queue, buffer, blocking, offset, bytes, from, wait_count, wait, event);
}

/* ---- problems ---------------------------------------------------------------------------------------------------- */

static clattn_problem plain(void) {
  clattn_problem p = support_problem(19, 12, 6);
  p.batch = 2;
  p.heads = 4;
  p.kv_heads = 2;
  p.value_dim = 5;
  p.causal = true;
  return p;
}

static clattn_problem from_x(clattn_type type, clattn_weight_layout layout, bool fused_qkv, unsigned biases,
                             size_t output_dim) {
  clattn_problem p = plain();
  p.type = type;
  p.layout = layout;
  p.fused_qkv = fused_qkv;
  p.biases = biases;
  p.output_dim = output_dim;
  return p;
}

static clattn_problem from_xkv(clattn_type type) {
  clattn_problem p = from_x(type, CLATTN_LAYOUT_XWT, false, 15, 7);
  p.source = CLATTN_SOURCE_XKV;
  p.key_len = 23;
  p.kv_model_dim = 9;
  p.causal = false;
  return p;
}

/* Only the output is projected. */
static clattn_problem from_qkv(clattn_type type) {
  clattn_problem p = from_x(type, CLATTN_LAYOUT_XW, false, CLATTN_BIAS_O, 7);
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  return p;
}

static clattn_problem with_positions(clattn_type type) {
  clattn_problem p = from_x(type, CLATTN_LAYOUT_XWT, true, 15, 7);
  p.positions = CLATTN_POSITIONS_SINUSOIDAL;
  p.rotary = CLATTN_ROTARY_HALVES;
  return p;
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static clattn_weights *weights_of(const support_case *c) {
  clattn_weights *weights = NULL;
  clattn_error error;
  assert_ok(clattn_weights_create(support_opened, &c->problem, &c->inputs, &weights, &error), &error);
  return weights;
}

/* The case's inputs without host pointers to matrices and biases. */
static clattn_inputs inputs_with(const support_case *c, clattn_weights *weights) {
  clattn_inputs inputs = c->inputs;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (clattn_is_weight((clattn_tensor)t)) clattn_inputs_set(&inputs, (clattn_tensor)t, NULL);
  inputs.projection_weights = weights;
  return inputs;
}

/* Bytes of the case's outputs, one after the other. malloc'ed. */
static unsigned char *copy_results(const support_case *c, size_t *bytes) {
  unsigned char *copy = NULL;
  *bytes = 0;
  for (int t = CLATTN_Q; t < CLATTN_TENSOR_COUNT; ++t) {
    const void *from = clattn_outputs_get(&c->outputs, (clattn_tensor)t);
    const size_t more =
        clattn_output_bytes(clattn_sizing_problem(&c->problem, &c->seen, (clattn_tensor)t), (clattn_tensor)t);
    if (from == NULL || more == 0) continue;
    copy = realloc(copy, *bytes + more);
    assert_non_null(copy);
    memcpy(copy + *bytes, from, more);
    *bytes += more;
  }
  return copy;
}

static void run_gives(clattn_plan *plan, support_case *c, const clattn_inputs *inputs, const unsigned char *expected,
                      size_t expected_bytes) {
  clattn_error error;
  support_poison(c);
  assert_ok(clattn_plan_run(plan, inputs, &c->outputs, NULL, &error), &error);
  support_check_guards(c);
  size_t bytes = 0;
  unsigned char *got = copy_results(c, &bytes);
  assert_int_equal(bytes, expected_bytes);
  assert_memory_equal(got, expected, bytes);
  free(got);
}

/* From host memory, with a handle, with a handle on a plan without buffers of its own, and from
 * host memory again. */
static void compare_bits(const clattn_problem *problem, clattn_pipeline pipeline, const char *kernels) {
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL, *kept = NULL;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  support_case c;
  options.pipeline = pipeline;
  options.kernels = kernels;
  const clattn_status status = clattn_plan_create(support_opened, problem, &options, &plan, &error);
  if (status == CLATTN_UNSUPPORTED && pipeline == CLATTN_PIPELINE_BLAS) return; /* a build without CLBlast */
  assert_ok(status, &error);
  options.weights_kept = true;
  assert_ok(clattn_plan_create(support_opened, problem, &options, &kept, &error), &error);
  support_allocate(&c, problem, 3);
  support_want(&c, plan);
  clattn_weights *weights = weights_of(&c);
  const clattn_inputs inputs = inputs_with(&c, weights);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  size_t bytes = 0;
  unsigned char *expected = copy_results(&c, &bytes);
  run_gives(plan, &c, &inputs, expected, bytes);
  run_gives(kept, &c, &inputs, expected, bytes);
  assert_ok(clattn_check(kept, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, "weights that stay");
  run_gives(plan, &c, &c.inputs, expected, bytes);
  free(expected);
  clattn_weights_destroy(weights);
  clattn_plan_destroy(kept);
  clattn_plan_destroy(plan);
  support_free(&c);
}

static void same_bits(void **state) {
  (void)state;
  const clattn_problem problems[] = {from_x(CLATTN_F32, CLATTN_LAYOUT_XW, false, 0, 0),
                                     from_x(CLATTN_F32, CLATTN_LAYOUT_XWT, false, 15, 7),
                                     from_x(CLATTN_F32, CLATTN_LAYOUT_XW, true, 7, 7),
                                     from_x(CLATTN_F16, CLATTN_LAYOUT_XW, false, 5, 7),
                                     from_x(CLATTN_BF16, CLATTN_LAYOUT_XWT, true, 15, 7),
                                     from_x(CLATTN_F16, CLATTN_LAYOUT_XWT, false, 0, 0),
                                     from_xkv(CLATTN_F32),
                                     from_xkv(CLATTN_BF16),
                                     from_qkv(CLATTN_F32),
                                     from_qkv(CLATTN_F16),
                                     with_positions(CLATTN_F32),
                                     with_positions(CLATTN_F16)};
  for (size_t i = 0; i < sizeof problems / sizeof problems[0]; ++i)
    for (int pipeline = 0; pipeline < CLATTN_PIPELINE_COUNT; ++pipeline)
      compare_bits(&problems[i], (clattn_pipeline)pipeline, NULL);
}

/* Halves that are widened on the host in several pieces, the last one shorter. */
static void large_matrices(void **state) {
  (void)state;
  clattn_problem p = support_problem(3, 700, 401);
  p.type = CLATTN_F16;
  compare_bits(&p, CLATTN_PIPELINE_FUSED, NULL);
}

static void many_on_one_plan(void **state) {
  (void)state;
  enum { LAYERS = 4 };
  const clattn_problem p = from_x(CLATTN_F16, CLATTN_LAYOUT_XWT, false, 15, 7);
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_weights *weights[LAYERS];
  unsigned char *expected[LAYERS];
  size_t bytes = 0;
  clattn_error error;
  support_case c[LAYERS];
  options.weights_kept = true;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  options.weights_kept = false;
  for (int i = 0; i < LAYERS; ++i) {
    support_allocate(&c[i], &p, 10 + (uint32_t)i);
    const clattn_check_report report = support_run(support_opened, &c[i], &options);
    assert_passed(&report, "a layer from host memory");
    expected[i] = copy_results(&c[i], &bytes);
    weights[i] = weights_of(&c[i]);
  }
  for (int round = 0; round < 2; ++round)
    for (int i = LAYERS - 1; i >= 0; --i) {
      const clattn_inputs inputs = inputs_with(&c[i], weights[i]);
      run_gives(plan, &c[i], &inputs, expected[i], bytes);
    }
  for (int i = 0; i < LAYERS; ++i) {
    clattn_weights_destroy(weights[i]);
    free(expected[i]);
    support_free(&c[i]);
  }
  clattn_plan_destroy(plan);
}

/* What shapes no matrix may differ: lengths, masks, heads of another size with as many columns. */
static void one_on_many_plans(void **state) {
  (void)state;
  const clattn_problem made = from_x(CLATTN_F32, CLATTN_LAYOUT_XW, false, 15, 7);
  clattn_problem others[] = {made, made, made, made};
  others[1].query_len = others[1].key_len = 5;
  others[2].causal = false;
  others[2].window_left = 3;
  others[3].heads = 2;
  others[3].kv_heads = 1;
  others[3].head_dim = 12;
  others[3].value_dim = 10;
  support_case c;
  support_allocate(&c, &made, 3);
  clattn_weights *weights = weights_of(&c);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) {
    clattn_plan *plan = NULL;
    clattn_error error;
    support_case own;
    size_t bytes = 0;
    assert_ok(clattn_plan_create(support_opened, &others[i], &support_staged, &plan, &error), &error);
    support_allocate(&own, &others[i], 3);
    for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
      if (clattn_is_weight((clattn_tensor)t))
        clattn_inputs_set(&own.inputs, (clattn_tensor)t, clattn_inputs_get(&c.inputs, (clattn_tensor)t));
    support_want(&own, plan);
    assert_ok(clattn_plan_run(plan, &own.inputs, &own.outputs, NULL, &error), &error);
    unsigned char *expected = copy_results(&own, &bytes);
    const clattn_inputs inputs = inputs_with(&own, weights);
    run_gives(plan, &own, &inputs, expected, bytes);
    free(expected);
    clattn_plan_destroy(plan);
    support_free(&own);
  }
  clattn_weights_destroy(weights);
  support_free(&c);
}

/* A problem without matrices ignores the handle, as it ignores all inputs that it does not have. */
static void ignored_without_matrices(void **state) {
  (void)state;
  const clattn_problem made = from_x(CLATTN_F32, CLATTN_LAYOUT_XW, false, 0, 0);
  clattn_problem p = from_qkv(CLATTN_F32);
  p.output_dim = 0;
  p.biases = 0;
  support_case c, given;
  clattn_plan_options options = support_options();
  support_allocate(&c, &made, 3);
  support_allocate(&given, &p, 3);
  given.inputs.projection_weights = weights_of(&c);
  options.weights_kept = true;
  clattn_check_report report = support_run(support_opened, &given, &options);
  assert_passed(&report, "a handle that is not needed");
  clattn_weights_destroy(given.inputs.projection_weights);
  given.inputs.projection_weights = NULL;
  report = support_run(support_opened, &given, &options);
  assert_passed(&report, "no handle where none is needed");
  support_free(&given);
  support_free(&c);
}

/* ---- matrices in panels ------------------------------------------------------------------------------------------ */

/* Whether handles of the tests' problems hold matrices in panels: on devices whose plans select the
 * kernel panel. */
static bool has_panels(void) {
  const clattn_problem p = plain();
  clattn_plan *plan = NULL;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_error error;
  assert_ok(clattn_plan_create(support_opened, &p, NULL, &plan, &error), &error);
  clattn_plan_get_info(plan, &info);
  const bool panels = strcmp(info.stages[CLATTN_STAGE_PROJECT].kernel, "panel") == 0;
  clattn_plan_destroy(plan);
  return panels;
}

/* Whole panels and parts of one, strips and parts of one, one row, one column. */
static void odd_sizes(void **state) {
  (void)state;
  static const struct {
    size_t tokens, model_dim, head_dim, output_dim;
  } sizes[] = {{1, 1, 1, 1}, {1, 150, 33, 17}, {13, 150, 1, 1}, {7, 64, 16, 32}, {130, 65, 49, 79}};
  static const char *const kernels[] = {NULL, "project=panel:ROWS=1:VECTORS=1:STRIP=64,output=panel:VECTORS=2:STRIP=64",
                                        "project=panel:ROWS=6:VECTORS=1:STRIP=64:TILES=4,output=panel:TILES=2",
                                        "project=panel:ROWS=8:VECTORS=4:TILES=2,output=panel:ITEM_ROWS=64:ROWS=6"};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i)
    for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; ++k)
      for (int layout = CLATTN_LAYOUT_XW; layout <= CLATTN_LAYOUT_XWT; ++layout) {
        clattn_problem p = support_problem(sizes[i].tokens, sizes[i].model_dim, sizes[i].head_dim);
        p.layout = (clattn_weight_layout)layout;
        p.output_dim = sizes[i].output_dim;
        p.biases = 15;
        compare_bits(&p, CLATTN_PIPELINE_AUTO, kernels[k]);
      }
}

/* Q, K and V of one matrix: the parts begin with a panel, or they do not. */
static void parts_of_a_matrix(void **state) {
  (void)state;
  for (size_t head_dim = 15; head_dim <= 16; ++head_dim)
    for (int type = CLATTN_F32; type <= CLATTN_BF16; ++type) {
      clattn_problem p = support_problem(9, 40, head_dim);
      p.type = (clattn_type)type;
      p.heads = 4;
      p.kv_heads = 2;
      p.fused_qkv = true;
      p.biases = 7;
      compare_bits(&p, CLATTN_PIPELINE_AUTO, NULL);
      compare_bits(&p, CLATTN_PIPELINE_AUTO, "project=naive");
      p.fused_order = CLATTN_FUSED_GROUPS;
      if (type != CLATTN_BF16) compare_bits(&p, CLATTN_PIPELINE_AUTO, NULL);
    }
}

static void runs_like_the_host(support_case *c, clattn_weights *weights, const char *kernels) {
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_error error;
  size_t bytes = 0;
  options.kernels = kernels;
  assert_ok(clattn_plan_create(support_opened, &c->problem, &options, &plan, &error), &error);
  support_want(c, plan);
  assert_ok(clattn_plan_run(plan, &c->inputs, &c->outputs, NULL, &error), &error);
  unsigned char *expected = copy_results(c, &bytes);
  const clattn_inputs inputs = inputs_with(c, weights);
  run_gives(plan, c, &inputs, expected, bytes);
  free(expected);
  clattn_plan_destroy(plan);
}

/* A plan that does not read panels gets a second copy of the matrices, once; it is counted. */
static void second_copies(void **state) {
  (void)state;
  const clattn_problem p = from_x(CLATTN_F16, CLATTN_LAYOUT_XWT, false, 15, 7);
  const uint64_t all = clattn_ledger_left(support_opened);
  support_case c;
  support_allocate(&c, &p, 3);
  clattn_weights *weights = weights_of(&c);
  const uint64_t first = clattn_weights_bytes(weights);
  uint64_t of_qkv = 0, of_wo = 0;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && has_panels(); ++t) {
    size_t shape[4] = {0};
    if (!clattn_is_weight((clattn_tensor)t) || clattn_problem_shape(&p, (clattn_tensor)t, shape) != 2) continue;
    *(t == CLATTN_WO ? &of_wo : &of_qkv) += (uint64_t)shape[0] * shape[1] * 4;
  }
  runs_like_the_host(&c, weights, NULL);
  assert_int_equal(clattn_weights_bytes(weights), first);
  for (int round = 0; round < 2; ++round) {
    runs_like_the_host(&c, weights, "project=coalesced");
    assert_int_equal(clattn_weights_bytes(weights), first + of_qkv + (round == 0 ? 0 : of_wo));
    runs_like_the_host(&c, weights, "output=naive");
    assert_int_equal(clattn_weights_bytes(weights), first + of_qkv + of_wo);
    runs_like_the_host(&c, weights, NULL);
  }
  assert_int_equal(clattn_ledger_left(support_opened), all - first - of_qkv - of_wo);
  clattn_weights_destroy(weights);
  assert_int_equal(clattn_ledger_left(support_opened), all);
  support_free(&c);
}

/* The same matrix divided into q, k and v at other columns: where no panel begins. */
static void divided_otherwise(void **state) {
  (void)state;
  clattn_problem made = support_problem(9, 40, 16), other = support_problem(9, 40, 12);
  made.fused_qkv = other.fused_qkv = true;
  made.heads = 2;
  made.kv_heads = 1;    /* 32 + 16 + 16 columns */
  other.value_dim = 40; /* 12 + 12 + 40 */
  support_case c, divided;
  support_allocate(&c, &made, 3);
  support_allocate(&divided, &other, 3);
  clattn_weights *weights = weights_of(&c);
  clattn_inputs_set(&divided.inputs, CLATTN_WQKV, clattn_inputs_get(&c.inputs, CLATTN_WQKV));
  runs_like_the_host(&divided, weights, NULL);
  runs_like_the_host(&c, weights, NULL);
  clattn_weights_destroy(weights);
  support_free(&divided);
  support_free(&c);
}

/* Where the second copy does not fit, or cannot be made, the run fails and everything else stays as
 * it was. */
static void no_second_copy(void **state) {
  (void)state;
  const clattn_problem p = from_x(CLATTN_F32, CLATTN_LAYOUT_XW, false, 15, 7);
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_error error;
  support_case c;
  if (!has_panels()) skip();
  options.kernels = "project=coalesced";
  options.weights_kept = true;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  support_allocate(&c, &p, 3);
  support_want(&c, plan);
  clattn_weights *weights = weights_of(&c);
  const clattn_inputs inputs = inputs_with(&c, weights);
  const uint64_t left = clattn_ledger_left(support_opened), bytes = clattn_weights_bytes(weights);
  assert_ok(clattn_ledger_take(support_opened, left - 100, "a test", &error), &error);
  assert_int_equal(clattn_plan_run(plan, &inputs, &c.outputs, NULL, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_says(&error, "wq takes ");
  assert_int_equal(clattn_ledger_left(support_opened), 100);
  clattn_ledger_give(support_opened, left - 100);

  writes_until_failure = 1;
  assert_int_equal(clattn_plan_run(plan, &inputs, &c.outputs, NULL, &error), CLATTN_OPENCL_FAILED);
  assert_says(&error, "laying out wq anew");
  assert_int_equal(clattn_ledger_left(support_opened), left);
  assert_int_equal(clattn_weights_bytes(weights), bytes);
  clattn_plan_destroy(plan);
  runs_like_the_host(&c, weights, "project=coalesced");
  clattn_weights_destroy(weights);
  support_free(&c);
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

enum { STEPS = 9 };

static void decode(const clattn_problem *p, support_case *c, clattn_weights *weights, float *contexts, size_t *bytes) {
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_cache *cache = NULL;
  clattn_error error;
  const size_t columns = p->heads * p->value_dim;
  options.pipeline = CLATTN_PIPELINE_FUSED;
  options.weights_kept = weights != NULL;
  assert_ok(clattn_plan_create(support_opened, p, &options, &plan, &error), &error);
  assert_ok(clattn_cache_create(support_opened, p, NULL, NULL, &cache, &error), &error);
  clattn_inputs inputs = weights != NULL ? inputs_with(c, weights) : c->inputs;
  inputs.cache = cache;
  for (size_t i = 0; i < STEPS; ++i) {
    const clattn_outputs outputs = {.size = sizeof(clattn_outputs), .context = contexts + i * columns};
    uploaded = 0;
    assert_ok(clattn_plan_run(plan, &inputs, &outputs, NULL, &error), &error);
    bytes[i] = uploaded;
  }
  clattn_cache_destroy(cache);
  clattn_plan_destroy(plan);
}

/* Token by token from x: with the handle a token uploads x and the lengths, and nothing of the
 * matrices. */
static void decoding_uploads_no_matrices(void **state) {
  (void)state;
  clattn_problem p = support_problem(1, 512, 64);
  p.heads = 8;
  p.output_dim = 512;
  p.causal = true;
  p.cache.capacity = 16;
  const size_t columns = p.heads * p.value_dim;
  size_t from_host[STEPS], from_handle[STEPS], matrices = 0;
  float *contexts = malloc(2 * STEPS * columns * sizeof *contexts);
  support_case c;
  assert_non_null(contexts);
  support_allocate(&c, &p, 3);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (clattn_is_weight((clattn_tensor)t)) matrices += clattn_input_bytes(&p, (clattn_tensor)t);
  clattn_weights *weights = weights_of(&c);
  assert_int_equal(clattn_weights_bytes(weights), matrices);
  decode(&p, &c, NULL, contexts, from_host);
  decode(&p, &c, weights, contexts + STEPS * columns, from_handle);
  assert_memory_equal(contexts, contexts + STEPS * columns, STEPS * columns * sizeof *contexts);
  for (size_t i = 0; i < STEPS; ++i) assert_int_equal(from_host[i] - from_handle[i], matrices);
  print_message("a token uploads %zu bytes from host memory, %zu with a handle\n", from_host[1], from_handle[1]);
  assert_in_range(from_handle[1], clattn_input_bytes(&p, CLATTN_X), clattn_input_bytes(&p, CLATTN_X) + 64);
  clattn_weights_destroy(weights);
  free(contexts);
  support_free(&c);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static uint64_t floats_of_weights(const clattn_problem *p) {
  uint64_t bytes = 0;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (clattn_is_weight((clattn_tensor)t)) bytes += (uint64_t)clattn_tensor_elements(p, (clattn_tensor)t) * 4;
  return bytes;
}

/* Panels have 16 columns each. */
static uint64_t held_bytes(const clattn_problem *p) {
  const bool transposed = p->layout == CLATTN_LAYOUT_XWT, panels = has_panels();
  uint64_t bytes = 0;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    size_t shape[4] = {0};
    const int rank = clattn_is_weight((clattn_tensor)t) ? clattn_problem_shape(p, (clattn_tensor)t, shape) : 0;
    size_t columns = rank == 2 && transposed ? shape[0] : shape[1], terms = transposed ? shape[1] : shape[0];
    if (rank == 2 && panels) columns = (columns + 15) / 16 * 16;
    bytes += rank == 2 ? (uint64_t)columns * terms * 4 : rank == 1 ? (uint64_t)shape[0] * 4 : 0;
  }
  return bytes;
}

static uint64_t total_bytes(const clattn_problem *p, const clattn_plan_options *options) {
  clattn_plan *plan = NULL;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_error error;
  const uint64_t left = clattn_ledger_left(support_opened);
  assert_ok(clattn_plan_create(support_opened, p, options, &plan, &error), &error);
  clattn_plan_get_info(plan, &info);
  assert_int_equal(clattn_ledger_left(support_opened), left - info.total_bytes);
  clattn_plan_destroy(plan);
  return info.total_bytes;
}

/* Plans with weights_kept have that much less: of halves also the stored ones, unless the caller
 * has those. */
static void counted(void **state) {
  (void)state;
  const uint64_t all = clattn_ledger_left(support_opened);
  const clattn_type types[] = {CLATTN_F32, CLATTN_F16};
  for (int t = 0; t < 2; ++t)
    for (int io = CLATTN_IO_HOST; io <= CLATTN_IO_DEVICE; ++io) {
      const clattn_problem p = from_x(types[t], CLATTN_LAYOUT_XWT, false, 15, 7);
      const uint64_t floats = floats_of_weights(&p), halves = types[t] == CLATTN_F32 ? 0 : floats / 2;
      const bool host = io == CLATTN_IO_HOST;
      clattn_plan_options options = support_options();
      support_case c;
      options.io = (clattn_io)io;
      const uint64_t own = total_bytes(&p, &options);
      options.weights_kept = true;
      assert_int_equal(own - total_bytes(&p, &options), (host || halves > 0 ? floats : 0) + (host ? halves : 0));

      support_allocate(&c, &p, 3);
      clattn_weights *weights = weights_of(&c);
      assert_int_equal(clattn_weights_bytes(weights), held_bytes(&p));
      assert_int_equal(clattn_ledger_left(support_opened), all - held_bytes(&p));
      clattn_weights_destroy(weights);
      assert_int_equal(clattn_ledger_left(support_opened), all);
      support_free(&c);
    }
}

/* Refusals count without the matrices, too, and so does what would fit. */
static void tight_memory(void **state) {
  (void)state;
  clattn_problem p = support_problem(40, 64, 32);
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_error error;
  size_t fits = 0;
  options.pipeline = CLATTN_PIPELINE_FUSED;
  options.memory_bytes = floats_of_weights(&p) + 1000;
  assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  options.weights_kept = true;
  options.memory_bytes = 20000;
  assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_says(&error, "tokens instead of 40 would fit");
  assert_int_equal(sscanf(strstr(error.message, "; ") + 2, "%*u are allowed on %*[^;]; %zu tokens", &fits), 1);
  assert_in_range(fits, 1, 39);
  p.query_len = p.key_len = fits;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  clattn_plan_destroy(plan);
  p.query_len = p.key_len = fits + 1;
  assert_int_equal(clattn_plan_create(support_opened, &p, &options, &plan, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
}

static void no_memory_left(void **state) {
  (void)state;
  const clattn_problem p = plain();
  const uint64_t left = clattn_ledger_left(support_opened);
  clattn_weights *weights = NULL;
  clattn_error error;
  support_case c;
  support_allocate(&c, &p, 3);
  assert_ok(clattn_ledger_take(support_opened, left - 100, "a test", &error), &error);
  assert_int_equal(clattn_weights_create(support_opened, &p, &c.inputs, &weights, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_null(weights);
  assert_says(&error, "a clattn_weights takes ");
  assert_int_equal(clattn_ledger_left(support_opened), 100);
  clattn_ledger_give(support_opened, left - 100);

  const uint64_t most = support_opened->info.max_allocation_bytes;
  support_opened->info.max_allocation_bytes = 100;
  assert_int_equal(clattn_weights_create(support_opened, &p, &c.inputs, &weights, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_says(&error, "wq takes ");
  support_opened->info.max_allocation_bytes = most;
  assert_int_equal(clattn_ledger_left(support_opened), left);
  support_free(&c);
}

/* A driver that gives up at any of the uploads: nothing stays allocated. */
static void failed_uploads(void **state) {
  (void)state;
  const clattn_problem problems[] = {from_x(CLATTN_F32, CLATTN_LAYOUT_XW, false, 15, 7),
                                     from_x(CLATTN_BF16, CLATTN_LAYOUT_XWT, true, 7, 0)};
  const size_t tensors[] = {8, 2};
  const uint64_t left = clattn_ledger_left(support_opened);
  for (int i = 0; i < 2; ++i) {
    clattn_weights *weights = NULL;
    clattn_error error;
    support_case c;
    support_allocate(&c, &problems[i], 3);
    for (size_t fails = 1; fails <= tensors[i]; ++fails) {
      writes_until_failure = fails;
      assert_int_equal(clattn_weights_create(support_opened, &problems[i], &c.inputs, &weights, &error),
                       CLATTN_OPENCL_FAILED);
      assert_int_equal(writes_until_failure, 0);
      assert_null(weights);
      assert_says(&error, "uploading ");
      assert_int_equal(clattn_ledger_left(support_opened), left);
    }
    writes_until_failure = tensors[i] + 1;
    clattn_weights_destroy(weights_of(&c));
    assert_int_equal(writes_until_failure, 1); /* one write for each tensor */
    writes_until_failure = 0;
    support_free(&c);
  }
}

/* The stage convert no longer counts what it no longer widens. */
static void costs(void **state) {
  (void)state;
  const clattn_problem p = from_x(CLATTN_F16, CLATTN_LAYOUT_XW, false, 15, 7);
  clattn_plan_info info[2] = {CLATTN_PLAN_INFO_INIT, CLATTN_PLAN_INFO_INIT};
  for (int kept = 0; kept < 2; ++kept) {
    clattn_plan_options options = support_options();
    clattn_plan *plan = NULL;
    clattn_error error;
    options.weights_kept = kept == 1;
    assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
    clattn_plan_get_info(plan, &info[kept]);
    clattn_plan_destroy(plan);
  }
  const double less = info[0].stages[CLATTN_STAGE_CONVERT].bytes - info[1].stages[CLATTN_STAGE_CONVERT].bytes;
  assert_true(less == (double)floats_of_weights(&p) * 1.5);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void refused_in_creating(void **state) {
  (void)state;
  const clattn_problem p = from_x(CLATTN_F32, CLATTN_LAYOUT_XW, false, 15, 7);
  clattn_problem given = from_qkv(CLATTN_F32), zeros;
  clattn_weights *weights = NULL;
  clattn_error error;
  support_case c;
  support_allocate(&c, &p, 3);
  clattn_inputs inputs = c.inputs;
  assert_int_equal(clattn_weights_create(support_opened, &p, &inputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_weights_create(NULL, &p, &inputs, &weights, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_weights_create(support_opened, NULL, &inputs, &weights, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_weights_create(support_opened, &p, NULL, &weights, &error), CLATTN_INVALID_ARGUMENT);
  memset(&zeros, 0, sizeof zeros);
  assert_int_equal(clattn_weights_create(support_opened, &zeros, &inputs, &weights, &error), CLATTN_INVALID_ARGUMENT);
  given.output_dim = 0;
  given.biases = 0;
  assert_int_equal(clattn_weights_create(support_opened, &given, &inputs, &weights, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "the problem has no projection matrices");
  inputs.bo = NULL;
  assert_int_equal(clattn_weights_create(support_opened, &p, &inputs, &weights, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "input bo is NULL");
  assert_null(weights);
  clattn_weights_destroy(NULL);
  support_free(&c);
}

/* Other matrices, by the name of what differs. */
static void refused_in_runs(void **state) {
  (void)state;
  const clattn_problem p = from_x(CLATTN_F32, CLATTN_LAYOUT_XW, false, 15, 7);
  struct {
    const char *says;
    clattn_problem problem;
  } others[] = {{"for a type of 0, the problem has 1", p},
                {"for a layout of 0, the problem has 1", p},
                {"for a fused_qkv of 0, the problem has 1", p},
                {"for a biases of 15, the problem has 7", p},
                {"have a wq of 12 x 24, the problem's is 13 x 24", p},
                {"have a wv of 12 x 10, the problem's is 12 x 12", p},
                {"have a wo of 20 x 7, the problem's is 20 x 8", p}};
  others[0].problem.type = CLATTN_F16;
  others[1].problem.layout = CLATTN_LAYOUT_XWT;
  others[2].problem.fused_qkv = true;
  others[3].problem.biases = 7;
  others[4].problem.model_dim = 13;
  others[5].problem.value_dim = 6;
  others[6].problem.output_dim = 8;
  support_case c;
  support_allocate(&c, &p, 3);
  clattn_weights *weights = weights_of(&c);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) {
    clattn_plan *plan = NULL;
    clattn_error error;
    support_case own;
    assert_ok(clattn_plan_create(support_opened, &others[i].problem, &support_staged, &plan, &error), &error);
    support_allocate(&own, &others[i].problem, 3);
    support_want(&own, plan);
    const clattn_inputs inputs = inputs_with(&own, weights);
    assert_int_equal(clattn_plan_run(plan, &inputs, &own.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
    assert_says(&error, others[i].says);
    assert_ok(clattn_plan_run(plan, &own.inputs, &own.outputs, NULL, &error), &error);
    clattn_plan_destroy(plan);
    support_free(&own);
  }
  clattn_weights_destroy(weights);
  support_free(&c);
}

/* A handle that has only wo and bo, for a problem that also projects q, k and v; and the other way
 * round. */
static void refused_parts(void **state) {
  (void)state;
  clattn_problem whole = from_x(CLATTN_F32, CLATTN_LAYOUT_XW, false, 0, 7), part = from_qkv(CLATTN_F32);
  const clattn_problem *const problems[] = {&whole, &part};
  static const char *const says[] = {"the weights have no wq, the problem has one",
                                     "the weights have a wq, the problem has none"};
  clattn_weights *weights[2];
  support_case c[2];
  part.biases = 0;
  for (int i = 0; i < 2; ++i) {
    support_allocate(&c[i], problems[i], 3);
    weights[i] = weights_of(&c[i]);
  }
  for (int i = 0; i < 2; ++i) {
    clattn_plan *plan = NULL;
    clattn_error error;
    assert_ok(clattn_plan_create(support_opened, problems[i], &support_staged, &plan, &error), &error);
    support_want(&c[i], plan);
    const clattn_inputs inputs = inputs_with(&c[i], weights[1 - i]);
    assert_int_equal(clattn_plan_run(plan, &inputs, &c[i].outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
    assert_says(&error, says[i]);
    clattn_plan_destroy(plan);
  }
  for (int i = 0; i < 2; ++i) {
    clattn_weights_destroy(weights[i]);
    support_free(&c[i]);
  }
}

static void refused_without_a_handle(void **state) {
  (void)state;
  const clattn_problem p = from_x(CLATTN_F32, CLATTN_LAYOUT_XW, false, 15, 7);
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_device *other = support_device();
  clattn_error error;
  support_case c;
  options.weights_kept = true;
  assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
  support_allocate(&c, &p, 3);
  support_want(&c, plan);
  assert_int_equal(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "projection_weights is NULL; the plan was made with weights_kept");
  clattn_weights *weights = NULL;
  assert_ok(clattn_weights_create(other, &p, &c.inputs, &weights, &error), &error);
  const clattn_inputs inputs = inputs_with(&c, weights);
  assert_int_equal(clattn_plan_run(plan, &inputs, &c.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "the weights were made for another device than the plan");
  clattn_weights_destroy(weights);
  clattn_device_close(other);
  clattn_plan_destroy(plan);

  /* The reference and the check read host memory, whatever the handle is. */
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  assert_int_equal(clattn_reference_run(&p, &inputs, &c.outputs, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "input wq is NULL");
  assert_int_equal(clattn_check_other(&p, &inputs, &c.outputs, NULL, &report, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "input wq is NULL");
  support_free(&c);
}

/* ---- enqueued runs ----------------------------------------------------------------------------------------------- */

static void create_buffers(const support_case *c, clattn_buffers *buffers) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const void *from = clattn_inputs_get(&c->inputs, tensor);
    const size_t input = clattn_input_bytes(&c->problem, tensor), output = clattn_output_bytes(&c->problem, tensor);
    const bool result = tensor == CLATTN_CONTEXT || tensor == CLATTN_OUTPUT;
    cl_int code = CL_SUCCESS;
    if (clattn_is_weight(tensor) || (input == 0 && (!result || output == 0))) continue;
    const cl_mem_flags flags = CL_MEM_READ_WRITE | (input > 0 ? CL_MEM_COPY_HOST_PTR : 0);
    cl_mem buffer = clCreateBuffer(support_opened->context, flags, input > 0 ? input : output,
                                   input > 0 ? (void *)(uintptr_t)from : NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    clattn_buffers_set(buffers, tensor, buffer);
  }
}

/* Opens the gate of an enqueued run while the test waits for that run. */
static void *open_later(void *gate) {
  const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
  nanosleep(&pause, NULL);
  return clSetUserEventStatus(gate, CL_COMPLETE) == CL_SUCCESS ? gate : NULL;
}

/* The run waits for an event; meanwhile the handle cannot go, and afterwards its memory is free
 * again. */
static void enqueued(void **state) {
  (void)state;
  const clattn_type types[] = {CLATTN_F32, CLATTN_F16};
  for (int kept = 0; kept < 2; ++kept)
    for (int t = 0; t < 2; ++t) {
      const clattn_problem p = from_x(types[t], CLATTN_LAYOUT_XWT, false, 15, 7);
      clattn_plan_options options = support_options();
      clattn_buffers buffers = CLATTN_BUFFERS_INIT;
      clattn_plan *plan = NULL;
      clattn_error error;
      support_case c;
      cl_event done = NULL;
      const uint64_t left = clattn_ledger_left(support_opened);
      support_allocate(&c, &p, 3);
      const clattn_check_report report = support_run(support_opened, &c, &options);
      assert_passed(&report, "from host memory");
      const size_t bytes = clattn_output_bytes(&p, CLATTN_OUTPUT);
      void *expected = malloc(bytes);
      assert_non_null(expected);
      memcpy(expected, c.outputs.output, bytes);

      options.io = CLATTN_IO_DEVICE;
      options.weights_kept = kept == 1;
      assert_ok(clattn_plan_create(support_opened, &p, &options, &plan, &error), &error);
      create_buffers(&c, &buffers);
      assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
      assert_says(&error, kept == 1 ? "projection_weights is NULL" : "buffer wq is NULL");
      buffers.projection_weights = weights_of(&c);
      buffers.wq = buffers.x; /* not used, so neither too small nor an overlap */
      buffers.bo = buffers.output;
      cl_event gate = clCreateUserEvent(support_opened->context, NULL);
      assert_non_null(gate);
      assert_ok(clattn_plan_enqueue(plan, &buffers, 1, &gate, &done, &error), &error);
      pthread_t opener;
      void *opened = NULL;
      assert_int_equal(pthread_create(&opener, NULL, open_later, gate), 0);
      clattn_weights_destroy(buffers.projection_weights); /* waits */
      assert_int_equal(pthread_join(opener, &opened), 0);
      assert_ptr_equal(opened, gate);
      cl_int execution = CL_QUEUED;
      assert_int_equal(clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof execution, &execution, NULL),
                       CL_SUCCESS);
      assert_int_equal(execution, CL_COMPLETE);
      support_poison(&c);
      assert_int_equal(clEnqueueReadBuffer(support_opened->queue, buffers.output, CL_TRUE, 0, bytes, c.outputs.output,
                                           0, NULL, NULL),
                       CL_SUCCESS);
      assert_memory_equal(c.outputs.output, expected, bytes);
      buffers.wq = buffers.bo = NULL;
      for (int i = 0; i < CLATTN_TENSOR_COUNT; ++i)
        if (clattn_buffers_get(&buffers, (clattn_tensor)i) != NULL)
          clReleaseMemObject(clattn_buffers_get(&buffers, (clattn_tensor)i));
      clReleaseEvent(gate);
      clReleaseEvent(done);
      clattn_plan_destroy(plan);
      assert_int_equal(clattn_ledger_left(support_opened), left);
      free(expected);
      support_free(&c);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_bits),
      cmocka_unit_test(large_matrices),
      cmocka_unit_test(many_on_one_plan),
      cmocka_unit_test(one_on_many_plans),
      cmocka_unit_test(ignored_without_matrices),
      cmocka_unit_test(odd_sizes),
      cmocka_unit_test(parts_of_a_matrix),
      cmocka_unit_test(second_copies),
      cmocka_unit_test(divided_otherwise),
      cmocka_unit_test(no_second_copy),
      cmocka_unit_test(decoding_uploads_no_matrices),
      cmocka_unit_test(counted),
      cmocka_unit_test(tight_memory),
      cmocka_unit_test(no_memory_left),
      cmocka_unit_test(failed_uploads),
      cmocka_unit_test(costs),
      cmocka_unit_test(refused_in_creating),
      cmocka_unit_test(refused_in_runs),
      cmocka_unit_test(refused_parts),
      cmocka_unit_test(refused_without_a_handle),
      cmocka_unit_test(enqueued),
  };
  return cmocka_run_group_tests_name("weights", tests, support_open, support_close);
}
