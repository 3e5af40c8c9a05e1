/* clattn_cl.h: runs with the caller's own context, queue, buffers and events. */
#define CL_TARGET_OPENCL_VERSION 120

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clattn_cl.h"
#include "support.h"

#define GUARD 1024 /* bytes after each buffer */

typedef struct owner {
  cl_context context;
  cl_device_id id;
  cl_command_queue queue;
  cl_mem buffer[CLATTN_TENSOR_COUNT];
} owner;

static size_t bytes_of(const support_case *c, clattn_tensor tensor) {
  const clattn_problem *problem = clattn_sizing_problem(&c->problem, &c->seen, tensor);
  const size_t input = clattn_input_bytes(problem, tensor);
  return input > 0 ? input : clattn_output_bytes(problem, tensor);
}

/* Opens the device of the other tests with plain OpenCL calls; finds it by name. */
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

/* Uploads inputs, and fills results and their guards with a known byte. */
static void create_buffers(owner *o, const support_case *c) {
  cl_int code = CL_SUCCESS;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const size_t bytes = bytes_of(c, (clattn_tensor)t) + GUARD;
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

static void release_buffers(owner *o) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    if (o->buffer[t] != NULL) clReleaseMemObject(o->buffer[t]);
    o->buffer[t] = NULL;
  }
}

static void set_up(owner *o, cl_command_queue_properties properties, const support_case *c) {
  cl_int code = CL_SUCCESS;
  memset(o, 0, sizeof *o);
  find_device(o);
  o->context = clCreateContext(NULL, 1, &o->id, NULL, NULL, &code);
  assert_int_equal(code, CL_SUCCESS);
  o->queue = clCreateCommandQueue(o->context, o->id, properties, &code);
  if (code == CL_INVALID_QUEUE_PROPERTIES || code == CL_INVALID_VALUE) { /* the device has no such queues */
    clReleaseContext(o->context);
    o->context = NULL;
    return;
  }
  assert_int_equal(code, CL_SUCCESS);
  create_buffers(o, c);
}

static clattn_buffers buffers_of(const owner *o) {
  clattn_buffers buffers = CLATTN_BUFFERS_INIT;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (!support_is_traced((clattn_tensor)t)) clattn_buffers_set(&buffers, (clattn_tensor)t, o->buffer[t]);
  return buffers;
}

static void download_into(const owner *o, support_case *c, clattn_tensor t) {
  assert_int_equal(
      clEnqueueReadBuffer(o->queue, o->buffer[t], CL_TRUE, 0, bytes_of(c, t), support_tensor(c, t), 0, NULL, NULL),
      CL_SUCCESS);
}

/* Downloads everything to the case's outputs and checks the guard of every buffer. */
static void download(const owner *o, support_case *c) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const size_t bytes = bytes_of(c, (clattn_tensor)t);
    unsigned char guard[GUARD];
    if (bytes == 0) continue;
    assert_int_equal(clEnqueueReadBuffer(o->queue, o->buffer[t], CL_TRUE, bytes, GUARD, guard, 0, NULL, NULL),
                     CL_SUCCESS);
    for (size_t i = 0; i < GUARD; ++i) assert_int_equal(guard[i], 0xA5);
    if (t >= CLATTN_Q) download_into(o, c, (clattn_tensor)t);
  }
}

static void tear_down(owner *o) {
  release_buffers(o);
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

enum { ROTARY_ROWS = 90 };

/* A problem with nearly every feature. */
static clattn_problem problem_with_all(void) {
  clattn_problem p = problem();
  p.heads = 4;
  p.kv_heads = 2;
  p.type = CLATTN_F16;
  p.biases = 15;
  p.output_dim = 21;
  p.rotary = CLATTN_ROTARY_INTERLEAVED;
  p.rotary_dim = 6;
  p.position_ids = true;
  p.rotary_rows = ROTARY_ROWS;
  p.lengths = CLATTN_LENGTHS_KEYS;
  p.alibi = p.sinks = true;
  p.softcap = 9.0f;
  p.mask = CLATTN_MASK_BOOL;
  p.mask_shape[0] = p.batch;
  p.mask_shape[1] = 1;
  p.mask_shape[2] = p.query_len;
  p.mask_shape[3] = p.key_len;
  return p;
}

static const int32_t key_lengths[] = {67, 40};

/* Host memory that only the call reads: position ids, cosines and sines. */
typedef struct host_inputs {
  int32_t ids[2 * 67];
  float cosines[ROTARY_ROWS * 3], sines[ROTARY_ROWS * 3];
} host_inputs;

static void fill_host_inputs(host_inputs *h, size_t step) {
  for (size_t i = 0; i < 2 * 67; ++i) h->ids[i] = (int32_t)(i * step % ROTARY_ROWS);
  for (size_t i = 0; i < ROTARY_ROWS * 3; ++i) {
    h->cosines[i] = (float)cos((double)(i * step));
    h->sines[i] = (float)sin((double)(i * step));
  }
}

/* Enqueued after a user event: nothing may run before the event, and everything must run after
 * it. */
static void enqueue_problem(clattn_problem p, cl_command_queue_properties properties, const char *kernels,
                            clattn_pipeline pipeline) {
  support_case c;
  support_allocate(&c, &p, 3);
  c.inputs.key_lengths = key_lengths;
  host_inputs host;
  fill_host_inputs(&host, 7);
  c.inputs.position_ids = host.ids;
  c.inputs.rotary_cos = host.cosines;
  c.inputs.rotary_sin = host.sines;
  owner o;
  set_up(&o, properties, &c);
  if (o.context == NULL) {
    support_free(&c);
    return;
  }
  clattn_plan_options options = SUPPORT_STAGED;
  options.io = CLATTN_IO_DEVICE;
  options.kernels = kernels;
  options.pipeline = pipeline;
  options.trace = true;
  options.block_bytes = 2 * 67 * 67 * sizeof(float);
  if (properties != 0) options.launch_seconds = 1e-9; /* out of order, and in pieces */
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
  clattn_buffers buffers = buffers_of(&o);
  buffers.key_lengths = key_lengths;
  buffers.position_ids = host.ids;
  buffers.rotary_cos = host.cosines;
  buffers.rotary_sin = host.sines;
  for (int t = CLATTN_Q; t < CLATTN_TENSOR_COUNT; ++t)
    if (support_is_traced((clattn_tensor)t)) clattn_buffers_set(&buffers, (clattn_tensor)t, o.buffer[t]);
  support_want(&c, plan);
  const bool may_wait =
      pipeline == CLATTN_PIPELINE_STAGED; /* CLBlast's calls may wait for the commands they enqueued */
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

  /* Two more runs without an event and without waiting: the plan keeps them in order. */
  fill_host_inputs(&host, 11);
  assert_ok(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), &error);
  fill_host_inputs(&host, 7);
  assert_ok(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), &error);
  assert_int_equal(clFinish(o.queue), CL_SUCCESS);
  download(&o, &c);
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
  assert_passed(&report, kernels == NULL ? "chosen" : kernels);
cleanup:
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  tear_down(&o);
  support_free(&c);
}

static void enqueue_with(cl_command_queue_properties properties, const char *kernels, clattn_pipeline pipeline) {
  enqueue_problem(problem(), properties, kernels, pipeline);
  enqueue_problem(problem_with_all(), properties, kernels, pipeline);
}

static const kernel_filter small = {kernel_is_ours, SIZES_SMALL};

static void every_kernel_keeps_within_its_buffers(void **state) {
  (void)state;
  char kernels[KERNEL_LIST_TEXT];
  for (size_t n = 0; kernel_list_staged(n, &small, kernels); ++n) enqueue_with(0, kernels, CLATTN_PIPELINE_STAGED);
}

/* Every fused kernel reads given halves from the caller's buffers, with the same bits as from host
 * memory. */
static void fused_reads_the_callers_halves(void **state) {
  (void)state;
  static const kernel_filter running = {support_runs, SIZES_SMALL};
  char kernels[KERNEL_LIST_TEXT];
  clattn_problem p = problem();
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  p.type = CLATTN_F16;
  support_case c;
  owner o;
  clattn_device *device = NULL;
  clattn_error error;
  support_allocate(&c, &p, 5);
  set_up(&o, 0, &c);
  assert_ok(clattn_device_adopt(o.queue, &device, &error), &error);
  support_opened = device; /* for support_runs() */
  for (size_t n = 0; kernel_list_stage(CLATTN_STAGE_FUSED, n, &running, kernels); ++n) {
    clattn_plan_options options = SUPPORT_STAGED;
    options.pipeline = CLATTN_PIPELINE_FUSED;
    options.kernels = kernels;
    const clattn_check_report report = support_run(device, &c, &options);
    assert_passed(&report, kernels);

    const size_t bytes = clattn_output_bytes(&p, CLATTN_OUTPUT);
    void *expected = malloc(bytes);
    assert_non_null(expected);
    memcpy(expected, support_tensor(&c, CLATTN_OUTPUT), bytes);
    clattn_plan *plan = NULL;
    clattn_buffers buffers = buffers_of(&o);
    buffers.scaled = buffers.softcapped = buffers.scores = buffers.weights = NULL;
    options.io = CLATTN_IO_DEVICE;
    assert_ok(clattn_plan_create(device, &p, &options, &plan, &error), &error);
    assert_ok(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), &error);
    assert_int_equal(clFinish(o.queue), CL_SUCCESS);
    download_into(&o, &c, CLATTN_OUTPUT);
    assert_memory_equal(support_tensor(&c, CLATTN_OUTPUT), expected, bytes);
    clattn_plan_destroy(plan);
    free(expected);
  }
  support_opened = NULL;
  clattn_device_close(device);
  tear_down(&o);
  support_free(&c);
}

static void assert_same(const support_case *a, const support_case *b, clattn_tensor tensor) {
  if (memcmp((const char *)a->memory[tensor], (const char *)b->memory[tensor], a->bytes[tensor]) != 0)
    fail_msg("%s differs", clattn_tensor_name(tensor));
}

/* q, k and v that projections store as halves are floats in the caller's buffers, with the same bits as in host memory;
 * and nobody need ask for them. */
static void stored_projections_become_floats(void **state) {
  (void)state;
  static const char *const kernels[] = {"fused=matrix", "fused=matrix,project=naive"};
  static const clattn_tensor compared[] = {CLATTN_Q, CLATTN_K, CLATTN_V, CLATTN_CONTEXT, CLATTN_OUTPUT};
  clattn_problem p = problem();
  p.type = CLATTN_F16;
  p.math = CLATTN_MATH_STORED;
  p.output_dim = 21;
  for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; ++i) {
    clattn_plan_options options = SUPPORT_STAGED;
    support_case c, host;
    owner o;
    clattn_device *device = NULL;
    clattn_plan *plan = NULL;
    clattn_error error;
    options.pipeline = CLATTN_PIPELINE_FUSED;
    options.kernels = kernels[i];
    support_allocate(&c, &p, 5);
    support_allocate(&host, &p, 5);
    set_up(&o, 0, &c);
    assert_ok(clattn_device_adopt(o.queue, &device, &error), &error);
    const clattn_check_report report = support_run(device, &host, &options);
    assert_passed(&report, kernels[i]);
    clattn_buffers buffers = buffers_of(&o), only_output = buffers;
    buffers.scaled = buffers.softcapped = buffers.scores = buffers.weights = NULL;
    for (int t = CLATTN_Q; t < CLATTN_OUTPUT; ++t) clattn_buffers_set(&only_output, (clattn_tensor)t, NULL);
    options.io = CLATTN_IO_DEVICE;
    assert_ok(clattn_plan_create(device, &p, &options, &plan, &error), &error);
    assert_ok(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), &error);
    assert_int_equal(clFinish(o.queue), CL_SUCCESS);
    download(&o, &c);
    for (size_t t = 0; t < sizeof compared / sizeof compared[0]; ++t) assert_same(&c, &host, compared[t]);
    const cl_uchar cleared = 0xFF;
    assert_int_equal(
        clEnqueueFillBuffer(o.queue, buffers.output, &cleared, 1, 0, c.bytes[CLATTN_OUTPUT], 0, NULL, NULL),
        CL_SUCCESS);
    assert_ok(clattn_plan_enqueue(plan, &only_output, 0, NULL, NULL, &error), &error);
    assert_int_equal(clFinish(o.queue), CL_SUCCESS);
    download(&o, &c);
    assert_same(&c, &host, CLATTN_OUTPUT);
    clattn_plan_destroy(plan);
    clattn_device_close(device);
    tear_down(&o);
    support_free(&c);
    support_free(&host);
  }
}

/* Context by heads, one sequence without keys, in buffers that held other values before. */
static void context_by_heads(void **state) {
  (void)state;
  static const int32_t lengths[] = {0, 40};
  clattn_problem p = problem();
  p.context_order = CLATTN_ORDER_HEADS;
  p.lengths = CLATTN_LENGTHS_KEYS;
  support_case c;
  owner o;
  clattn_device *device = NULL;
  clattn_error error;
  support_allocate(&c, &p, 9);
  c.inputs.key_lengths = lengths;
  set_up(&o, 0, &c);
  assert_ok(clattn_device_adopt(o.queue, &device, &error), &error);
  for (int pipeline = CLATTN_PIPELINE_STAGED; pipeline < CLATTN_PIPELINE_COUNT; ++pipeline) {
    clattn_plan_options options = SUPPORT_STAGED;
    clattn_plan *plan = NULL;
    clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
    options.pipeline = (clattn_pipeline)pipeline;
    options.io = CLATTN_IO_DEVICE;
    const clattn_status status = clattn_plan_create(device, &p, &options, &plan, &error);
    if (status == CLATTN_UNSUPPORTED) continue; /* built without CLBlast */
    assert_ok(status, &error);
    clattn_buffers buffers = buffers_of(&o);
    buffers.key_lengths = lengths;
    if (pipeline == CLATTN_PIPELINE_FUSED)
      buffers.scaled = buffers.softcapped = buffers.scores = buffers.weights = NULL;
    support_want(&c, plan);
    const cl_float before = 7.0f;
    assert_int_equal(clEnqueueFillBuffer(o.queue, buffers.context, &before, sizeof before, 0,
                                         clattn_output_bytes(&p, CLATTN_CONTEXT), 0, NULL, NULL),
                     CL_SUCCESS);
    assert_ok(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), &error);
    assert_int_equal(clFinish(o.queue), CL_SUCCESS);
    download(&o, &c);
    assert_ok(clattn_check(plan, &c.inputs, &c.outputs, NULL, &report, &error), &error);
    assert_passed(&report, clattn_pipeline_name((clattn_pipeline)pipeline));
    clattn_plan_destroy(plan);
  }
  clattn_device_close(device);
  tear_down(&o);
  support_free(&c);
}

static void plain_queue(void **state) {
  (void)state;
  enqueue_with(0, NULL, CLATTN_PIPELINE_STAGED);
  enqueue_with(0, NULL, CLATTN_PIPELINE_BLAS);
}

/* The columns of the caller's wqkv in groups are copied side by side, in another buffer. */
static void columns_in_groups(void **state) {
  (void)state;
  for (int layout = CLATTN_LAYOUT_XW; layout <= CLATTN_LAYOUT_XWT; ++layout) {
    clattn_problem p = problem();
    const bool in_rows = layout == CLATTN_LAYOUT_XW;
    p.heads = 4;
    p.kv_heads = 2;
    p.fused_qkv = true;
    p.fused_order = CLATTN_FUSED_GROUPS;
    p.biases = 7;
    p.layout = (clattn_weight_layout)layout;
    p.type = in_rows ? CLATTN_F32 : CLATTN_F16;
    enqueue_problem(p, in_rows ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, NULL, CLATTN_PIPELINE_STAGED);
  }
}

static void out_of_order_queue(void **state) {
  (void)state;
  enqueue_with(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, NULL, CLATTN_PIPELINE_STAGED);
  enqueue_with(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE | CL_QUEUE_PROFILING_ENABLE, NULL, CLATTN_PIPELINE_BLAS);
}

/* An adopted queue without profiling also works for clattn_plan_run; times come from the wall
 * clock. */
static void run_with(clattn_pipeline pipeline) {
  const clattn_problem p = problem();
  support_case c;
  support_allocate(&c, &p, 5);
  owner o;
  set_up(&o, 0, &c);
  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  assert_ok(clattn_device_adopt(o.queue, &device, &error), &error);
  clattn_plan_options options = SUPPORT_STAGED;
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

/* ---- with a cache ------------------------------------------------------------------------------------------------ */

static clattn_problem decoder(cl_uint type, size_t page_len) {
  clattn_problem p = support_problem(5, 30, 10);
  p.heads = 4;
  p.kv_heads = 2;
  p.batch = 2;
  p.value_dim = 7;
  p.causal = true;
  p.rotary = CLATTN_ROTARY_HALVES;
  p.rotary_scaling = (clattn_rotary_scaling){
      .kind = CLATTN_SCALING_DYNAMIC, .factor = 2.0, .original_max_position_embeddings = 3}; /* new for each run */
  p.output_dim = 12;
  p.cache.capacity = 12;
  p.cache.type = (clattn_cache_type)type;
  p.cache.page_len = page_len;
  return p;
}

/* Two runs with one cache. */
enum { RUNS = 2 };

typedef struct cached_runs {
  owner o[RUNS]; /* they share context and queue, but not buffers */
  support_case c[RUNS];
  clattn_device *device;
} cached_runs;

/* Run i sees the keys of all runs before it. */
static void set_up_runs(cached_runs *r, const clattn_problem *p) {
  clattn_error error;
  for (size_t i = 0; i < RUNS; ++i) {
    clattn_problem seen = *p;
    seen.key_len = (i + 1) * p->key_len;
    support_allocate_seen(&r->c[i], p, &seen, 11 + (uint32_t)i);
    if (i == 0) {
      set_up(&r->o[0], 0, &r->c[0]);
      continue;
    }
    r->o[i] = (owner){.context = r->o[0].context, .id = r->o[0].id, .queue = r->o[0].queue};
    create_buffers(&r->o[i], &r->c[i]);
  }
  assert_ok(clattn_device_adopt(r->o[0].queue, &r->device, &error), &error);
}

static void tear_down_runs(cached_runs *r) {
  clattn_device_close(r->device);
  for (size_t i = 0; i < RUNS; ++i) support_free(&r->c[i]);
  for (size_t i = RUNS; i-- > 1;) release_buffers(&r->o[i]);
  tear_down(&r->o[0]);
}

static clattn_plan *plan_for(const cached_runs *r, const clattn_problem *p, clattn_io io) {
  clattn_plan_options options = SUPPORT_STAGED;
  clattn_plan *plan = NULL;
  clattn_error error;
  options.io = io;
  assert_ok(clattn_plan_create(r->device, p, &options, &plan, &error), &error);
  return plan;
}

static clattn_cache *cache_for(const cached_runs *r, const clattn_problem *p) {
  clattn_cache *cache = NULL;
  clattn_error error;
  assert_ok(clattn_cache_create(r->device, p, NULL, NULL, &cache, &error), &error);
  return cache;
}

/* Enqueues both runs without waiting in between, and checks the last one. */
static void enqueue_runs(cached_runs *r, const clattn_problem *p) {
  clattn_plan *plan = plan_for(r, p, CLATTN_IO_DEVICE);
  clattn_cache *cache = cache_for(r, p);
  clattn_error error;
  clattn_check_report report = CLATTN_CHECK_REPORT_INIT;
  for (size_t i = 0; i < RUNS; ++i) {
    clattn_buffers buffers = buffers_of(&r->o[i]);
    buffers.cache = cache;
    assert_ok(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), &error);
  }
  assert_int_equal(clattn_cache_length(cache, 0), RUNS * p->key_len);
  assert_int_equal(clFinish(r->o[0].queue), CL_SUCCESS);
  for (size_t i = 0; i < RUNS; ++i) download(&r->o[i], &r->c[i]);
  support_case *last = &r->c[RUNS - 1];
  last->inputs.cache = cache;
  assert_ok(clattn_check(plan, &last->inputs, &last->outputs, NULL, &report, &error), &error);
  assert_passed(&report, "the second of two enqueued runs");

  /* The capacity is 12: a third run is refused, and the cache keeps its contents. */
  clattn_buffers buffers = buffers_of(&r->o[0]);
  buffers.cache = cache;
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_CACHE_FULL);
  assert_int_equal(clattn_cache_length(cache, 1), RUNS * p->key_len);
  clattn_plan_destroy(plan);
  clattn_cache_destroy(cache);
}

/* The same bits, except for masked keys: in a buffer their weights are -0. */
static void assert_same_weights(support_case *host, support_case *device) {
  const float *in_host = support_tensor(host, CLATTN_WEIGHTS), *in_buffer = support_tensor(device, CLATTN_WEIGHTS);
  const float *scores = support_tensor(device, CLATTN_SCORES);
  size_t masked = 0;
  for (size_t i = 0; i < host->bytes[CLATTN_WEIGHTS] / sizeof(float); ++i) {
    const bool is_masked = scores[i] == -INFINITY;
    masked += is_masked;
    if (is_masked) assert_true(in_host[i] == 0.0f && !signbit(in_host[i]) && signbit(in_buffer[i]));
    assert_true(in_host[i] == in_buffer[i]);
  }
  assert_true(masked > 0);
}

/* Compares with clattn_plan_run on the same inputs and a cache of its own: the same bits. */
static void compare_with_plan_run(cached_runs *r, const clattn_problem *p) {
  static const clattn_tensor compared[] = {CLATTN_Q,        CLATTN_SCORES,   CLATTN_LSE,   CLATTN_CONTEXT,
                                           CLATTN_CACHED_K, CLATTN_CACHED_V, CLATTN_OUTPUT};
  clattn_plan *plan = plan_for(r, p, CLATTN_IO_HOST);
  clattn_cache *cache = cache_for(r, p);
  clattn_error error;
  for (size_t i = 0; i < RUNS; ++i) {
    support_case again;
    support_allocate_seen(&again, &r->c[i].problem, &r->c[i].seen, 11 + (uint32_t)i);
    again.inputs.cache = cache;
    assert_ok(clattn_plan_run(plan, &again.inputs, &again.outputs, NULL, &error), &error);
    for (size_t t = 0; t < sizeof compared / sizeof compared[0]; ++t)
      assert_memory_equal(support_tensor(&again, compared[t]), support_tensor(&r->c[i], compared[t]),
                          again.bytes[compared[t]]);
    assert_same_weights(&again, &r->c[i]);
    support_free(&again);
  }
  clattn_plan_destroy(plan);
  clattn_cache_destroy(cache);
}

static void runs_on_a_cache(void **state) {
  (void)state;
  for (cl_uint type = CLATTN_CACHE_F32; type <= CLATTN_CACHE_I8_TOKEN; ++type)
    for (size_t page_len = 0; page_len <= 3; page_len += 3) {
      const clattn_problem p = decoder(type, page_len);
      cached_runs r;
      set_up_runs(&r, &p);
      enqueue_runs(&r, &p);
      compare_with_plan_run(&r, &p);
      tear_down_runs(&r);
    }
}

/* A fused kernel that reads the cache in place: what is cached goes to the caller's buffers all the
 * same, with the same bits as to host memory. */
static void a_cache_read_in_place(void **state) {
  (void)state;
  static const clattn_tensor compared[] = {CLATTN_CACHED_K, CLATTN_CACHED_V, CLATTN_CONTEXT, CLATTN_OUTPUT};
  for (cl_uint type = CLATTN_CACHE_F32; type <= CLATTN_CACHE_Q4; ++type)
    for (size_t page_len = 0; page_len <= 3 && type != CLATTN_CACHE_I8_HEAD; page_len += 3) {
      clattn_problem p = decoder(type, page_len);
      if (type == CLATTN_CACHE_Q4) p.head_dim = p.value_dim = 32;
      clattn_plan_options options = {.size = sizeof options, .kernels = "fused=stream"};
      clattn_plan *in_buffers = NULL, *in_host = NULL;
      cached_runs r;
      clattn_error error;
      set_up_runs(&r, &p);
      assert_ok(clattn_plan_create(r.device, &p, &options, &in_host, &error), &error);
      options.io = CLATTN_IO_DEVICE;
      assert_ok(clattn_plan_create(r.device, &p, &options, &in_buffers, &error), &error);
      clattn_cache *cache = cache_for(&r, &p), *again = cache_for(&r, &p);
      for (size_t i = 0; i < RUNS; ++i) {
        clattn_buffers buffers = buffers_of(&r.o[i]);
        buffers.cache = cache;
        buffers.scaled = buffers.softcapped = buffers.scores = buffers.weights = NULL;
        assert_ok(clattn_plan_enqueue(in_buffers, &buffers, 0, NULL, NULL, &error), &error);
        assert_int_equal(clFinish(r.o[0].queue), CL_SUCCESS);
        download(&r.o[i], &r.c[i]);
        support_case host;
        support_allocate_seen(&host, &r.c[i].problem, &r.c[i].seen, 11 + (uint32_t)i);
        host.inputs.cache = again;
        support_want(&host, in_host);
        assert_ok(clattn_plan_run(in_host, &host.inputs, &host.outputs, NULL, &error), &error);
        for (size_t t = 0; t < sizeof compared / sizeof compared[0]; ++t)
          assert_memory_equal(support_tensor(&host, compared[t]), support_tensor(&r.c[i], compared[t]),
                              host.bytes[compared[t]]);
        support_free(&host);
      }
      clattn_plan_destroy(in_buffers);
      clattn_plan_destroy(in_host);
      clattn_cache_destroy(cache);
      clattn_cache_destroy(again);
      tear_down_runs(&r);
    }
}

/* Scores grow with the cache: a buffer too small for the second run is refused, and nothing is
 * appended. */
static void buffers_too_small_for_the_cache(void **state) {
  (void)state;
  const clattn_problem p = decoder(CLATTN_CACHE_F32, 3);
  cached_runs r;
  clattn_error error;
  set_up_runs(&r, &p);
  clattn_plan *plan = plan_for(&r, &p, CLATTN_IO_DEVICE);
  clattn_cache *cache = cache_for(&r, &p);
  clattn_buffers buffers = buffers_of(&r.o[0]);
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "the cache is NULL"));
  buffers.cache = cache;
  assert_ok(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), &error);
  buffers.scores = r.o[1].buffer[CLATTN_LSE];
  buffers.scaled = buffers.softcapped = buffers.weights = NULL;
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "buffer scores has"));
  for (size_t b = 0; b < 2; ++b) assert_int_equal(clattn_cache_length(cache, b), 5);
  clattn_plan_destroy(plan);
  clattn_cache_destroy(cache);
  tear_down_runs(&r);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

/* Clears the output, runs, and returns the output; free with free(). */
static unsigned char *output_of_run(clattn_plan *plan, const clattn_buffers *buffers, const owner *o, support_case *c) {
  const cl_uchar cleared = 0xFF;
  const size_t bytes = c->bytes[CLATTN_OUTPUT];
  clattn_error error;
  unsigned char *output = malloc(bytes);
  assert_non_null(output);
  assert_int_equal(clEnqueueFillBuffer(o->queue, buffers->output, &cleared, 1, 0, bytes, 0, NULL, NULL), CL_SUCCESS);
  assert_ok(clattn_plan_enqueue(plan, buffers, 0, NULL, NULL, &error), &error);
  assert_int_equal(clFinish(o->queue), CL_SUCCESS);
  download(o, c);
  memcpy(output, support_tensor(c, CLATTN_OUTPUT), bytes);
  return output;
}

/* If the problem has an output, context is optional, and the output is required. */
static void output_required(void **state) {
  (void)state;
  const clattn_problem p = problem_with_all();
  support_case c;
  support_allocate(&c, &p, 7);
  owner o;
  set_up(&o, 0, &c);
  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  clattn_plan_options options = SUPPORT_STAGED;
  options.io = CLATTN_IO_DEVICE;
  assert_ok(clattn_device_adopt(o.queue, &device, &error), &error);
  assert_ok(clattn_plan_create(device, &p, &options, &plan, &error), &error);
  clattn_buffers buffers = buffers_of(&o), only_output = buffers;
  buffers.size = 0;
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "CLATTN_BUFFERS_INIT"));
  buffers.size = sizeof buffers;
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "key_lengths is NULL"));
  buffers.key_lengths = only_output.key_lengths = key_lengths;
  buffers.output = NULL;
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "buffer output is NULL"));
  buffers.output = o.buffer[CLATTN_OUTPUT];
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "rotary_cos is NULL"));
  host_inputs host;
  fill_host_inputs(&host, 7);
  buffers.rotary_cos = only_output.rotary_cos = host.cosines;
  buffers.rotary_sin = only_output.rotary_sin = host.sines;
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "position_ids is NULL"));
  buffers.position_ids = only_output.position_ids = host.ids;
  for (int t = CLATTN_Q; t < CLATTN_OUTPUT; ++t) clattn_buffers_set(&only_output, (clattn_tensor)t, NULL);
  unsigned char *with_all = output_of_run(plan, &buffers, &o, &c),
                *by_itself = output_of_run(plan, &only_output, &o, &c);
  assert_memory_equal(with_all, by_itself, c.bytes[CLATTN_OUTPUT]);
  free(with_all);
  free(by_itself);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  tear_down(&o);
  support_free(&c);
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
  clattn_plan_options options = SUPPORT_STAGED;
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
  buffers.context = NULL; /* without context there is no other output */
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_non_null(strstr(error.message, "buffer context is NULL"));
  buffers = buffers_of(&o);
  assert_int_equal(clattn_plan_enqueue(plan, &buffers, 1, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_plan_enqueue(NULL, &buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  tear_down(&o);
  support_free(&c);
}

/* A plan with the caller's queue, and buffers for it. */
typedef struct enqueued {
  support_case c;
  owner o;
  clattn_device *device;
  clattn_plan *plan;
} enqueued;

static void set_up_plan(enqueued *e, const clattn_problem *p) {
  clattn_plan_options options = SUPPORT_STAGED;
  clattn_error error;
  options.io = CLATTN_IO_DEVICE;
  support_allocate(&e->c, p, 7);
  set_up(&e->o, 0, &e->c);
  assert_ok(clattn_device_adopt(e->o.queue, &e->device, &error), &error);
  assert_ok(clattn_plan_create(e->device, p, &options, &e->plan, &error), &error);
}

static void tear_down_plan(enqueued *e) {
  clattn_plan_destroy(e->plan);
  clattn_device_close(e->device);
  tear_down(&e->o);
  support_free(&e->c);
}

static void expect_refused(const enqueued *e, const clattn_buffers *buffers, const char *part) {
  clattn_error error = {.message = ""};
  assert_int_equal(clattn_plan_enqueue(e->plan, buffers, 0, NULL, NULL, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, part);
}

/* Takes ownership of the buffer. */
static void refused_as(const enqueued *e, clattn_tensor tensor, cl_mem buffer, const char *part) {
  clattn_buffers buffers = buffers_of(&e->o);
  assert_non_null(buffer);
  clattn_buffers_set(&buffers, tensor, buffer);
  expect_refused(e, &buffers, part);
  clReleaseMemObject(buffer);
}

static void foreign_buffers(void **state) {
  (void)state;
  const clattn_problem p = problem();
  enqueued e;
  set_up_plan(&e, &p);
  cl_context other = clCreateContext(NULL, 1, &e.o.id, NULL, NULL, NULL);
  const size_t bytes = 1 << 20;
  cl_int images = CL_FALSE;
  assert_non_null(other);
  refused_as(&e, CLATTN_X, clCreateBuffer(other, CL_MEM_READ_WRITE, bytes, NULL, NULL),
             "buffer x is of another OpenCL context");
  refused_as(&e, CLATTN_CONTEXT, clCreateBuffer(other, CL_MEM_READ_WRITE, bytes, NULL, NULL),
             "buffer context is of another OpenCL context");
  refused_as(&e, CLATTN_SCORES, clCreateBuffer(other, CL_MEM_READ_WRITE, bytes, NULL, NULL),
             "buffer scores is of another OpenCL context");
  refused_as(&e, CLATTN_X, clCreateBuffer(e.o.context, CL_MEM_WRITE_ONLY, bytes, NULL, NULL),
             "buffer x is CL_MEM_WRITE_ONLY (allowed: CL_MEM_READ_WRITE, CL_MEM_READ_ONLY)");
  refused_as(&e, CLATTN_CONTEXT, clCreateBuffer(e.o.context, CL_MEM_READ_ONLY, bytes, NULL, NULL),
             "buffer context is CL_MEM_READ_ONLY (allowed for a result: CL_MEM_READ_WRITE)");
  refused_as(&e, CLATTN_CONTEXT, clCreateBuffer(e.o.context, CL_MEM_WRITE_ONLY, bytes, NULL, NULL),
             "buffer context is CL_MEM_WRITE_ONLY (allowed: CL_MEM_READ_WRITE)");
  refused_as(&e, CLATTN_WEIGHTS, clCreateBuffer(e.o.context, CL_MEM_READ_ONLY, bytes, NULL, NULL),
             "buffer weights is CL_MEM_READ_ONLY");
  clGetDeviceInfo(e.o.id, CL_DEVICE_IMAGE_SUPPORT, sizeof images, &images, NULL);
  if (images == CL_TRUE) {
    const cl_image_format format = {CL_RGBA, CL_FLOAT};
    const cl_image_desc shape = {.image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = 256, .image_height = 256};
    refused_as(&e, CLATTN_X, clCreateImage(e.o.context, CL_MEM_READ_WRITE, &format, &shape, NULL, NULL),
               "buffer x is an OpenCL memory object of type");
  }
  clReleaseContext(other);
  tear_down_plan(&e);
}

static cl_mem part_of(cl_mem whole, size_t start, size_t bytes) {
  const cl_buffer_region region = {start, bytes};
  cl_int code = CL_SUCCESS;
  cl_mem part = clCreateSubBuffer(whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
  assert_int_equal(code, CL_SUCCESS);
  return part;
}

/* Kernels that read four elements at once need the caller's own memory at a multiple of 16 bytes. */
static void unaligned_memory(void **state) {
  (void)state;
  static float memory[4096];
  const size_t bytes = sizeof memory - 64;
  clattn_problem p = problem();
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  p.head_dim = p.value_dim = 8;
  enqueued e;
  clattn_error error;
  set_up_plan(&e, &p);
  clattn_plan_destroy(e.plan);
  clattn_plan_options options = support_options();
  options.pipeline = CLATTN_PIPELINE_FUSED;
  options.kernels = "fused=register";
  options.io = CLATTN_IO_DEVICE;
  assert_ok(clattn_plan_create(e.device, &p, &options, &e.plan, &error), &error);
  float *const aligned = memory + (16 - (uintptr_t)memory / 4 % 16) % 16;
  const cl_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR;
  refused_as(&e, CLATTN_K, clCreateBuffer(e.o.context, flags, bytes, aligned + 1, NULL),
             "(allowed: a multiple of 16 bytes)");
  clattn_buffers buffers = CLATTN_BUFFERS_INIT;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t)
    if (clattn_input_bytes(&p, (clattn_tensor)t) > 0 || t == CLATTN_CONTEXT)
      clattn_buffers_set(&buffers, (clattn_tensor)t, e.o.buffer[t]);
  buffers.k = clCreateBuffer(e.o.context, flags, bytes, aligned, NULL);
  assert_non_null(buffers.k);
  assert_ok(clattn_plan_enqueue(e.plan, &buffers, 0, NULL, NULL, &error), &error);
  assert_int_equal(clFinish(e.o.queue), CL_SUCCESS);
  clReleaseMemObject(buffers.k);
  tear_down_plan(&e);
}

/* Results must not overlap anything; inputs may share memory. Adjacent parts of one buffer are
 * allowed. */
static void overlapping_buffers(void **state) {
  (void)state;
  clattn_problem p = problem();
  p.source = CLATTN_SOURCE_QKV;
  p.model_dim = 0;
  p.value_dim = p.head_dim;
  enqueued e;
  clattn_error error;
  set_up_plan(&e, &p);
  const size_t bytes = clattn_output_bytes(&p, CLATTN_CONTEXT), step = (bytes / 4096 + 1) * 4096;
  cl_mem all = clCreateBuffer(e.o.context, CL_MEM_READ_WRITE, 4 * step, NULL, NULL);
  assert_non_null(all);
  clattn_buffers buffers = buffers_of(&e.o);
  buffers.context = buffers.q;
  expect_refused(&e, &buffers, "buffers q and context overlap");
  buffers = buffers_of(&e.o);
  buffers.lse = buffers.weights = buffers.scores;
  expect_refused(&e, &buffers, "buffers scores and weights overlap");
  refused_as(&e, CLATTN_LSE, (clRetainMemObject(e.o.buffer[CLATTN_CONTEXT]), e.o.buffer[CLATTN_CONTEXT]),
             "buffers lse and context overlap");

  cl_mem first = part_of(all, 0, 2 * step), second = part_of(all, step, step), third = part_of(all, 2 * step, step);
  buffers = buffers_of(&e.o);
  buffers.q = all;
  buffers.context = part_of(all, 0, step);
  expect_refused(&e, &buffers, "buffers q and context overlap");
  clReleaseMemObject(buffers.context);
  buffers.q = buffers.k = buffers.v = second;
  buffers.context = third;
  assert_ok(clattn_plan_enqueue(e.plan, &buffers, 0, NULL, NULL, &error), &error);
  buffers.context = first; /* larger than the context, which ends before the second buffer begins */
  assert_ok(clattn_plan_enqueue(e.plan, &buffers, 0, NULL, NULL, &error), &error);
  buffers.q = buffers_of(&e.o).q;
  buffers.lse = part_of(all, step / 2 / 4096 * 4096, step);
  expect_refused(&e, &buffers, "overlap");
  clReleaseMemObject(buffers.lse);
  assert_int_equal(clFinish(e.o.queue), CL_SUCCESS);
  clReleaseMemObject(first);
  clReleaseMemObject(second);
  clReleaseMemObject(third);
  clReleaseMemObject(all);
  tear_down_plan(&e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kernel_keeps_within_its_buffers),
      cmocka_unit_test(fused_reads_the_callers_halves),
      cmocka_unit_test(stored_projections_become_floats),
      cmocka_unit_test(context_by_heads),
      cmocka_unit_test(foreign_buffers),
      cmocka_unit_test(unaligned_memory),
      cmocka_unit_test(overlapping_buffers),
      cmocka_unit_test(plain_queue),
      cmocka_unit_test(columns_in_groups),
      cmocka_unit_test(out_of_order_queue),
      cmocka_unit_test(run_on_an_adopted_queue),
      cmocka_unit_test(runs_on_a_cache),
      cmocka_unit_test(a_cache_read_in_place),
      cmocka_unit_test(buffers_too_small_for_the_cache),
      cmocka_unit_test(output_required),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests_name("cl", tests, NULL, NULL);
}
