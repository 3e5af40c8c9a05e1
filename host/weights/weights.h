/* Projection matrices and biases that stay on a device. */
#ifndef CLATTN_KEPT_WEIGHTS_H
#define CLATTN_KEPT_WEIGHTS_H

#include "base/opencl.h"
#include "plan/plan.h"

struct clattn_weights {
  clattn_device *device;
  clattn_problem problem; /* it was made for: the shapes of its matrices, their layout and type */
  /* In float. A matrix is in panels (weights/panels.h) or as the problem lays it out; in both, once a plan whose kernel
   * does not read panels has run. NULL: not there. */
  cl_mem tensor[CLATTN_TENSOR_COUNT], panels[CLATTN_TENSOR_COUNT];
  uint64_t bytes;
};

/* For a run of the plan: makes the handle's buffers the run's matrices and biases in `tensor`, each
 * in panels where the plan's kernel reads them. CLATTN_INVALID_ARGUMENT where the handle was made
 * for another device, or for other matrices. */
clattn_status clattn_weights_bind(clattn_weights *weights, const clattn_plan *plan, cl_mem tensor[CLATTN_TENSOR_COUNT],
                                  clattn_error *error);

/* Whether this buffer, which a run has for the tensor, is a matrix in panels. weights may be NULL. */
bool clattn_weights_in_panels(const clattn_weights *weights, clattn_tensor tensor, cl_mem buffer);

#endif
