/* clattn_plan_enqueue: the caller's buffers in and out, nothing waited for. */
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "cache.h"
#include "run.h"
#include "status.h"
#include "tensor.h"

static clattn_status check_buffer(clattn_tensor tensor, cl_mem buffer, size_t needed, clattn_error *error) {
  size_t bytes = 0;
  const cl_int code = clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "asking for the size of %s", clattn_tensor_name(tensor));
  if (bytes >= needed) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "buffer %s has %zu bytes (allowed: at least %zu)",
                     clattn_tensor_name(tensor), bytes, needed);
}

static bool is_required(const clattn_problem *problem, clattn_tensor tensor) {
  if (tensor == CLATTN_CONTEXT) return !clattn_has_output(problem);
  return clattn_is_input(problem, tensor) || (tensor == CLATTN_OUTPUT && clattn_has_output(problem));
}

/* The buffers of a run: the caller's where there is one, else the plan's own. */
typedef struct binding {
  cl_mem tensor[CLATTN_TENSOR_COUNT], stored[CLATTN_TENSOR_COUNT];
} binding;

static clattn_status bind_tensor(const clattn_plan *plan, const clattn_buffers *buffers, clattn_tensor tensor,
                                 binding *bound, clattn_error *error) {
  const clattn_problem *p = &plan->problem;
  const bool input = clattn_is_input(p, tensor);
  const size_t bytes = input ? clattn_input_bytes(p, tensor) : clattn_output_bytes(p, tensor);
  const cl_mem buffer = bytes > 0 ? clattn_buffers_get(buffers, tensor) : NULL;
  if (buffer == NULL)
    return is_required(p, tensor)
               ? clattn_fail(error, CLATTN_INVALID_ARGUMENT, "buffer %s is NULL", clattn_tensor_name(tensor))
               : CLATTN_OK;
  const bool grows = clattn_grows_with_cache(tensor); /* see check_seen */
  const clattn_status status = grows ? CLATTN_OK : check_buffer(tensor, buffer, bytes, error);
  const bool typed = input ? clattn_is_stored(tensor) && clattn_is_separate(p, tensor)
                           : tensor == CLATTN_OUTPUT && p->type != CLATTN_F32;
  const bool copied = grows || tensor == CLATTN_X_POSITIONED;
  if (!copied) (typed ? bound->stored : bound->tensor)[tensor] = buffer;
  return status;
}

static clattn_status bind_buffers(const clattn_plan *plan, const clattn_buffers *buffers, binding *bound,
                                  clattn_error *error) {
  memcpy(bound->tensor, plan->buffer, sizeof bound->tensor);
  memcpy(bound->stored, plan->stored, sizeof bound->stored);
  clattn_status status = CLATTN_OK;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t)
    status = bind_tensor(plan, buffers, (clattn_tensor)t, bound, error);
  return status;
}

/* A buffer of its own for each run: an earlier run may still read its lengths. The commands that use it keep it alive.
 */
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

/* Outputs that are as long as the cache is after the run: known only now. */
static clattn_status check_seen(const clattn_problem *seen, const clattn_buffers *buffers, clattn_error *error) {
  clattn_status status = CLATTN_OK;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const cl_mem buffer = clattn_buffers_get(buffers, tensor);
    const size_t bytes = clattn_grows_with_cache(tensor) ? clattn_output_bytes(seen, tensor) : 0;
    if (buffer != NULL && bytes > 0) status = check_buffer(tensor, buffer, bytes, error);
  }
  return status;
}

/* A run that failed has appended nothing. */
static clattn_status take_back(const clattn_problem *seen, const clattn_inputs *inputs, clattn_status status) {
  if (seen->cache.capacity != 0) clattn_cache_undo(inputs->cache);
  return status;
}

/* Nobody need wait for a run that has ended; and after one that failed, because an event it waited for did, everything
 * that waits for it would fail, too. */
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

clattn_status clattn_plan_enqueue(clattn_plan *plan, const clattn_buffers *buffers, cl_uint wait_count,
                                  const cl_event *wait, cl_event *event, clattn_error *error) {
  if (plan == NULL || buffers == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "plan or buffers is NULL");
  if ((wait_count == 0) != (wait == NULL))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%u events to wait for at %s", wait_count,
                       wait == NULL ? "NULL" : "an address that is not NULL");
  const clattn_inputs lengths = {.cache = buffers->cache,
                                 .key_lengths = buffers->key_lengths,
                                 .query_offsets = buffers->query_offsets,
                                 .key_offsets = buffers->key_offsets};
  const clattn_destination to = {.device = buffers};
  binding bound;
  clattn_problem seen;
  cl_mem sequences = NULL;
  clattn_status status = check_lengths(&plan->problem, &lengths, error);
  if (status == CLATTN_OK) status = bind_buffers(plan, buffers, &bound, error);
  if (status == CLATTN_OK) status = clattn_run_begin(plan, &lengths, &seen, &to, bound.tensor, error);
  if (status != CLATTN_OK) return status;
  status = check_seen(&seen, buffers, error);
  if (status == CLATTN_OK && clattn_has_sequences(&plan->problem))
    status = create_sequences(plan, &lengths, &sequences, error);
  if (status == CLATTN_OK) status = clattn_tables_update(plan, &lengths, NULL, error);
  if (status != CLATTN_OK) {
    if (sequences != NULL) clReleaseMemObject(sequences);
    return take_back(&seen, &lengths, status);
  }

  forget_what_has_ended(plan);
  clattn_chain chain = {.queue = plan->device->queue, .limit = plan->limit, .last = plan->previous};
  plan->previous = NULL;
  const clattn_work work = {.plan = plan,
                            .problem = &seen,
                            .chain = &chain,
                            .tensor = bound.tensor,
                            .stored = bound.stored,
                            .inputs = &lengths,
                            .sequences = sequences,
                            .lse_wanted = buffers->lse != NULL,
                            .row_max_wanted = buffers->row_max != NULL,
                            .row_sum_wanted = buffers->row_sum != NULL,
                            .until = UNTIL_MASKED};
  status = clattn_chain_after(&chain, wait_count, wait, error);
  if (status == CLATTN_OK) status = clattn_run_stages(&work, &to, error);
  if (sequences != NULL) clReleaseMemObject(sequences);
  plan->previous = chain.last; /* also after a failure: what was enqueued before it still runs */
  if (status != CLATTN_OK) return take_back(&seen, &lengths, status);
  status = clattn_chain_flush(&chain, error); /* other queues may wait for the event */
  if (status != CLATTN_OK || event == NULL) return status;
  const cl_int code = clRetainEvent(plan->previous);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clRetainEvent");
  *event = plan->previous;
  return CLATTN_OK;
}
