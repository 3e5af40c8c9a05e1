/* clattn_plan_enqueue: works on the caller's buffers and does not wait. */
#include <stdlib.h>

#include "problem/arguments.h"
#include "problem/facts.h"
#include "problem/fused_order.h"
#include "problem/sized.h"
#include "run/bind.h"
#include "cache/cache.h"
#include "device/process.h"
#include "run/run.h"
#include "base/status.h"

/* Each run gets its own buffer, because an earlier run may still read its lengths. The commands
 * that use the buffer keep it alive. */
static clattn_status create_sequences(const clattn_plan *plan, const clattn_inputs *lengths, cl_mem *sequences,
                                      clattn_error *error) {
  const size_t bytes = plan->problem.batch * SEQUENCE_INTS * sizeof(cl_int);
  cl_int *host = malloc(bytes), code = CL_SUCCESS;
  if (host == NULL) return clattn_fail_malloc(error, bytes, "the lengths of a batch");
  clattn_describe_sequences(&plan->problem, lengths, host);
  *sequences = clCreateBuffer(plan->device->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, host, &code);
  free(host);
  return code == CL_SUCCESS ? CLATTN_OK : clattn_fail_cl(error, code, "allocating %zu bytes for the lengths", bytes);
}

static clattn_status check_lengths(const clattn_problem *problem, const clattn_inputs *lengths, clattn_error *error) {
  if (problem->cache.capacity != 0 && lengths->cache == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the cache is NULL; the problem has one");
  return clattn_check_lengths(problem, lengths, error);
}

/* Copies matrices that are given in another order into the plan's own buffers. */
static clattn_status place_given(const clattn_plan *plan, const clattn_binding *bound, clattn_queue *queue,
                                 clattn_error *error) {
  const clattn_problem *p = &plan->problem;
  clattn_status status = CLATTN_OK;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    if (bound->given[t] == NULL) continue;
    const clattn_fused_rows r = clattn_fused_rows_of(p, (clattn_tensor)t);
    const cl_mem to = bound->stored[t] != NULL ? bound->stored[t] : bound->tensor[t];
    for (size_t i = 0; i < clattn_fused_piece_count(p) && status == CLATTN_OK; ++i) {
      const clattn_fused_piece piece = clattn_fused_piece_at(p, i);
      const clattn_copy copy = {.from = bound->given[t],
                                .to = to,
                                .from_offset = piece.from * r.column_bytes,
                                .to_offset = piece.to * r.column_bytes,
                                .bytes = piece.columns * r.column_bytes,
                                .rows = r.rows,
                                .row_bytes = r.row_bytes};
      status = clattn_queue_copy(queue, &copy, error);
    }
  }
  return status;
}

/* Undoes the appending of a run that failed. */
static clattn_status take_back(const clattn_problem *seen, const clattn_inputs *inputs, clattn_status status) {
  if (seen->cache.capacity != 0) clattn_cache_undo(inputs->cache);
  return status;
}

/* Drops the previous run's event once the run completed or failed: waiting on a failed event would
 * fail this run, too. */
static void forget_what_has_ended(clattn_plan *plan) {
  cl_int execution = CL_QUEUED;
  if (plan->previous == NULL) return;
  if (clGetEventInfo(plan->previous, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof execution, &execution, NULL) ==
          CL_SUCCESS &&
      execution > CL_COMPLETE)
    return;
  clReleaseEvent(plan->previous);
  plan->previous = NULL;
}

static clattn_status enqueue(clattn_plan *plan, const clattn_buffers *buffers, cl_uint wait_count, const cl_event *wait,
                             cl_event *event, clattn_error *error) {
  const clattn_inputs lengths = {.size = sizeof lengths,
                                 .projection_weights = buffers->projection_weights,
                                 .cache = buffers->cache,
                                 .key_lengths = buffers->key_lengths,
                                 .query_offsets = buffers->query_offsets,
                                 .key_offsets = buffers->key_offsets,
                                 .position_ids = buffers->position_ids,
                                 .key_position_ids = buffers->key_position_ids,
                                 .rotary_cos = buffers->rotary_cos,
                                 .rotary_sin = buffers->rotary_sin};
  const clattn_destination to = {.device = buffers};
  clattn_binding bound;
  clattn_problem seen;
  cl_mem sequences = NULL;
  clattn_status status = clattn_process_check(error);
  if (status == CLATTN_OK) status = check_lengths(&plan->problem, &lengths, error);
  if (status == CLATTN_OK) status = clattn_bind_buffers(plan, buffers, &bound, error);
  if (status == CLATTN_OK) status = clattn_run_begin(plan, &lengths, &seen, &to, bound.tensor, error);
  if (status != CLATTN_OK) return status;
  status = clattn_check_seen_buffers(plan, &seen, buffers, error);
  if (status == CLATTN_OK && clattn_has_sequences(&plan->problem))
    status = create_sequences(plan, &lengths, &sequences, error);
  if (status == CLATTN_OK) status = clattn_tables_update(plan, &lengths, NULL, error);
  if (status != CLATTN_OK) {
    if (sequences != NULL) clReleaseMemObject(sequences);
    return take_back(&seen, &lengths, status);
  }

  forget_what_has_ended(plan);
  clattn_queue queue = {.commands = plan->device->queue, .limit = plan->limit, .last = plan->previous};
  plan->previous = NULL;
  const clattn_work work = {.plan = plan,
                            .seen = &seen,
                            .queue = &queue,
                            .tensor = bound.tensor,
                            .stored = bound.stored,
                            .inputs = &lengths,
                            .sequences = sequences,
                            .context_wanted = buffers->context != NULL,
                            .lse_wanted = buffers->lse != NULL,
                            .row_max_wanted = buffers->row_max != NULL,
                            .row_sum_wanted = buffers->row_sum != NULL};
  status = clattn_queue_after(&queue, wait_count, wait, error);
  if (status == CLATTN_OK) status = place_given(plan, &bound, &queue, error);
  if (status == CLATTN_OK) status = clattn_run_stages(&work, &to, &plan->stopped_at, error);
  if (sequences != NULL) clReleaseMemObject(sequences);
  plan->previous = queue.last; /* also after a failure: what was enqueued before it still runs */
  if (status != CLATTN_OK) return take_back(&seen, &lengths, status);
  status = clattn_queue_flush(&queue, error); /* other queues may wait for the event */
  if (status != CLATTN_OK || event == NULL) return clattn_finish(error, status);
  const cl_int code = clRetainEvent(plan->previous);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clRetainEvent");
  *event = plan->previous;
  return clattn_finish(error, CLATTN_OK);
}

clattn_status clattn_plan_enqueue(clattn_plan *plan, const clattn_buffers *given, cl_uint wait_count,
                                  const cl_event *wait, cl_event *event, clattn_error *error) {
  clattn_buffers buffers = CLATTN_BUFFERS_INIT;
  if (plan == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the plan is NULL");
  if ((wait_count == 0) != (wait == NULL))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%u events to wait for at %s", wait_count,
                       wait == NULL ? "NULL" : "an address that is not NULL");
  const clattn_status status = clattn_take_sized(&clattn_sized_buffers, given, &buffers, error);
  return status == CLATTN_OK ? enqueue(plan, &buffers, wait_count, wait, event, error) : status;
}
