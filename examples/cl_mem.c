/* clattn inside a program that has an OpenCL context, queue and buffers of its own. Two layers of attention are
 * enqueued between the program's own commands: the context of the first is the second's q. Events say what has to wait
 * for what, and the host waits only for the result, which is compared with the reference.
 *
 *     cc cl_mem.c -o cl_mem $(pkg-config --cflags --libs clattn OpenCL) -lm
 */
#define CL_TARGET_OPENCL_VERSION 120
#include <clattn_check.h>
#include <clattn_cl.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADS = 4, LEN = 96, DIM = 64, ELEMENTS = HEADS * LEN * DIM };
enum { Q, K, V, FIRST, SECOND, BUFFERS, UPLOADS = V + 1 };              /* FIRST and SECOND: the layers' contexts */
enum { ATTENDED_FIRST = UPLOADS, ATTENDED_SECOND, DOWNLOADED, EVENTS }; /* after one event for each upload */

/* For values between -1 and 1: far above what rounding in float gives, far below what data of a command that has not
 * ended does. */
static const double allowed = 1e-5;

static float host[UPLOADS][ELEMENTS], result[ELEMENTS]; /* q, k and v, each (1, HEADS, LEN, DIM); the second context */

/* What the program has before clattn comes in. */
typedef struct own {
  cl_context context;
  cl_command_queue queue;
  cl_mem buffer[BUFFERS];
  cl_event event[EVENTS];
} own;

static void fill(float *to, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] = (float)rand() / (float)RAND_MAX * 2 - 1;
}

static bool cl_ok(const char *call, cl_int code) {
  if (code != CL_SUCCESS) fprintf(stderr, "cl_mem: %s failed with code %d\n", call, (int)code);
  return code == CL_SUCCESS;
}

static bool clattn_ok(clattn_status status, const clattn_error *error) {
  if (status != CLATTN_OK) fprintf(stderr, "cl_mem: %s: %s\n", clattn_status_name(status), error->message);
  return status == CLATTN_OK;
}

/* The first GPU of any platform, else the first device; NULL: there is none. */
static cl_device_id find_device(void) {
  enum { MOST = 16 };
  static const cl_device_type types[] = {CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_ALL};
  cl_platform_id platforms[MOST];
  cl_uint count = 0;
  if (clGetPlatformIDs(MOST, platforms, &count) != CL_SUCCESS) count = 0;
  for (size_t t = 0; t < sizeof types / sizeof *types; ++t)
    for (cl_uint p = 0; p < count && p < MOST; ++p) {
      cl_device_id device;
      if (clGetDeviceIDs(platforms[p], types[t], 1, &device, NULL) == CL_SUCCESS) return device;
    }
  return NULL;
}

static bool make(own *o) {
  cl_int code = CL_SUCCESS;
  cl_device_id device = find_device();
  if (!device) {
    fprintf(stderr, "cl_mem: there is no OpenCL device; install a driver, for a CPU PoCL\n");
    return false;
  }
  o->context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
  if (!cl_ok("clCreateContext", code)) return false;
  o->queue = clCreateCommandQueue(o->context, device, 0, &code); /* with events, out-of-order would do, too */
  if (!cl_ok("clCreateCommandQueue", code)) return false;
  for (int i = 0; i < BUFFERS; ++i) {
    o->buffer[i] = clCreateBuffer(o->context, CL_MEM_READ_WRITE, ELEMENTS * sizeof(float), NULL, &code);
    if (!cl_ok("clCreateBuffer", code)) return false;
  }
  return true;
}

static void release(own *o) {
  if (o->queue) clFinish(o->queue); /* after a failure, commands may still use the host's arrays */
  for (int i = 0; i < EVENTS; ++i)
    if (o->event[i]) clReleaseEvent(o->event[i]);
  for (int i = 0; i < BUFFERS; ++i)
    if (o->buffer[i]) clReleaseMemObject(o->buffer[i]);
  if (o->queue) clReleaseCommandQueue(o->queue);
  if (o->context) clReleaseContext(o->context);
}

/* Uploads, two layers and the download: nothing waits here. */
static bool enqueue(own *o, clattn_plan *plan) {
  const size_t bytes = ELEMENTS * sizeof(float);
  clattn_error error;
  clattn_buffers layer = CLATTN_BUFFERS_INIT;
  layer.k = o->buffer[K];
  layer.v = o->buffer[V];
  for (int i = 0; i < UPLOADS; ++i)
    if (!cl_ok("clEnqueueWriteBuffer",
               clEnqueueWriteBuffer(o->queue, o->buffer[i], CL_FALSE, 0, bytes, host[i], 0, NULL, &o->event[i])))
      return false;

  layer.q = o->buffer[Q];
  layer.context = o->buffer[FIRST];
  clattn_status status = clattn_plan_enqueue(plan, &layer, UPLOADS, o->event, &o->event[ATTENDED_FIRST], &error);
  layer.q = o->buffer[FIRST];
  layer.context = o->buffer[SECOND];
  if (status == CLATTN_OK)
    status = clattn_plan_enqueue(plan, &layer, 1, &o->event[ATTENDED_FIRST], &o->event[ATTENDED_SECOND], &error);
  if (!clattn_ok(status, &error)) return false;

  return cl_ok("clEnqueueReadBuffer", clEnqueueReadBuffer(o->queue, o->buffer[SECOND], CL_FALSE, 0, bytes, result, 1,
                                                          &o->event[ATTENDED_SECOND], &o->event[DOWNLOADED]));
}

/* Computes both layers on the CPU, in plain C, and prints how the result compares with that. */
static bool is_right(const clattn_problem *problem) {
  static float first[ELEMENTS], second[ELEMENTS];
  clattn_inputs inputs = {.size = sizeof inputs, .q = host[Q], .k = host[K], .v = host[V]};
  clattn_outputs outputs = {.size = sizeof outputs, .context = first};
  clattn_error error;
  clattn_status status = clattn_reference_run(problem, &inputs, &outputs, &error);
  inputs.q = first;
  outputs.context = second;
  if (status == CLATTN_OK) status = clattn_reference_run(problem, &inputs, &outputs, &error);
  if (!clattn_ok(status, &error)) return false;

  double largest = 0;
  size_t wrong = 0;
  for (size_t i = 0; i < ELEMENTS; ++i) {
    const double difference = fabs((double)result[i] - (double)second[i]);
    if (!(difference <= allowed)) ++wrong; /* a NaN is wrong, too */
    largest = fmax(largest, difference);
  }
  printf("largest difference from the reference %.1e (allowed: %.0e), %zu of %d elements are wrong\n", largest, allowed,
         wrong, ELEMENTS);
  return wrong == 0;
}

int main(void) {
  const clattn_problem problem = clattn_problem_qkv(1, HEADS, LEN, LEN, DIM);
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  options.io = CLATTN_IO_DEVICE; /* the plan allocates no buffers for inputs and outputs */
  fill(host[0], sizeof host / sizeof **host);

  own o = {0};
  clattn_device *device = NULL;
  clattn_plan *plan = NULL;
  clattn_error error;
  const bool right = make(&o) && clattn_ok(clattn_device_adopt(o.queue, &device, &error), &error) &&
                     clattn_ok(clattn_plan_create(device, &problem, &options, &plan, &error), &error) &&
                     enqueue(&o, plan) && cl_ok("clWaitForEvents", clWaitForEvents(1, &o.event[DOWNLOADED])) &&
                     is_right(&problem);
  clattn_plan_destroy(plan);
  clattn_device_close(device);
  release(&o);
  return right ? 0 : 1;
}
