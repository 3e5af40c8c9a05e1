/* clattn_plan_enqueue: the caller's buffers in and out, nothing waited for. */
#include <string.h>

#include "run.h"
#include "shape.h"
#include "status.h"

static clattn_status check_buffer(const clattn_problem *problem, clattn_tensor tensor, cl_mem buffer, bool required,
                                  clattn_error *error) {
  if (buffer == NULL)
    return required ? clattn_fail(error, CLATTN_INVALID_ARGUMENT, "buffer %s is NULL", clattn_tensor_name(tensor))
                    : CLATTN_OK;
  size_t bytes = 0;
  const cl_int code = clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "asking for the size of %s", clattn_tensor_name(tensor));
  const size_t needed = clattn_tensor_elements(problem, tensor) * sizeof(float);
  if (bytes >= needed) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "buffer %s has %zu bytes (allowed: at least %zu)",
                     clattn_tensor_name(tensor), bytes, needed);
}

/* Fills `tensor` with the caller's buffer where there is one, else with the plan's own. */
static clattn_status bind_buffers(const clattn_plan *plan, const clattn_buffers *buffers,
                                  cl_mem tensor[CLATTN_TENSOR_COUNT], clattn_error *error) {
  const struct {
    clattn_tensor tensor;
    cl_mem buffer;
    bool required;
  } all[] = {{CLATTN_X, buffers->x, true},
             {CLATTN_WQ, buffers->wq, true},
             {CLATTN_WK, buffers->wk, true},
             {CLATTN_WV, buffers->wv, true},
             {CLATTN_CONTEXT, buffers->context, true},
             {CLATTN_Q, buffers->q, false},
             {CLATTN_K, buffers->k, false},
             {CLATTN_V, buffers->v, false},
             {CLATTN_SCORES, buffers->scores, false},
             {CLATTN_WEIGHTS, buffers->weights, false}};
  memcpy(tensor, plan->buffer, CLATTN_TENSOR_COUNT * sizeof *tensor);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
    const clattn_status status = check_buffer(&plan->problem, all[i].tensor, all[i].buffer, all[i].required, error);
    if (status != CLATTN_OK) return status;
    const bool in_blocks = all[i].tensor == CLATTN_SCORES || all[i].tensor == CLATTN_WEIGHTS;
    if (all[i].buffer != NULL && !in_blocks) tensor[all[i].tensor] = all[i].buffer;
  }
  return CLATTN_OK;
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
  cl_mem tensor[CLATTN_TENSOR_COUNT];
  clattn_status status = bind_buffers(plan, buffers, tensor, error);
  if (status != CLATTN_OK) return status;

  forget_what_has_ended(plan);
  clattn_chain chain = {.queue = plan->device->queue, .last = plan->previous};
  plan->previous = NULL;
  const clattn_destination to = {.device = buffers};
  status = clattn_chain_after(&chain, wait_count, wait, error);
  if (status == CLATTN_OK) status = clattn_run_stages(plan, &chain, tensor, &to, error);
  plan->previous = chain.last; /* also after a failure: what was enqueued before it still runs */
  if (status != CLATTN_OK) return status;
  cl_int code = clFlush(chain.queue); /* other queues may wait for the event */
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clFlush");
  if (event == NULL) return CLATTN_OK;
  code = clRetainEvent(plan->previous);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "clRetainEvent");
  *event = plan->previous;
  return CLATTN_OK;
}
