/* clattn_plan_run: host memory in and out around the stages; and what clattn_plan_enqueue checks as
 * well. */
#include "run/run.h"

#include <stdlib.h>
#include <string.h>

#include "problem/arguments.h"
#include "problem/fused_order.h"
#include "cache/cache.h"
#include "base/clock.h"
#include "reference/linear.h"
#include "device/process.h"
#include "base/status.h"
#include "problem/sized.h"
#include "problem/tensors.h"
#include "problem/facts.h"
#include "problem/positions.h"
#include "weights/weights.h"

/* ---- before a run ------------------------------------------------------------------------------------------------ */

/* Refuses results that the plan cannot make: a fused plan has no scores and weights, and traced
 * tensors need a plan with trace. */
static clattn_status check_wanted(const clattn_plan *plan, const clattn_destination *to, clattn_error *error) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const bool traced = clattn_tensor_facts_of(tensor)->traced;
    if ((!traced && !clattn_tensor_has_rows(tensor)) || !clattn_is_wanted(to, tensor) || clattn_plan_has(plan, tensor))
      continue;
    if (clattn_output_bytes(&plan->problem, tensor) == 0) continue; /* ignored: the problem has none */
    if (traced && !clattn_plan_is_fused(plan))
      return clattn_fail(error, CLATTN_UNSUPPORTED,
                         "%s is wanted of a plan without trace (clattn_plan_options.trace or tensors)",
                         clattn_tensor_name(tensor));
    return clattn_fail(error, CLATTN_UNSUPPORTED,
                       "the pipeline fused has no %s (staged and blas have; clattn_plan_options.tensors asks for it)",
                       clattn_tensor_name(tensor));
  }
  return CLATTN_OK;
}

/* A problem without projection matrices ignores the handle, as it does every input that it does not
 * have. */
static clattn_status bind_weights(const clattn_plan *plan, clattn_weights *weights, cl_mem tensor[CLATTN_TENSOR_COUNT],
                                  clattn_error *error) {
  if (!clattn_has_weights(&plan->problem)) return CLATTN_OK;
  if (weights != NULL) return clattn_weights_bind(weights, plan, tensor, error);
  return plan->weights_kept ? clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                                          "projection_weights is NULL; the plan was made with weights_kept")
                            : CLATTN_OK;
}

clattn_status clattn_run_begin(const clattn_plan *plan, const clattn_inputs *inputs, clattn_problem *seen,
                               const clattn_destination *to, cl_mem tensor[CLATTN_TENSOR_COUNT], clattn_error *error) {
  const clattn_problem *p = &plan->problem;
  clattn_status status = check_wanted(plan, to, error);
  *seen = *p;
  if (status == CLATTN_OK) status = bind_weights(plan, inputs->projection_weights, tensor, error);
  if (status != CLATTN_OK) return status;
  if (p->cache.capacity == 0) return clattn_check_positions(p, inputs, error);
  if (inputs->cache->device != plan->device)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the cache was made for another device than the plan");
  status = clattn_cache_begin(inputs->cache, p, inputs, seen, error);
  if (status != CLATTN_OK) return status;
  status = clattn_check_positions(p, inputs, error);
  if (status != CLATTN_OK) clattn_cache_undo(inputs->cache);
  if (clattn_plan_gathers(plan)) return status;
  tensor[CLATTN_CACHED_K] = inputs->cache->k;
  tensor[CLATTN_CACHED_V] = inputs->cache->v;
  return status;
}

/* ---- host memory in and out -------------------------------------------------------------------------------------- */

static clattn_status upload(clattn_plan *plan, clattn_queue *queue, const clattn_inputs *inputs, clattn_error *error) {
  const clattn_problem *p = &plan->problem;
  clattn_status status = CLATTN_OK;
  if (plan->sequences != NULL) {
    clattn_describe_sequences(p, inputs, plan->sequences_host);
    status = clattn_queue_write(queue, plan->sequences, plan->sequences_host, p->batch * SEQUENCE_INTS * sizeof(cl_int),
                                error);
  }
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (!clattn_is_input(p, tensor)) continue;
    if (inputs->projection_weights != NULL && clattn_is_weight(tensor)) continue;
    const cl_mem to = plan->stored[t] != NULL ? plan->stored[t] : plan->buffer[t];
    const void *from = clattn_inputs_get(inputs, tensor);
    if (clattn_is_reordered(p, tensor)) {
      clattn_place_side_by_side(p, tensor, from, plan->reordered[t]);
      from = plan->reordered[t];
    }
    status = clattn_queue_write(queue, to, from, clattn_input_bytes(p, tensor), error);
  }
  return status;
}

/* Brings given q, k or v, of any type and strides, into floats (tokens, heads, dim). */
static clattn_status gather_given(const clattn_problem *p, clattn_tensor tensor, clattn_type type, const void *given,
                                  float *to, clattn_error *error) {
  const size_t count = clattn_given_extent(p, tensor), bytes = count * sizeof(float);
  if (type == CLATTN_F32) {
    clattn_gather_given(p, tensor, given, to);
    return CLATTN_OK;
  }
  float *floats = malloc(bytes);
  if (floats == NULL) return clattn_fail_malloc(error, bytes, "given q, k or v");
  clattn_widen(type, given, count, floats);
  clattn_gather_given(p, tensor, floats, to);
  free(floats);
  return CLATTN_OK;
}

/* q, k or v that kernels read where the caller's strides put them, or as they are stored: handed over as
 * floats (tokens, heads, dim). */
static clattn_status download_read(const clattn_plan *plan, clattn_queue *queue, clattn_tensor tensor, float *to,
                                   clattn_error *error) {
  const bool stored = clattn_plan_is_fused(plan) && clattn_fused_reads_stored(&plan->problem, tensor);
  const clattn_type type = stored ? plan->problem.type : CLATTN_F32;
  const size_t bytes = clattn_given_extent(&plan->problem, tensor) * clattn_type_bytes(type);
  void *given = malloc(bytes);
  if (given == NULL) return clattn_fail_malloc(error, bytes, "given q, k or v");
  clattn_status status =
      clattn_queue_read(queue, (stored ? plan->stored : plan->buffer)[tensor], 0, bytes, given, error);
  const clattn_status finished = clattn_queue_finish(queue, status == CLATTN_OK ? error : NULL);
  if (status == CLATTN_OK) status = finished;
  if (status == CLATTN_OK) status = gather_given(&plan->problem, tensor, type, given, to, error);
  free(given);
  return status;
}

static clattn_status download(clattn_plan *plan, clattn_queue *queue, const clattn_outputs *outputs,
                              clattn_error *error) {
  const clattn_problem *p = &plan->problem;
  clattn_status status = CLATTN_OK;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const clattn_tensor_facts *facts = clattn_tensor_facts_of(tensor);
    const bool narrowed = facts->made == CLATTN_ELEMENT_STORED && plan->stored[tensor] != NULL;
    const cl_mem from = narrowed ? plan->stored[tensor] : plan->buffer[tensor];
    void *to = clattn_outputs_get(outputs, tensor);
    const size_t bytes = clattn_output_bytes(p, tensor);
    if (facts->home != CLATTN_HOME_OWN || to == NULL || bytes == 0) continue;
    const bool in_place = (clattn_is_input(p, tensor) && !clattn_is_rotated(p, tensor)) ||
                          (clattn_is_given_or_made(tensor) && clattn_plan_reads_projections_stored(plan));
    status =
        in_place ? download_read(plan, queue, tensor, to, error) : clattn_queue_read(queue, from, 0, bytes, to, error);
  }
  return status;
}

/* Some drivers record no event times, or always a few nanoseconds; then only the wall clock tells.
 * With real events the wall clock exceeds them by the microseconds of enqueueing and waiting, not a
 * thousandfold. */
#define EVENTS_CREDIBLE 1e-3

static void fill_timings(const clattn_profile *profile, double total, clattn_timings *timings) {
  double events = 0.0, wall = 0.0;
  for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage) {
    events += profile->event[stage];
    wall += profile->wall[stage] - profile->library[stage];
  }
  timings->events_used = events > EVENTS_CREDIBLE * wall;
  for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage) {
    timings->launches[stage] = profile->launches[stage];
    timings->stage_wall[stage] = profile->wall[stage];
    timings->stage[stage] =
        timings->events_used ? profile->event[stage] + profile->library[stage] : profile->wall[stage];
  }
  timings->upload = profile->wall[CLATTN_SLOT_UPLOAD];
  timings->download = profile->wall[CLATTN_SLOT_DOWNLOAD];
  timings->total = total;
}

/* On the device a masked key's weight is -0 (kernels/common/masked.cl); in host memory it is 0. */
static void make_zeros_positive(const clattn_problem *seen, const clattn_outputs *outputs) {
  float *const weights = outputs->weights;
  const size_t count = outputs->rows != NULL ? outputs->rows->count * seen->key_len
                                             : clattn_output_bytes(seen, CLATTN_WEIGHTS) / sizeof *weights;
  for (size_t i = 0; weights != NULL && i < count; ++i) weights[i] += 0.0f; /* -0 + 0 is 0 */
}

static clattn_status check_arguments(const clattn_plan *plan, const clattn_inputs *inputs,
                                     const clattn_outputs *outputs, clattn_error *error) {
  const bool on_device = plan->weights_kept || inputs->projection_weights != NULL;
  return (on_device ? clattn_check_arguments_without_weights : clattn_check_arguments)(&plan->problem, inputs, outputs,
                                                                                       error);
}

static clattn_status run_plan(clattn_plan *plan, const clattn_inputs *inputs, const clattn_outputs *outputs,
                              clattn_timings *timings, clattn_error *error) {
  clattn_status status = check_arguments(plan, inputs, outputs, error);
  if (status != CLATTN_OK) return status;

  clattn_problem seen;
  cl_mem tensor[CLATTN_TENSOR_COUNT];
  const clattn_destination to = {.host = outputs};
  memcpy(tensor, plan->buffer, sizeof tensor);
  status = clattn_run_begin(plan, inputs, &seen, &to, tensor, error);
  if (status != CLATTN_OK) return status;

  const double started = clattn_now();
  clattn_profile profile = {{0}, {0}, {0}, {0}};
  clattn_queue queue = {.commands = plan->device->queue,
                        .limit = plan->limit,
                        .rate = plan->rate,
                        .profile = timings != NULL ? &profile : NULL,
                        .events_timed = plan->device->profiling};
  const clattn_work work = {.plan = plan,
                            .seen = &seen,
                            .queue = &queue,
                            .tensor = tensor,
                            .stored = plan->stored,
                            .inputs = inputs,
                            .sequences = plan->sequences,
                            .context_wanted = outputs->context != NULL,
                            .lse_wanted = outputs->lse != NULL,
                            .row_max_wanted = outputs->row_max != NULL,
                            .row_sum_wanted = outputs->row_sum != NULL};
  plan->stopped_at = CLATTN_STAGE_COUNT;
  status = upload(plan, &queue, inputs, error);
  if (status == CLATTN_OK) status = clattn_tables_update(plan, inputs, &queue, error);
  if (status == CLATTN_OK) status = clattn_run_stages(&work, &to, &plan->stopped_at, error);
  if (status == CLATTN_OK) status = download(plan, &queue, outputs, error);
  /* Reports the first failure, but waits in any case: commands may still use host memory. */
  const clattn_status finished = clattn_queue_finish(&queue, status == CLATTN_OK ? error : NULL);
  if (status == CLATTN_OK) status = finished;
  clattn_queue_release(&queue);
  if (status != CLATTN_OK) clattn_tables_forget(&plan->tables);
  if (status == CLATTN_OK) make_zeros_positive(&seen, outputs);
  if (status != CLATTN_OK && seen.cache.capacity != 0) clattn_cache_undo(inputs->cache);
  if (status == CLATTN_OK && timings != NULL) fill_timings(&profile, clattn_now() - started, timings);
  return clattn_finish(error, status);
}

clattn_status clattn_plan_run(clattn_plan *plan, const clattn_inputs *given_inputs, const clattn_outputs *given_outputs,
                              clattn_timings *given_timings, clattn_error *error) {
  clattn_inputs inputs = CLATTN_INPUTS_INIT;
  clattn_outputs outputs = CLATTN_OUTPUTS_INIT;
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  if (plan == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the plan is NULL");
  if (plan->io != CLATTN_IO_HOST)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "clattn_plan_run on a plan made with CLATTN_IO_DEVICE (use clattn_plan_enqueue)");
  clattn_status status = clattn_process_check(error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_inputs, given_inputs, &inputs, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_outputs, given_outputs, &outputs, error);
  if (status == CLATTN_OK && given_timings != NULL)
    status = clattn_check_sized(&clattn_sized_timings, given_timings, error);
  if (status != CLATTN_OK) return status;
  status = run_plan(plan, &inputs, &outputs, given_timings != NULL ? &timings : NULL, error);
  if (status == CLATTN_OK && given_timings != NULL) clattn_give_sized(&clattn_sized_timings, &timings, given_timings);
  return status;
}
