/* Promises that hold for all calls: an empty error after success, structs of other versions,
 * initial values. */
#define CL_TARGET_OPENCL_VERSION 120

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clattn_cl.h"
#include "clattn_explain.h"
#include "problem/shape.h"
#include "support.h"

/* ---- after a success --------------------------------------------------------------------------------------------- */

/* The calls that succeeded so far. */
static const char *seen_calls[64];
static size_t seen_count;

static void spoil(clattn_error *error) {
  error->status = CLATTN_CACHE_FULL;
  error->code = -7;
  strcpy(error->message, "of an earlier call");
}

static void assert_empty(clattn_status status, const clattn_error *error, const char *call) {
  assert_ok(status, error);
  if (error->status != CLATTN_OK || error->code != 0 || error->message[0] != '\0')
    fail_msg("%s succeeded and left %s, %d, '%s'", call, clattn_status_name(error->status), error->code,
             error->message);
  seen_calls[seen_count++] = call;
}

#define SUCCEEDS(call, ...)                                                                                            \
  do {                                                                                                                 \
    spoil(&error);                                                                                                     \
    assert_empty(call(__VA_ARGS__, &error), &error, #call);                                                            \
  } while (0)

static void calls_of_devices_and_kernels(clattn_device **device) {
  const clattn_problem p = support_problem(3, 4, 2);
  clattn_probe_options probe = CLATTN_PROBE_OPTIONS_INIT;
  clattn_device_list *list = NULL;
  clattn_peaks peaks = CLATTN_PEAKS_INIT;
  clattn_self_test_result answer = CLATTN_SELF_TEST_RESULT_INIT;
  clattn_rows *rows = NULL;
  const char *unit = NULL;
  clattn_error error;
  const clattn_tuned tuned = {sizeof(clattn_tuned), CLATTN_STAGE_SCORES, "naive", "naive", 1.0, 1.0, 1};
  const clattn_device_choice choice = {.device = getenv("CLATTN_DEVICE")};
  probe.repeats = 1;
  size_t best = 0;
  SUCCEEDS(clattn_device_list_create, NULL, &list);
  SUCCEEDS(clattn_device_list_best, list, NULL, &best);
  SUCCEEDS(clattn_device_list_open, list, best, device);
  clattn_device_close(*device);
  SUCCEEDS(clattn_device_open, &choice, device);
  SUCCEEDS(clattn_device_probe, *device, &probe, &peaks);
  SUCCEEDS(clattn_device_matrix_unit, *device, CLATTN_F16, &unit);
  SUCCEEDS(clattn_problem_validate, &p);
  SUCCEEDS(clattn_kernel_supported, 0, clattn_device_get_info(*device));
  char *text = NULL;
  SUCCEEDS(clattn_explain_example, *device, "please-study-man", NULL, CLATTN_EXPLANATION_TEXT, &text, NULL);
  clattn_explain_free(text);
  SUCCEEDS(clattn_kernel_self_test, *device, 0, NULL, &answer);
  remove("interface.json");
  SUCCEEDS(clattn_tuning_store, "interface.json", *device, &p, &tuned);
  SUCCEEDS(clattn_rows_choose, &p, 1.0, 1, &rows);
  clattn_rows_destroy(rows);
  clattn_device_list_destroy(list);
}

static void one_piece(size_t pieces, void (*piece)(void *of, size_t i), void *of) {
  for (size_t i = 0; i < pieces; ++i) piece(of, i);
}

/* There is no tuning record; the plan notes that with the message of the failed attempt to read
 * it. */
static void calls_of_plans(clattn_device *device) {
  static const clattn_loop loop = {1, one_piece};
  const clattn_problem p = support_problem(3, 4, 2);
  clattn_plan_options options = support_options();
  clattn_plan *plan = NULL;
  clattn_weights *weights = NULL;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  support_case c;
  support_allocate(&c, &p, 3);
  options.tuning_file = "no such record.json";
  SUCCEEDS(clattn_plan_create, device, &p, &options, &plan);
  SUCCEEDS(clattn_plan_run, plan, &c.inputs, &c.outputs, NULL);
  SUCCEEDS(clattn_check, plan, &c.inputs, &c.outputs, NULL, &report);
  SUCCEEDS(clattn_reference_run, &p, &c.inputs, &c.outputs);
  SUCCEEDS(clattn_reference_run_in, &loop, &p, &c.inputs, &c.outputs);
  SUCCEEDS(clattn_check_other, &p, &c.inputs, &c.outputs, NULL, &report);
  SUCCEEDS(clattn_attend, device, &p, &c.inputs, &c.outputs);
  SUCCEEDS(clattn_weights_create, device, &p, &c.inputs, &weights);
  clattn_weights_destroy(weights);
  clattn_plan_destroy(plan);
  support_free(&c);
}

static void calls_of_caches(clattn_device *device) {
  clattn_problem p = support_problem(3, 4, 2), seen;
  clattn_cache *cache = NULL;
  const clattn_inputs inputs = CLATTN_INPUTS_INIT;
  clattn_error error;
  p.cache.capacity = 9;
  SUCCEEDS(clattn_cache_create, device, &p, NULL, NULL, &cache);
  SUCCEEDS(clattn_cache_problem, cache, &p, &inputs, &seen);
  SUCCEEDS(clattn_cache_truncate, cache, 0, 0);
  clattn_cache_destroy(cache);
  p.cache.page_len = 3;
  assert_ok(clattn_cache_create(device, &p, NULL, NULL, &cache, &error), &error);
  SUCCEEDS(clattn_cache_set_table, cache, NULL, 0, NULL);
  clattn_cache_destroy(cache);
}

static void calls_of_merging(clattn_device *device, clattn_device *adopted, cl_context context) {
  const float context_of_part = 1.0f, lse_of_part = 2.0f;
  const clattn_part part = {&context_of_part, &lse_of_part};
  float context_made, lse;
  const clattn_merged merged = {&context_made, &lse};
  clattn_merging merging = CLATTN_MERGING_INIT;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_error error;
  merging.batch = merging.heads = merging.query_len = merging.value_dim = 1;
  SUCCEEDS(clattn_merge, device, &merging, &part, 1, &merged);
  SUCCEEDS(clattn_check_merge, &merging, &part, 1, &merged, &report);
  cl_mem buffers[4];
  for (int i = 0; i < 4; ++i) {
    buffers[i] = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof(float), NULL, NULL);
    assert_non_null(buffers[i]);
  }
  const clattn_part_buffers from = {buffers[0], buffers[1]}, to = {buffers[2], buffers[3]};
  SUCCEEDS(clattn_merge_enqueue, adopted, &merging, &from, 1, &to, 0, NULL, NULL);
  for (int i = 0; i < 4; ++i) clReleaseMemObject(buffers[i]);
}

/* A buffer of the caller's own context leads to the library's queue. */
static void calls_on_a_queue(clattn_device *opened) {
  const clattn_problem p = support_problem(3, 4, 2);
  clattn_plan_options options = support_options();
  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  cl_platform_id platform = NULL;
  cl_device_id id = NULL;
  clattn_buffers buffers = CLATTN_BUFFERS_INIT;
  assert_int_equal(clGetPlatformIDs(1, &platform, NULL), CL_SUCCESS);
  assert_int_equal(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &id, NULL), CL_SUCCESS);
  cl_context context = clCreateContext(NULL, 1, &id, NULL, NULL, NULL);
  cl_command_queue queue = clCreateCommandQueue(context, id, 0, NULL);
  assert_non_null(queue);
  SUCCEEDS(clattn_device_adopt, queue, &device);
  calls_of_merging(opened, device, context);
  options.io = CLATTN_IO_DEVICE;
  assert_ok(clattn_plan_create(device, &p, &options, &plan, &error), &error);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const size_t bytes = clattn_input_bytes(&p, (clattn_tensor)t);
    if (bytes == 0 && t != CLATTN_CONTEXT) continue;
    clattn_buffers_set(&buffers, (clattn_tensor)t, clCreateBuffer(context, CL_MEM_READ_WRITE, 1024, NULL, NULL));
  }
  SUCCEEDS(clattn_plan_enqueue, plan, &buffers, 0, NULL, NULL);
  clattn_plan_destroy(plan);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (clattn_buffers_get(&buffers, (clattn_tensor)t) != NULL)
      clReleaseMemObject(clattn_buffers_get(&buffers, (clattn_tensor)t));
  clattn_device_close(device);
  clReleaseCommandQueue(queue);
  clReleaseContext(context);
}

/* Every function in the header that returns a status must be among them. */
static void assert_all_seen(const char *header) {
  char line[512];
  FILE *file = fopen(header, "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file) != NULL) {
    static const char start[] = "CLATTN_API clattn_status ";
    if (strncmp(line, start, sizeof start - 1) != 0) continue;
    char *name = line + sizeof start - 1;
    name[strcspn(name, "(")] = '\0';
    bool found = false;
    for (size_t i = 0; i < seen_count; ++i) found = found || strcmp(seen_calls[i], name) == 0;
    if (!found) fail_msg("%s is not tested here", name);
  }
  fclose(file);
}

static void success_leaves_an_empty_error(void **state) {
  (void)state;
  clattn_device *device = NULL;
  calls_of_devices_and_kernels(&device);
  calls_of_plans(device);
  calls_of_caches(device);
  calls_on_a_queue(device);
  clattn_device_close(device);
  assert_all_seen(CLATTN_KERNELS "/../host/include/clattn.h");
  assert_all_seen(CLATTN_KERNELS "/../host/include/clattn_problem.h");
  assert_all_seen(CLATTN_KERNELS "/../host/include/clattn_inspect.h");
  assert_all_seen(CLATTN_KERNELS "/../host/include/clattn_check.h");
  assert_all_seen(CLATTN_KERNELS "/../host/include/clattn_cl.h");
}

/* ---- shorter problems -------------------------------------------------------------------------------------------- */

/* As a program would have it whose header ends there: not a byte more than that. */
#define SHORT_PROBLEM offsetof(clattn_problem, context_order)

static clattn_problem *shortened(clattn_problem p) {
  volatile size_t size = SHORT_PROBLEM; /* compilers warn if a struct gets less memory than its size here */
  clattn_problem *old = malloc(size);
  assert_non_null(old);
  p.size = SHORT_PROBLEM;
  memcpy(old, &p, SHORT_PROBLEM);
  return old;
}

static void a_shorter_problem_runs(void **state) {
  (void)state;
  const clattn_problem p = support_problem(7, 5, 3);
  clattn_problem *old = shortened(p);
  clattn_plan *plan = NULL;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  clattn_rows *rows = NULL;
  clattn_error error;
  support_case c;
  support_allocate(&c, &p, 3);
  remove("interface.json");
  const clattn_tuned tuned = {sizeof(clattn_tuned), CLATTN_STAGE_SCORES, "naive", "naive", 1.0, 1.0, 1};
  assert_ok(clattn_problem_validate(old, &error), &error);
  assert_true(clattn_problem_scale(old) == clattn_problem_scale(&p));
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    size_t shape[2][4] = {{0}};
    const clattn_tensor tensor = (clattn_tensor)t;
    const int rank = clattn_problem_shape(&p, tensor, shape[0]);
    assert_int_equal(clattn_problem_shape(old, tensor, shape[1]), rank);
    assert_memory_equal(shape[0], shape[1], (size_t)rank * sizeof shape[0][0]);
    assert_int_equal(clattn_input_bytes(old, tensor), clattn_input_bytes(&p, tensor));
    assert_int_equal(clattn_output_bytes(old, tensor), clattn_output_bytes(&p, tensor));
  }
  assert_ok(clattn_plan_create(support_opened, old, &support_staged, &plan, &error), &error);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), &error);
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, "a shorter problem");
  assert_ok(clattn_reference_run(old, &c.inputs, &c.outputs, &error), &error);
  assert_ok(clattn_check_other(old, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, "the reference of a shorter problem");
  assert_ok(clattn_rows_choose(old, 1.0, 1, &rows, &error), &error);
  assert_ok(clattn_tuning_store("interface.json", support_opened, old, &tuned, &error), &error);
  for (size_t i = 0; i < clattn_kernel_count(); ++i)
    assert_int_equal(clattn_kernel_suits(i, clattn_device_get_info(support_opened), old),
                     clattn_kernel_suits(i, clattn_device_get_info(support_opened), &p));
  clattn_rows_destroy(rows);
  clattn_plan_destroy(plan);
  support_free(&c);
  free(old);
}

/* What a cache makes of it has its size as well. */
static void a_cache_keeps_to_the_size(void **state) {
  (void)state;
  clattn_problem p = support_problem(2, 4, 2);
  clattn_cache *cache = NULL;
  clattn_plan *plan = NULL;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  const clattn_inputs inputs = CLATTN_INPUTS_INIT;
  clattn_error error;
  p.cache.capacity = 9;
  clattn_problem *old = shortened(p), *seen = shortened(p);
  memset(seen, 0xA5, SHORT_PROBLEM);
  assert_ok(clattn_cache_create(support_opened, old, NULL, NULL, &cache, &error), &error);
  assert_ok(clattn_cache_problem(cache, old, &inputs, seen, &error), &error);
  assert_int_equal(seen->size, SHORT_PROBLEM);
  assert_int_equal(seen->key_len, 2);
  assert_ok(clattn_problem_validate(seen, &error), &error);
  assert_ok(clattn_plan_create(support_opened, old, &support_staged, &plan, &error), &error);
  clattn_plan_get_info(plan, &info);
  clattn_plan_costs(plan, seen, &info);
  clattn_plan_destroy(plan);
  clattn_cache_destroy(cache);
  free(seen);
  free(old);
}

/* ---- initial values ---------------------------------------------------------------------------------------------- */

static void initial_values(void **state) {
  (void)state;
  static const clattn_problem problem = CLATTN_PROBLEM_INIT;
  static const clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  static const clattn_probe_options probe = CLATTN_PROBE_OPTIONS_INIT;
  const clattn_problem p = clattn_problem_init();
  const clattn_plan_options o = clattn_plan_options_init();
  const clattn_probe_options q = clattn_probe_options_init();
  assert_memory_equal(&p, &problem, sizeof p);
  assert_memory_equal(&o, &options, sizeof o);
  assert_memory_equal(&q, &probe, sizeof q);
  assert_string_equal(clattn_version(), CLATTN_VERSION);
}

/* The caller's header may be older or newer than the library. */
static void initial_values_of_other_versions(void **state) {
  (void)state;
  union {
    clattn_problem problem;
    unsigned char byte[sizeof(clattn_problem) + 64];
  } room;
  clattn_error error;
  memset(&room, 0xA5, sizeof room);
  clattn_problem_fill(&room.problem, SHORT_PROBLEM);
  assert_int_equal(room.problem.size, SHORT_PROBLEM);
  for (size_t i = SHORT_PROBLEM; i < sizeof room; ++i) assert_int_equal(room.byte[i], 0xA5);
  room.problem.query_len = room.problem.key_len = room.problem.model_dim = 3;
  room.problem.head_dim = room.problem.value_dim = 2;
  assert_ok(clattn_problem_validate(&room.problem, &error), &error);

  memset(&room, 0xA5, sizeof room);
  clattn_problem_fill(&room.problem, sizeof(clattn_problem) + 8);
  for (size_t i = sizeof(clattn_problem); i < sizeof room; ++i)
    assert_int_equal(room.byte[i], i < sizeof(clattn_problem) + 8 ? 0 : 0xA5);
  assert_int_equal(clattn_problem_validate(&room.problem, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "clattn_problem.size is");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(success_leaves_an_empty_error),    cmocka_unit_test(a_shorter_problem_runs),
      cmocka_unit_test(a_cache_keeps_to_the_size),        cmocka_unit_test(initial_values),
      cmocka_unit_test(initial_values_of_other_versions),
  };
  return cmocka_run_group_tests_name("interface", tests, support_open, support_close);
}
