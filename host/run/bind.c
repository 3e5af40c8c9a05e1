/* Checks the caller's buffers before anything is enqueued, and assigns a buffer to each tensor. */
#include "run/bind.h"

#include <stdint.h>
#include <string.h>

#include "device/buffer.h"
#include "problem/facts.h"
#include "problem/fused_order.h"
#include "problem/shape.h"
#include "base/status.h"
#include "problem/tensors.h"

static size_t bytes_of(const clattn_problem *problem, clattn_tensor tensor) {
  return clattn_is_input(problem, tensor) ? clattn_input_bytes(problem, tensor) : clattn_output_bytes(problem, tensor);
}

/* Whether the run takes the tensor from a clattn_weights, whatever the caller's struct holds. */
static bool is_ignored(const clattn_plan *plan, const clattn_buffers *buffers, clattn_tensor tensor) {
  return clattn_is_weight(tensor) && (plan->weights_kept || buffers->projection_weights != NULL);
}

/* Whether kernels write the tensor into memory of the plan's, from which it is copied into the
 * caller's buffer. */
static bool is_copied(clattn_tensor tensor) {
  return clattn_tensor_facts_of(tensor)->home != CLATTN_HOME_OWN;
}

static bool is_required(const clattn_problem *problem, clattn_tensor tensor) {
  if (tensor == CLATTN_CONTEXT) return !clattn_has_output(problem);
  return clattn_is_input(problem, tensor) || (tensor == CLATTN_OUTPUT && clattn_has_output(problem));
}

/* ---- one buffer -------------------------------------------------------------------------------------------------- */

/* Kernels with wide rows read four floats of q, k or v at once, or eight halves. OpenCL aligns all
 * memory for that but the caller's own (CL_MEM_USE_HOST_PTR). */
enum { WIDE_BYTES = 16 };

static bool is_read_wide(const clattn_plan *plan, clattn_tensor tensor) {
  const clattn_kernel *row = plan->choice[CLATTN_STAGE_FUSED].row;
  if (!clattn_is_given_or_made(tensor) || row == NULL) return false;
  return ((row->forms & CLATTN_FORM_WIDE_ROWS) != 0 && clattn_has_rows_of(&plan->problem, 4)) ||
         ((row->forms & CLATTN_FORM_ROWS_OF_8) != 0 && clattn_has_rows_of(&plan->problem, 8));
}

static clattn_status check_alignment(clattn_tensor tensor, cl_mem buffer, clattn_error *error) {
  void *at = NULL;
  const cl_int code = clGetMemObjectInfo(buffer, CL_MEM_HOST_PTR, sizeof at, &at, NULL);
  if (code != CL_SUCCESS) return clattn_fail_cl(error, code, "asking where buffer %s is", clattn_tensor_name(tensor));
  if ((uintptr_t)at % WIDE_BYTES == 0) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                     "buffer %s uses the caller's memory at %p (allowed: a multiple of %d bytes)",
                     clattn_tensor_name(tensor), at, WIDE_BYTES);
}

/* Results must be readable: later kernels read q, context and others again. */
static clattn_buffer_use use_of(const clattn_problem *problem, clattn_tensor tensor) {
  if (clattn_is_input(problem, tensor)) return CLATTN_BUFFER_READ;
  return is_copied(tensor) ? CLATTN_BUFFER_COPIED : CLATTN_BUFFER_RESULT;
}

static clattn_status check_buffer(const clattn_plan *plan, clattn_tensor tensor, cl_mem buffer, clattn_error *error) {
  const clattn_problem *p = &plan->problem;
  const char *name = clattn_tensor_name(tensor);
  const bool later = clattn_grows_with_cache(tensor); /* clattn_check_seen_buffers knows how large */
  clattn_place is;
  clattn_status status = clattn_buffer_ask(name, buffer, &is, error);
  if (status == CLATTN_OK)
    status = clattn_buffer_check(plan->device, name, &is, later ? 0 : bytes_of(p, tensor), use_of(p, tensor), error);
  if (status == CLATTN_OK && (is.flags & CL_MEM_USE_HOST_PTR) != 0 && is_read_wide(plan, tensor))
    status = check_alignment(tensor, buffer, error);
  return status;
}

/* ---- all buffers ------------------------------------------------------------------------------------------------- */

static clattn_status bind_tensor(const clattn_plan *plan, const clattn_buffers *buffers, clattn_tensor tensor,
                                 clattn_binding *bound, clattn_error *error) {
  const clattn_problem *p = &plan->problem;
  if (is_ignored(plan, buffers, tensor)) return CLATTN_OK;
  const cl_mem buffer = bytes_of(p, tensor) > 0 ? clattn_buffers_get(buffers, tensor) : NULL;
  if (buffer == NULL)
    return is_required(p, tensor)
               ? clattn_fail(error, CLATTN_INVALID_ARGUMENT, "buffer %s is NULL", clattn_tensor_name(tensor))
               : CLATTN_OK;
  const clattn_tensor_facts *facts = clattn_tensor_facts_of(tensor);
  const bool typed = clattn_is_input(p, tensor) ? facts->given == CLATTN_ELEMENT_STORED && clattn_is_separate(p, tensor)
                                                : facts->made == CLATTN_ELEMENT_STORED && p->type != CLATTN_F32;
  if (clattn_is_reordered(p, tensor))
    bound->given[tensor] = buffer;
  else if (!is_copied(tensor))
    (typed ? bound->stored : bound->tensor)[tensor] = buffer;
  return check_buffer(plan, tensor, buffer, error);
}

clattn_status clattn_bind_buffers(const clattn_plan *plan, const clattn_buffers *buffers, clattn_binding *bound,
                                  clattn_error *error) {
  memcpy(bound->tensor, plan->buffer, sizeof bound->tensor);
  memcpy(bound->stored, plan->stored, sizeof bound->stored);
  memset(bound->given, 0, sizeof bound->given);
  clattn_status status = CLATTN_OK;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t)
    status = bind_tensor(plan, buffers, (clattn_tensor)t, bound, error);
  return status;
}

clattn_status clattn_check_seen_buffers(const clattn_plan *plan, const clattn_problem *seen,
                                        const clattn_buffers *buffers, clattn_error *error) {
  const clattn_problem *own = &plan->problem;
  clattn_place places[CLATTN_TENSOR_COUNT];
  clattn_tensor tensors[CLATTN_TENSOR_COUNT];
  size_t count = 0;
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const cl_mem buffer = clattn_buffers_get(buffers, tensor);
    const size_t needed = bytes_of(clattn_sizing_problem(own, seen, tensor), tensor);
    clattn_place *const is = &places[count];
    if (buffer == NULL || needed == 0 || is_ignored(plan, buffers, tensor)) continue;
    clattn_status status = clattn_buffer_ask(clattn_tensor_name(tensor), buffer, is, error);
    if (status == CLATTN_OK) status = clattn_buffer_check_size(clattn_tensor_name(tensor), is->bytes, needed, error);
    if (status != CLATTN_OK) return status;
    is->bytes = needed; /* what lies past the tensor is not touched */
    for (size_t i = 0; i < count; ++i)
      if (clattn_places_overlap(is, &places[i]) && !(clattn_is_input(own, tensor) && clattn_is_input(own, tensors[i])))
        return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                           "buffers %s and %s overlap (allowed: memory of its own for each result)",
                           clattn_tensor_name(tensors[i]), clattn_tensor_name(tensor));
    tensors[count++] = tensor;
  }
  return CLATTN_OK;
}
