/* clattn for programs that own an OpenCL context, queue and buffers already. See clattn.h for everything else.
 *
 *     clattn_device_adopt(queue, &device, &error);
 *     options.io = CLATTN_IO_DEVICE;
 *     clattn_plan_create(device, &problem, &options, &plan, &error);
 *     clattn_plan_enqueue(plan, &buffers, 1, &uploaded, &done, &error);
 *
 * Enqueueing does not wait. Other calls do, also for what the caller has enqueued before on an in-order queue, and must
 * not be made while that depends on an event which the same thread has yet to set: clattn_plan_create, clattn_plan_run,
 * clattn_plan_destroy (for the plan's last run), clattn_weights_create, clattn_weights_destroy and clattn_merge;
 * clattn_plan_enqueue where it makes a second copy of weights (clattn_weights_create says when) or drops pages of a
 * cache (clattn_problem.rolling); and the device's first clattn_merge_enqueue, which tests the kernel.
 */
#ifndef CLATTN_CL_H
#define CLATTN_CL_H

#include "clattn_inspect.h"

#ifdef __APPLE__
#include <OpenCL/opencl.h>
#else
#include <CL/cl.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A device made from the caller's queue, its context and its device; all are retained until clattn_device_close. The
 * queue may be in-order or out-of-order and need not record times (clattn_timings then come from the wall clock). After
 * plans of the blas pipeline CLBlast keeps a reference to the context until the process ends, or CLBlastClearCache is
 * called. */
CLATTN_API clattn_status clattn_device_adopt(cl_command_queue queue, clattn_device **device, clattn_error *error);

/* Buffers of the same context, as large as clattn_input_bytes and clattn_output_bytes say, or larger. Inputs may not be
 * CL_MEM_WRITE_ONLY. Results are CL_MEM_READ_WRITE, for kernels read again what they wrote; x_positioned, cached_k,
 * cached_v, and scores and their like are copied, so CL_MEM_WRITE_ONLY will do for these. Required are the inputs that
 * the problem has, and the output; of a problem without one, the context. The others may be NULL: not wanted. q, k and
 * v are inputs when the problem's source is CLATTN_SOURCE_QKV, else results. A result must not overlap with another
 * tensor; inputs may. q, k and v in the caller's own memory (CL_MEM_USE_HOST_PTR) begin at a multiple of 16 bytes where
 * kernels read four elements at once. All this is checked by each clattn_plan_enqueue, with CLATTN_INVALID_ARGUMENT for
 * what does not fit. Lengths, position ids, cosines and sines are host memory, read during the call.
 *
 * In the buffer `weights` a masked key's weight is -0, which equals 0; only its bits tell it from the weight of a key
 * that is seen but has underflowed to 0. */
typedef struct clattn_buffers {
  size_t size; /* sizeof(clattn_buffers) */
  cl_mem x, xkv;
  cl_mem wq, wk, wv, wqkv;
  cl_mem bq, bk, bv, bqkv;
  cl_mem wo, bo;
  cl_mem mask, slopes, sinks;
  cl_mem q, k, v;
  cl_mem x_positioned, products, scaled, softcapped, scores, exps, weights, row_max, row_sum, lse;
  cl_mem context, cached_k, cached_v, output;
  clattn_weights *projection_weights; /* as in clattn_inputs */
  clattn_cache *cache;
  /* Host memory, as in clattn_inputs. */
  const int32_t *key_lengths, *query_offsets, *key_offsets;
  const int32_t *position_ids, *key_position_ids;
  const float *rotary_cos, *rotary_sin;
} clattn_buffers;

CLATTN_SIZED(clattn_buffers)
#define CLATTN_BUFFERS_INIT CLATTN_INIT(clattn_buffers, .size = sizeof(clattn_buffers))

/* As clattn_inputs_set and clattn_inputs_get. */
CLATTN_API void clattn_buffers_set(clattn_buffers *buffers, clattn_tensor tensor, cl_mem buffer);
CLATTN_API cl_mem clattn_buffers_get(const clattn_buffers *buffers, clattn_tensor tensor);

/* Enqueues all stages on the device's queue and returns without waiting. The work begins after the `wait_count` events
 * of `wait` and after the plan's previous run; *event (may be NULL), to be released by the caller, completes with it.
 * The buffers must live until then. The queue is flushed. After a failure commands may have been enqueued already: call
 * clFinish, or destroy the plan, before the buffers are used for something else. */
CLATTN_API clattn_status clattn_plan_enqueue(clattn_plan *plan, const clattn_buffers *buffers, cl_uint wait_count,
                                             const cl_event *wait, cl_event *event, clattn_error *error);

/* ---- keys in parts ----------------------------------------------------------------------------------------------- */

/* A part, or what parts become: buffers of the same context, at least as large as their shapes say (clattn_part). Parts
 * may not be CL_MEM_WRITE_ONLY; a result is CL_MEM_READ_WRITE and overlaps with nothing else. The lse of a part is
 * required, that of the result may be NULL. */
typedef struct clattn_part_buffers {
  cl_mem context, lse;
} clattn_part_buffers;

/* As clattn_merge, with buffers: enqueues the work on the device's queue, after the events of `wait`. Only the first
 * merging on a device waits, for the kernel's test. *event (may be NULL), to be released by the caller, completes with
 * the work. With three parts or more it allocates a context in float and two log-sum-exps, which live until then. The
 * queue is flushed. */
CLATTN_API clattn_status clattn_merge_enqueue(clattn_device *device, const clattn_merging *merging,
                                              const clattn_part_buffers *parts, size_t count,
                                              const clattn_part_buffers *merged, cl_uint wait_count,
                                              const cl_event *wait, cl_event *event, clattn_error *error);

#ifdef __cplusplus
}
#endif

#endif
