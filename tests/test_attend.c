/* clattn_attend: the same bits as a plan and its run, and plans that are kept for the calls that
 * follow. */
#define CL_TARGET_OPENCL_VERSION 120

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clattn_cl.h"
#include "device/ledger.h"
#include "problem/facts.h"
#include "problem/problem.h"
#include "problem/same.h"
#include "problem/shape.h"
#include "support.h"

enum { PLANS_MOST = 8 }; /* as clattn.h says */

/* ---- what planning does ------------------------------------------------------------------------------------------ */

/* The linker hands the library these instead of OpenCL's (tests/CMakeLists.txt). Only planning
 * creates kernels; a buffer fails on demand. */
cl_kernel __real_clCreateKernel(cl_program program, const char *name, cl_int *code);
cl_kernel __wrap_clCreateKernel(cl_program program, const char *name, cl_int *code);
cl_mem __real_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code);
cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code);

cl_int __real_clReleaseKernel(cl_kernel kernel);
cl_int __wrap_clReleaseKernel(cl_kernel kernel);

static size_t kernels_created, kernels_released, buffers_to_fail;

cl_kernel __wrap_clCreateKernel(cl_program program, const char *name, cl_int *code) {
  ++kernels_created;
  return __real_clCreateKernel(program, name, code);
}

cl_int __wrap_clReleaseKernel(cl_kernel kernel) {
  ++kernels_released;
  return __real_clReleaseKernel(kernel);
}

cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code) {
  if (buffers_to_fail == 0) return __real_clCreateBuffer(context, flags, bytes, host, code);
  --buffers_to_fail;
  *code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
  return NULL;
}

/* Whether the call planned. */
static bool attend_plans(clattn_device *device, const clattn_problem *problem, const clattn_inputs *inputs,
                         const clattn_outputs *outputs) {
  const size_t before = kernels_created;
  clattn_error error;
  assert_ok(clattn_attend(device, problem, inputs, outputs, &error), &error);
  return kernels_created > before;
}

static uint64_t held(const clattn_device *device) {
  return device->info.global_memory_bytes - clattn_ledger_left(device);
}

/* ---- problems ---------------------------------------------------------------------------------------------------- */

static clattn_problem given(size_t tokens) {
  clattn_problem p = clattn_problem_qkv(2, 3, tokens, tokens, 8);
  p.causal = true;
  return p;
}

static clattn_problem from_x(clattn_type type) {
  clattn_problem p = support_problem(17, 12, 6);
  p.heads = 4;
  p.kv_heads = 2;
  p.type = type;
  p.output_dim = 9;
  p.biases = 15;
  p.rotary = CLATTN_ROTARY_HALVES;
  return p;
}

static clattn_problem masked(void) {
  clattn_problem p = given(21);
  p.mask = CLATTN_MASK_FLOAT;
  p.mask_shape[0] = p.mask_shape[1] = 1;
  p.mask_shape[2] = p.query_len;
  p.mask_shape[3] = p.key_len;
  p.alibi = p.sinks = true;
  p.softcap = 5.0f;
  return p;
}

/* ---- the same bits ----------------------------------------------------------------------------------------------- */

typedef enum wanted { WANT_RESULT, WANT_ROWS, WANT_TRACED, WANT_COUNT } wanted;

static bool is_rows(clattn_tensor tensor) {
  return tensor >= CLATTN_PRODUCTS && tensor <= CLATTN_WEIGHTS;
}

static void want(support_case *c, wanted what) {
  for (int t = CLATTN_Q; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const bool traced = support_is_traced(tensor);
    if (!traced && !is_rows(tensor)) continue;
    const bool wants = what == WANT_TRACED || (what == WANT_ROWS && !traced);
    clattn_outputs_set(&c->outputs, tensor, wants && c->memory[t] != NULL ? support_tensor(c, tensor) : NULL);
  }
}

static void compare_bits(const clattn_problem *problem, wanted what) {
  static const clattn_pipeline pipelines[] = {CLATTN_PIPELINE_FUSED, CLATTN_PIPELINE_STAGED, CLATTN_PIPELINE_STAGED};
  clattn_plan_options options = SUPPORT_STAGED;
  clattn_plan *plan = NULL;
  clattn_error error;
  support_case ours, theirs;
  options.pipeline = pipelines[what];
  options.trace = what == WANT_TRACED;
  support_allocate(&ours, problem, 3);
  support_allocate(&theirs, problem, 3);
  want(&ours, what);
  want(&theirs, what);
  assert_ok(clattn_plan_create(support_opened, problem, &options, &plan, &error), &error);
  assert_ok(clattn_plan_run(plan, &theirs.inputs, &theirs.outputs, NULL, &error), &error);
  clattn_plan_destroy(plan);
  assert_true(attend_plans(support_opened, problem, &ours.inputs, &ours.outputs));
  assert_false(attend_plans(support_opened, problem, &ours.inputs, &ours.outputs));
  support_check_guards(&ours);
  for (int t = CLATTN_Q; t < CLATTN_TENSOR_COUNT; ++t) {
    const void *got = clattn_outputs_get(&ours.outputs, (clattn_tensor)t);
    const void *expected = clattn_outputs_get(&theirs.outputs, (clattn_tensor)t);
    if (got != NULL) assert_memory_equal(got, expected, clattn_output_bytes(problem, (clattn_tensor)t));
  }
  support_free(&ours);
  support_free(&theirs);
}

static void same_bits(void **state) {
  (void)state;
  const clattn_problem problems[] = {given(19), from_x(CLATTN_F32), from_x(CLATTN_F16), masked()};
  for (size_t i = 0; i < sizeof problems / sizeof problems[0]; ++i)
    for (int what = 0; what < WANT_COUNT; ++what) compare_bits(&problems[i], (wanted)what);
}

/* (batch, heads, len, dim) in and out, against the reference. */
static void given_as_the_field_calls_it(void **state) {
  (void)state;
  const clattn_problem p = clattn_problem_qkv(2, 3, 5, 7, 4);
  size_t shape[4];
  clattn_error error;
  support_case c, reference;
  assert_ok(clattn_problem_validate(&p, &error), &error);
  assert_int_equal(clattn_problem_shape(&p, CLATTN_CONTEXT, shape), 4);
  assert_int_equal(shape[0], 2);
  assert_int_equal(shape[1], 3);
  assert_int_equal(shape[2], 5);
  assert_int_equal(shape[3], 4);
  const clattn_strides keys = clattn_given_strides(&p, CLATTN_K);
  assert_int_equal(keys.batch, 3 * 7 * 4);
  assert_int_equal(keys.head, 7 * 4);
  assert_int_equal(keys.row, 4);
  support_allocate(&c, &p, 3);
  support_allocate(&reference, &p, 3);
  want(&c, WANT_RESULT);
  assert_ok(clattn_attend(support_opened, &p, &c.inputs, &c.outputs, &error), &error);
  assert_ok(clattn_reference_run(&p, &reference.inputs, &reference.outputs, &error), &error);
  for (size_t i = 0; i < clattn_tensor_elements(&p, CLATTN_CONTEXT); ++i)
    assert_true(fabsf(c.outputs.context[i] - reference.outputs.context[i]) < 1e-4f);
  support_free(&reference);
  support_free(&c);
}

/* What the problem does not have is not written and changes no plan. */
static void outputs_that_do_not_count(void **state) {
  (void)state;
  const clattn_problem p = given(6);
  float nothing[1] = {7.0f};
  clattn_device *device = support_device();
  support_case c;
  support_allocate(&c, &p, 3);
  want(&c, WANT_RESULT);
  assert_true(attend_plans(device, &p, &c.inputs, &c.outputs));
  c.outputs.x_positioned = nothing; /* q, k and v are given: there is no x */
  c.outputs.cached_k = nothing;
  assert_false(attend_plans(device, &p, &c.inputs, &c.outputs));
  assert_true(nothing[0] == 7.0f);
  support_free(&c);
  clattn_device_close(device);
}

/* ---- keeping ----------------------------------------------------------------------------------------------------- */

static void a_loop_plans_once(void **state) {
  (void)state;
  const clattn_problem p = given(4);
  clattn_device *device = support_device();
  support_case c;
  support_allocate(&c, &p, 3);
  want(&c, WANT_RESULT);
  assert_true(attend_plans(device, &p, &c.inputs, &c.outputs));
  const uint64_t bytes = held(device);
  assert_true(bytes > 0);
  for (int i = 0; i < 1000; ++i) {
    assert_false(attend_plans(device, &p, &c.inputs, &c.outputs));
    assert_int_equal(held(device), bytes);
  }
  support_free(&c);
  clattn_device_close(device);
}

/* A plan may compute in float what was asked for in halves; it is kept for the question. */
static void a_plan_in_another_math_is_kept(void **state) {
  (void)state;
  clattn_problem p = support_problem(7, 6, 4);
  clattn_device *device = support_device();
  support_case c;
  p.type = CLATTN_F16;
  p.math = CLATTN_MATH_STORED;
  support_allocate(&c, &p, 3);
  want(&c, WANT_RESULT);
  assert_true(attend_plans(device, &p, &c.inputs, &c.outputs));
  assert_false(attend_plans(device, &p, &c.inputs, &c.outputs));
  p.math = CLATTN_MATH_FLOAT;
  assert_true(attend_plans(device, &p, &c.inputs, &c.outputs));
  support_free(&c);
  clattn_device_close(device);
}

/* A call with other outputs has a plan of its own; both are kept. */
static void outputs_choose_the_plan(void **state) {
  (void)state;
  const clattn_problem p = from_x(CLATTN_F32);
  clattn_device *device = support_device();
  support_case c;
  support_allocate(&c, &p, 3);
  for (int round = 0; round < 2; ++round)
    for (int what = 0; what < WANT_COUNT; ++what) {
      want(&c, (wanted)what);
      assert_int_equal(attend_plans(device, &p, &c.inputs, &c.outputs), round == 0);
    }
  support_free(&c);
  clattn_device_close(device);
}

static bool attend_tokens(clattn_device *device, size_t tokens) {
  const clattn_problem p = given(tokens);
  support_case c;
  support_allocate(&c, &p, 3);
  want(&c, WANT_RESULT);
  const bool planned = attend_plans(device, &p, &c.inputs, &c.outputs);
  support_free(&c);
  return planned;
}

/* Of nine problems the one goes that was not used for the longest time. */
static void the_eight_used_last_stay(void **state) {
  (void)state;
  clattn_device *device = support_device();
  for (size_t i = 1; i <= PLANS_MOST; ++i) assert_true(attend_tokens(device, i));
  for (size_t i = 1; i <= PLANS_MOST; ++i) assert_false(attend_tokens(device, i));
  assert_false(attend_tokens(device, 1)); /* the oldest is now 2 */
  assert_true(attend_tokens(device, 9));
  assert_false(attend_tokens(device, 1));
  for (size_t i = 3; i <= 9; ++i) assert_false(attend_tokens(device, i));
  assert_true(attend_tokens(device, 2));
  assert_true(attend_tokens(device, 1)); /* gone for 2 */
  clattn_device_close(device);
}

/* A quarter of the device's memory at most; but the plan of the last call is always kept. */
static void a_quarter_of_memory(void **state) {
  (void)state;
  clattn_device *device = support_device();
  assert_true(attend_tokens(device, 200));
  const uint64_t one = held(device);
  device->info.global_memory_bytes = 4 * (2 * one + one / 2);
  assert_true(attend_tokens(device, 199));
  assert_false(attend_tokens(device, 200));
  assert_true(attend_tokens(device, 198)); /* 199 goes */
  assert_in_range(held(device), one, 2 * one);
  assert_false(attend_tokens(device, 200));
  assert_false(attend_tokens(device, 198));
  assert_true(attend_tokens(device, 199));
  device->info.global_memory_bytes = 2 * one; /* a quarter is less than the plan */
  assert_true(attend_tokens(device, 197));
  assert_false(attend_tokens(device, 197));
  assert_in_range(held(device), 1, one);
  clattn_device_close(device);
}

static void devices_keep_their_own(void **state) {
  (void)state;
  const size_t created = kernels_created, released = kernels_released;
  clattn_device *a = support_device(), *b = support_device();
  assert_true(attend_tokens(a, 5));
  assert_true(attend_tokens(b, 5));
  const uint64_t bytes = held(b);
  clattn_device_close(a);
  assert_int_equal(held(b), bytes);
  assert_false(attend_tokens(b, 5));
  clattn_device_close(b);
  assert_int_equal(kernels_released - released, kernels_created - created); /* no plan is left */
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Fills the device, so that only what kept plans hold could be used. */
static uint64_t take_the_rest(clattn_device *device) {
  const uint64_t left = clattn_ledger_left(device);
  clattn_error error;
  assert_ok(clattn_ledger_take(device, left, "a test", &error), &error);
  return left;
}

static void kept_plans_give_way(void **state) {
  (void)state;
  const clattn_problem p = given(40);
  clattn_problem cached = given(4), projected = from_x(CLATTN_F32);
  clattn_device *device = support_device();
  clattn_plan_options options = SUPPORT_STAGED;
  clattn_plan *plan = NULL;
  clattn_cache *cache = NULL;
  clattn_weights *weights = NULL;
  clattn_error error;
  support_case c;
  options.pipeline = CLATTN_PIPELINE_FUSED;
  cached.cache.capacity = 8;
  support_allocate(&c, &projected, 3);

  assert_true(attend_tokens(device, 60));
  uint64_t rest = take_the_rest(device);
  assert_true(attend_tokens(device, 40)); /* the plan for 60 goes */
  assert_false(attend_tokens(device, 40));
  clattn_ledger_give(device, rest);

  assert_true(attend_tokens(device, 60));
  rest = take_the_rest(device);
  assert_ok(clattn_plan_create(device, &p, &options, &plan, &error), &error);
  clattn_plan_destroy(plan);
  assert_int_equal(clattn_plan_create(device, &p, &options, &plan, &error), CLATTN_OK); /* of what became free */
  clattn_plan_destroy(plan);
  clattn_ledger_give(device, rest);

  assert_true(attend_tokens(device, 60));
  rest = take_the_rest(device);
  assert_ok(clattn_cache_create(device, &cached, NULL, NULL, &cache, &error), &error);
  clattn_cache_destroy(cache);
  clattn_ledger_give(device, rest);

  assert_true(attend_tokens(device, 60));
  rest = take_the_rest(device);
  assert_ok(clattn_weights_create(device, &projected, &c.inputs, &weights, &error), &error);
  clattn_weights_destroy(weights);
  assert_true(attend_tokens(device, 60));
  clattn_ledger_give(device, rest);

  /* With nothing to give way the refusal stands. */
  clattn_device_close(device);
  device = support_device();
  rest = take_the_rest(device);
  const clattn_outputs outputs = {.size = sizeof(clattn_outputs), .output = c.outputs.output};
  assert_int_equal(clattn_attend(device, &projected, &c.inputs, &outputs, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_int_equal(clattn_cache_create(device, &cached, NULL, NULL, &cache, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_int_equal(clattn_weights_create(device, &projected, &c.inputs, &weights, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  clattn_ledger_give(device, rest);
  assert_int_equal(held(device), 0);
  clattn_device_close(device);
  support_free(&c);
}

/* A driver that has less memory than it reports. */
static void drivers_without_memory(void **state) {
  (void)state;
  clattn_device *device = support_device();
  const clattn_problem p = given(33);
  clattn_error error;
  support_case c;
  assert_true(attend_tokens(device, 30));
  buffers_to_fail = 1;
  assert_true(attend_tokens(device, 31));
  assert_int_equal(buffers_to_fail, 0);
  assert_false(attend_tokens(device, 31));
  assert_true(attend_tokens(device, 30)); /* it gave way */

  support_allocate(&c, &p, 3);
  want(&c, WANT_RESULT);
  buffers_to_fail = 2; /* once more after all plans are gone */
  assert_int_equal(clattn_attend(device, &p, &c.inputs, &c.outputs, &error), CLATTN_OUT_OF_DEVICE_MEMORY);
  assert_int_equal(buffers_to_fail, 0);
  assert_int_equal(held(device), 0);
  assert_true(attend_plans(device, &p, &c.inputs, &c.outputs));
  support_free(&c);
  clattn_device_close(device);
}

/* ---- with a cache and weights that stay -------------------------------------------------------------------------- */

static void decodes(void **state) {
  (void)state;
  enum { STEPS = 6, COLUMNS = 24 };
  clattn_problem p = from_x(CLATTN_F16);
  p.query_len = p.key_len = 1;
  p.causal = true;
  p.cache.capacity = STEPS;
  clattn_device *device = support_device();
  clattn_cache *cache[2] = {NULL, NULL};
  clattn_plan *plan = NULL;
  clattn_plan_options options = SUPPORT_STAGED;
  clattn_weights *weights = NULL;
  clattn_error error;
  support_case c;
  support_allocate(&c, &p, 3);
  options.pipeline = CLATTN_PIPELINE_FUSED;
  assert_ok(clattn_plan_create(device, &p, &options, &plan, &error), &error);
  assert_ok(clattn_weights_create(device, &p, &c.inputs, &weights, &error), &error);
  for (int i = 0; i < 2; ++i) assert_ok(clattn_cache_create(device, &p, NULL, NULL, &cache[i], &error), &error);
  clattn_inputs theirs = c.inputs, ours = CLATTN_INPUTS_INIT;
  ours.x = c.inputs.x;
  ours.projection_weights = weights;
  ours.cache = cache[0];
  theirs.cache = cache[1];
  for (int step = 0; step < STEPS; ++step) {
    float context[2][COLUMNS];
    const clattn_outputs outputs[] = {{.size = sizeof(clattn_outputs), .context = context[0]},
                                      {.size = sizeof(clattn_outputs), .context = context[1]}};
    assert_int_equal(attend_plans(device, &p, &ours, &outputs[0]), step == 0);
    assert_ok(clattn_plan_run(plan, &theirs, &outputs[1], NULL, &error), &error);
    assert_memory_equal(context[0], context[1], sizeof context[0]);
  }
  float context[COLUMNS];
  const clattn_outputs outputs = {.size = sizeof(clattn_outputs), .context = context};
  assert_int_equal(clattn_attend(device, &p, &ours, &outputs, &error), CLATTN_CACHE_FULL);
  assert_int_equal(clattn_cache_length(cache[0], 0), STEPS);

  /* Without the handle it is another plan, which has buffers for the matrices. */
  ours = theirs;
  for (int i = 0; i < 2; ++i) assert_ok(clattn_cache_truncate(cache[i], 0, 0, &error), &error);
  assert_true(attend_plans(device, &p, &ours, &outputs));
  assert_false(attend_plans(device, &p, &ours, &outputs));
  for (int i = 0; i < 2; ++i) clattn_cache_destroy(cache[i]);
  clattn_weights_destroy(weights);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  support_free(&c);
}

/* ---- which problems are the same --------------------------------------------------------------------------------- */

/* Every byte counts but padding, and the run of the struct's padding is short and ends where a
 * field may begin. */
static void every_field_counts(void **state) {
  (void)state;
  const clattn_problem p = clattn_problem_init();
  size_t padding = 0;
  assert_true(clattn_is_same_problem(&p, &p));
  for (size_t i = sizeof p.size; i < sizeof p; ++i) {
    clattn_problem other = p;
    ((unsigned char *)&other)[i] ^= 0x55;
    if (clattn_is_same_problem(&p, &other)) {
      ++padding;
    } else {
      assert_true(padding == 0 || i % 4 == 0);
      padding = 0;
    }
    assert_true(padding < 8);
  }
}

static void padding_does_not_count(void **state) {
  (void)state;
  const clattn_problem small = given(5);
  clattn_device *device = support_device();
  support_case c;
  support_allocate(&c, &small, 3);
  want(&c, WANT_RESULT);
  assert_true(attend_plans(device, &small, &c.inputs, &c.outputs));
  clattn_problem again = small;
  for (size_t i = sizeof small.size; i < sizeof small; ++i) {
    clattn_problem one = small;
    ((unsigned char *)&one)[i] ^= 0x55;
    if (clattn_is_same_problem(&small, &one)) ((unsigned char *)&again)[i] ^= 0x55;
  }
  assert_false(attend_plans(device, &again, &c.inputs, &c.outputs));
  support_free(&c);
  clattn_device_close(device);
}

/* A problem without its last field, as a program with an older header would have it. */
static void a_shorter_problem(void **state) {
  (void)state;
  clattn_device *device = support_device();
  const clattn_problem p = support_problem(7, 5, 3);
  const volatile size_t size = offsetof(clattn_problem, context_order); /* compilers warn of less memory */
  clattn_problem *old = malloc(size);
  support_case c;
  assert_non_null(old);
  memcpy(old, &p, size);
  old->size = size;
  support_allocate(&c, &p, 3);
  want(&c, WANT_RESULT);
  assert_true(attend_plans(device, old, &c.inputs, &c.outputs));
  assert_false(attend_plans(device, &p, &c.inputs, &c.outputs));
  free(old);
  support_free(&c);
  clattn_device_close(device);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void refusals(void **state) {
  (void)state;
  const clattn_problem p = given(5);
  clattn_problem wrong = p;
  clattn_error error;
  support_case c;
  support_allocate(&c, &p, 3);
  want(&c, WANT_RESULT);
  assert_int_equal(clattn_attend(NULL, &p, &c.inputs, &c.outputs, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_attend(support_opened, NULL, &c.inputs, &c.outputs, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_attend(support_opened, &p, NULL, &c.outputs, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_attend(support_opened, &p, &c.inputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_attend(support_opened, &p, &c.inputs, &c.outputs, NULL), CLATTN_OK);
  wrong.head_dim = 0;
  assert_int_equal(clattn_attend(support_opened, &wrong, &c.inputs, &c.outputs, &error), CLATTN_INVALID_PROBLEM);
  clattn_inputs missing = c.inputs;
  missing.k = NULL;
  assert_int_equal(clattn_attend(support_opened, &p, &missing, &c.outputs, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "input k is NULL");
  assert_false(attend_plans(support_opened, &p, &c.inputs, &c.outputs)); /* the plan survives a wrong call */
  support_free(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_bits),
      cmocka_unit_test(given_as_the_field_calls_it),
      cmocka_unit_test(outputs_that_do_not_count),
      cmocka_unit_test(a_loop_plans_once),
      cmocka_unit_test(a_plan_in_another_math_is_kept),
      cmocka_unit_test(outputs_choose_the_plan),
      cmocka_unit_test(the_eight_used_last_stay),
      cmocka_unit_test(a_quarter_of_memory),
      cmocka_unit_test(devices_keep_their_own),
      cmocka_unit_test(kept_plans_give_way),
      cmocka_unit_test(drivers_without_memory),
      cmocka_unit_test(decodes),
      cmocka_unit_test(every_field_counts),
      cmocka_unit_test(padding_does_not_count),
      cmocka_unit_test(a_shorter_problem),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests_name("attend", tests, support_open, support_close);
}
