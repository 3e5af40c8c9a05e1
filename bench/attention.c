/* clattn's worker for attention and modules: runs a plan with buffers on the device for each case
 * that bench/run sends.
 *
 * usage: attention [DEVICE]   (see worker.h)
 *
 * It times the wall clock around enqueueing and finishing. Inputs stay on the device, as those of
 * the peers stay in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clattn_cl.h"
#include "base/clock.h"
#include "device/device.h"
#include "worker.h"

static clattn_device *device;
static clattn_plan *plan;
static clattn_problem problem;
static clattn_buffers buffers = CLATTN_BUFFERS_INIT;

static void need_cl(cl_int code, const char *what) {
  if (code != CL_SUCCESS) give_up("%s: OpenCL code %d", what, code);
}

static int one_of(const char *text, const char *const *names, int count) {
  for (int i = 0; i < count; ++i)
    if (strcmp(text, names[i]) == 0) return i;
  give_up("unknown value '%s'", text);
}

static clattn_problem problem_of(const words *w) {
  static const char *const types[] = {"f32", "f16", "bf16"}, *const sources[] = {"x", "xkv", "qkv"};
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.batch = words_number(w, "batch");
  p.heads = words_number(w, "heads");
  p.kv_heads = words_number(w, "kv_heads");
  p.head_dim = p.value_dim = words_number(w, "head_dim");
  p.query_len = words_number(w, "query_len");
  p.key_len = words_number(w, "key_len");
  p.model_dim = words_number(w, "model_dim");
  p.output_dim = words_number(w, "output_dim");
  p.causal = words_number(w, "causal") != 0;
  p.source = (clattn_source)one_of(words_text(w, "source"), sources, 3);
  p.type = (clattn_type)one_of(words_text(w, "type"), types, 3);
  return p;
}

static clattn_plan_options options_of(const words *w) {
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  const char *kernels = words_text(w, "kernels");
  const char *names[CLATTN_PIPELINE_COUNT];
  for (int i = 0; i < CLATTN_PIPELINE_COUNT; ++i) names[i] = clattn_pipeline_name((clattn_pipeline)i);
  options.pipeline = (clattn_pipeline)one_of(words_text(w, "pipeline"), names, CLATTN_PIPELINE_COUNT);
  options.io = CLATTN_IO_DEVICE;
  options.weights_kept = words_number(w, "model_dim") > 0;
  options.kernels = kernels[0] != '\0' ? kernels : NULL;
  return options;
}

static void release_case(void) {
  clattn_plan_destroy(plan);
  plan = NULL;
  clattn_weights_destroy(buffers.projection_weights);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const cl_mem buffer = clattn_buffers_get(&buffers, (clattn_tensor)t);
    if (buffer != NULL) clReleaseMemObject(buffer);
  }
  buffers = (clattn_buffers)CLATTN_BUFFERS_INIT;
}

/* The tensor with the result in the problem's own type. */
static clattn_tensor result(void) {
  return problem.type == CLATTN_F32 && problem.output_dim == 0 ? CLATTN_CONTEXT : CLATTN_OUTPUT;
}

static void create_buffer(clattn_tensor tensor, size_t bytes, void *data) {
  cl_int code = CL_SUCCESS;
  const cl_mem_flags flags = CL_MEM_READ_WRITE | (data != NULL ? CL_MEM_COPY_HOST_PTR : 0);
  clattn_buffers_set(&buffers, tensor, clCreateBuffer(device->context, flags, bytes, data, &code));
  need_cl(code, "clCreateBuffer");
}

static const clattn_tensor matrices[] = {CLATTN_WQ, CLATTN_WK, CLATTN_WV, CLATTN_WO};
enum { MATRICES = sizeof matrices / sizeof matrices[0] };

static bool is_matrix(clattn_tensor tensor) {
  for (int i = 0; i < MATRICES; ++i)
    if (matrices[i] == tensor) return true;
  return false;
}

/* The matrices stay on the device, as those of the peers stay in their sessions. */
static void keep_matrices(const char *folder) {
  clattn_inputs inputs = CLATTN_INPUTS_INIT;
  clattn_error error;
  void *data[MATRICES] = {NULL};
  for (int i = 0; i < MATRICES; ++i) {
    const size_t bytes = clattn_input_bytes(&problem, matrices[i]);
    if (bytes > 0) data[i] = read_numbers(folder, clattn_tensor_name(matrices[i]), bytes);
    clattn_inputs_set(&inputs, matrices[i], data[i]);
  }
  need(clattn_weights_create(device, &problem, &inputs, &buffers.projection_weights, &error), &error);
  for (int i = 0; i < MATRICES; ++i) free(data[i]);
}

static void create_buffers(const char *folder) {
  if (problem.model_dim > 0) keep_matrices(folder);
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const size_t bytes = clattn_input_bytes(&problem, tensor);
    if (bytes == 0 || is_matrix(tensor)) continue;
    void *data = read_numbers(folder, clattn_tensor_name(tensor), bytes);
    create_buffer(tensor, bytes, data);
    free(data);
  }
  create_buffer(result(), clattn_output_bytes(&problem, result()), NULL);
}

static double run(void) {
  clattn_error error;
  const double started = clattn_now();
  need(clattn_plan_enqueue(plan, &buffers, 0, NULL, NULL, &error), &error);
  need_cl(clFinish(device->queue), "clFinish");
  return clattn_now() - started;
}

static void write_result(const char *path) {
  const size_t bytes = clattn_output_bytes(&problem, result());
  void *data = malloc(bytes);
  if (data == NULL) give_up("no %zu bytes for the result", bytes);
  need_cl(clEnqueueReadBuffer(device->queue, clattn_buffers_get(&buffers, result()), CL_TRUE, 0, bytes, data, 0, NULL,
                              NULL),
          "clEnqueueReadBuffer");
  write_numbers(path, data, bytes);
  free(data);
}

/* "fused:vector", or for a module "project:panel fused:vector". */
static void name_kernels(char answer[ANSWER_SIZE]) {
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_plan_get_info(plan, &info);
  size_t used = 0;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s)
    if (info.stages[s].kernel != NULL && used < ANSWER_SIZE)
      used += (size_t)snprintf(answer + used, ANSWER_SIZE - used, "%s%s:%s", used > 0 ? " " : "",
                               clattn_stage_name((clattn_stage)s), info.stages[s].kernel);
}

static int prepare(const words *w, char answer[ANSWER_SIZE]) {
  clattn_error error;
  release_case();
  problem = problem_of(w);
  const clattn_plan_options options = options_of(w);
  const clattn_status status = clattn_plan_create(device, &problem, &options, &plan, &error);
  if (status == CLATTN_UNSUPPORTED || status == CLATTN_OUT_OF_DEVICE_MEMORY) {
    snprintf(answer, ANSWER_SIZE, "%.400s", error.message);
    return 0;
  }
  need(status, &error);
  create_buffers(words_text(w, "inputs"));
  run();
  write_result(words_text(w, "output"));
  name_kernels(answer);
  return 1;
}

int main(int argument_count, char **arguments) {
  const clattn_device_choice choice = {.device = argument_count > 1 ? arguments[1] : NULL};
  clattn_error error;
  need(clattn_device_open(&choice, &device, &error), &error);
  char greeting[ANSWER_SIZE];
  greet(device, "clattn " CLATTN_VERSION, greeting);
  puts(greeting);
  fflush(stdout);
  const worker attention_worker = {prepare, run, device};
  const int code = worker_serve(&attention_worker);
  release_case();
  clattn_device_close(device);
  return code;
}
