/* clattn_cl.h: with the caller's context, queue, buffers and events. */
#define CL_TARGET_OPENCL_VERSION 120

#include <stdlib.h>
#include <string.h>

#include "clattn_cl.h"
#include "support.h"

#define GUARD 1024 /* bytes behind each buffer */

typedef struct owner {
  cl_context context;
  cl_device_id id;
  cl_command_queue queue;
  cl_mem buffer[CLATTN_TENSOR_COUNT];
} owner;

static size_t bytes_of(const clattn_problem *problem, clattn_tensor tensor) {
  const size_t input = clattn_input_bytes(problem, tensor);
  return input > 0 ? input : clattn_output_bytes(problem, tensor);
}

/* The caller's own OpenCL, on the device that the other tests use: found by its name. */
static void find_device(owner *o) {
  clattn_device *device = support_device();
  const clattn_device_info info = *clattn_device_get_info(device);
  clattn_device_close(device);
  cl_platform_id platforms[16];
  cl_uint platform_count = 0;
  assert_int_equal(clGetPlatformIDs(16, platforms, &platform_count), CL_SUCCESS);
  for (cl_uint i = 0; i < platform_count; ++i) {
    cl_device_id ids[16];
    cl_uint count = 0;
    if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 16, ids, &count) != CL_SUCCESS) continue;
    for (cl_uint d = 0; d < count; ++d) {
      char name[256] = "";
      clGetDeviceInfo(ids[d], CL_DEVICE_NAME, sizeof name, name, NULL);
      if (strncmp(name, info.name, sizeof info.name - 1) != 0) continue;
      o->id = ids[d];
      return;
    }
  }
  fail_msg("device '%s' is gone", info.name);
}

static void set_up(owner *o, cl_command_queue_properties properties, const support_case *c) {
  cl_int code = CL_SUCCESS;
  memset(o, 0, sizeof *o);
  find_device(o);
  o->context = clCreateContext(NULL, 1, &o->id, NULL, NULL, &code);
  assert_int_equal(code, CL_SUCCESS);
  o->queue = clCreateCommandQueue(o->context, o->id, properties, &code);
  if (code == CL_INVALID_QUEUE_PROPERTIES || code == CL_INVALID_VALUE) { /* no such queues on this device */
    clReleaseContext(o->context);
    o->context = NULL;
    return;
  }
  assert_int_equal(code, CL_SUCCESS);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const size_t bytes = bytes_of(&c->problem, (clattn_tensor)t) + GUARD;
    if (bytes == GUARD) continue; /* the problem has no such tensor */
    unsigned char *start = malloc(bytes);
    assert_non_null(start);
    memset(start, 0xA5, bytes);
    const void *input = clattn_inputs_get(&c->inputs, (clattn_tensor)t);
    if (input != NULL) memcpy(start, input, bytes - GUARD);
    o->buffer[t] = clCreateBuffer(o->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, start, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(start);
  }
}

static clattn_buffers buffers_of(const owner *o) {
  clattn_buffers buffers = {.x = NULL};
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) clattn_buffers_set(&buffers, (clattn_tensor)t, o->buffer[t]);
  return buffers;
}

/* Downloads everything into the case's outputs and looks behind the end of every buffer. */
static void download(const owner *o, support_case *c) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const size_t bytes = bytes_of(&c->problem, (clattn_tensor)t);
    unsigned char guard[GUARD];
    if (bytes == 0) continue;
    assert_int_equal(clEnqueueReadBuffer(o->queue, o->buffer[t], CL_TRUE, bytes, GUARD, guard, 0, NULL, NULL),
                     CL_SUCCESS);
    for (size_t i = 0; i < GUARD; ++i) assert_int_equal(guard[i], 0xA5);
    if (t < CLATTN_Q) continue;
    assert_int_equal(clEnqueueReadBuffer(o->queue, o->buffer[t], CL_TRUE, 0, bytes, support_tensor(c, (clattn_tensor)t),
                                         0, NULL, NULL),
                     CL_SUCCESS);
  }
}

static void tear_down(owner *o) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (o->buffer[t] != NULL) clReleaseMemObject(o->buffer[t]);
  clReleaseCommandQueue(o->queue);
  clReleaseContext(o->context);
}

static clattn_problem problem(void) {
  clattn_problem p = support_problem(67, 30, 9);
  p.heads = 3;
  p.batch = 2;
  p.value_dim = 7;
  p.causal = true;
  return p;
}

/* Behind a user event: nothing may happen before it, everything after. */
static void enqueue_with(cl_command_queue_properties properties, const char *kernels, clattn_pipeline pipeline) {
  const clattn_problem p = problem();
  support_case c;
  support_allocate(&c, &p, 3);
  owner o;
  set_up(&o, properties, &c);
  if (o.context == NULL) {
    support_free(&c);
    return;
  }
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  options.io = CLATTN_IO_DEVICE;
  options.kernels = kernels;
  options.pipeline = pipeline;
  options.block_bytes = 2 * 67 * 67 * sizeof(float);
  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  assert_ok(clattn_device_adopt(o.queue, &device, &error), &error);
  const clattn_status status = clattn_plan_create(device, &p, &options, &plan, &error);
  if (status == CLATTN_UNSUPPORTED) {
    print_message("not run: %s\n", error.message);
    goto cleanup;
  }
  assert_ok(status, &error);

  cl_int code = CL_SUCCESS;
  cl_event gate = clCreateUserEvent(o.context, &code), done = NULL;
  assert_int_equal(code, CL_SUCCESS);
  const clattn_buffers buffers = buffers_of(&o);
  const bool may_wait = pipeline == CLATTN_PIPELINE_STAGED; /* CLBlast's calls may wait for what they have enqueued */
  if (!may_wait) clSetUserEventStatus(gate, CL_COMPLETE);
  assert_ok(clattn_plan_enqueue(plan, &buffers, 1, &gate, &done, &error), &error);
  clFlush(o.queue);
  if (may_wait) {
    cl_int execution = CL_COMPLETE;
    assert_int_equal(clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof execution, &execution, NULL),
                     CL_SUCCESS);
    assert_true(execution > CL_COMPLETE);
    clSetUserEventStatus(gate, CL_COMPLETE);
  }
  assert_int_equal(clWaitForEvents(1, &done), CL_SUCCESS);
  clReleaseEvent(done);
  clReleaseEvent(gate);

  /* Twice more without waiting in between, and without an event: the plan keeps its own order. */
  assert_ok(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), &error);
  assert_ok(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), &error);
  assert_int_equal(clFinish(o.queue), CL_SUCCESS);
  download(&o, &c);
  clattn_check_report report;
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, kernels == NULL ? "chosen" : kernels);
cleanup:
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  tear_down(&o);
  support_free(&c);
}

static void every_kernel_keeps_within_its_buffers(void **state) {
  (void)state;
  static const char *const families[] = {
      "project=1,scores=1,softmax=1,context=1", "project=2,scores=2,softmax=2,context=2",
      "project=3,scores=3,softmax=3,context=3",
      "project=panel:STRIP=64,scores=panel:STRIP=64,softmax=4,context=panel:STRIP=64"};
  for (size_t i = 0; i < sizeof families / sizeof families[0]; ++i)
    enqueue_with(0, families[i], CLATTN_PIPELINE_STAGED);
}

static void plain_queue(void **state) {
  (void)state;
  enqueue_with(0, NULL, CLATTN_PIPELINE_STAGED);
  enqueue_with(0, NULL, CLATTN_PIPELINE_BLAS);
}

static void out_of_order_queue(void **state) {
  (void)state;
  enqueue_with(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, NULL, CLATTN_PIPELINE_STAGED);
  enqueue_with(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE | CL_QUEUE_PROFILING_ENABLE, NULL, CLATTN_PIPELINE_BLAS);
}

/* An adopted queue without profiling also serves clattn_plan_run; its times come from the wall clock. */
static void run_with(clattn_pipeline pipeline) {
  const clattn_problem p = problem();
  support_case c;
  support_allocate(&c, &p, 5);
  owner o;
  set_up(&o, 0, &c);
  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_timings timings;
  clattn_check_report report;
  assert_ok(clattn_device_adopt(o.queue, &device, &error), &error);
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  options.pipeline = pipeline;
  const clattn_status status = clattn_plan_create(device, &p, &options, &plan, &error);
  if (status == CLATTN_UNSUPPORTED && pipeline == CLATTN_PIPELINE_BLAS) {
    print_message("not run: %s\n", error.message);
    goto cleanup;
  }
  assert_ok(status, &error);
  assert_ok(clattn_plan_run(plan, &c.inputs, &c.outputs, &timings, &error), &error);
  assert_false(timings.events_used);
  for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage) {
    assert_true((timings.stage[stage] > 0.0) == (timings.launches[stage] > 0));
    assert_true(timings.stage[stage] == timings.stage_wall[stage]);
  }
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, "adopted queue");
cleanup:
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  tear_down(&o);
  support_free(&c);
}

static void run_on_an_adopted_queue(void **state) {
  (void)state;
  run_with(CLATTN_PIPELINE_STAGED);
  run_with(CLATTN_PIPELINE_BLAS);
}

static void refusals(void **state) {
  (void)state;
  const clattn_problem p = problem();
  support_case c;
  support_allocate(&c, &p, 7);
  owner o;
  set_up(&o, 0, &c);
  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  options.io = CLATTN_IO_DEVICE;
  assert_int_equal(clattn_device_adopt(o.queue, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_device_adopt(NULL, &device, &error), CLATTN_INVALID_ARGUMENT);
  assert_ok(clattn_device_adopt(o.queue, &device, &error), &error);
  assert_ok(clattn_plan_create(device, &p, &options, &plan, &error), &error);
  assert_int_equal(clattn_plan_run(plan, &c.inputs, &c.outputs, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "clattn_plan_enqueue"));
  clattn_buffers buffers = buffers_of(&o);
  buffers.wk = NULL;
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "wk"));
  buffers = buffers_of(&o);
  buffers.scores = o.buffer[CLATTN_WV]; /* too small */
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "scores has"));
  buffers = buffers_of(&o);
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 1, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_plan_enqueue(NULL, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  tear_down(&o);
  support_free(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kernel_keeps_within_its_buffers),
      cmocka_unit_test(plain_queue),
      cmocka_unit_test(out_of_order_queue),
      cmocka_unit_test(run_on_an_adopted_queue),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests_name("cl", tests, NULL, NULL);
}
