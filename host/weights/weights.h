/* Projection matrices and biases that stay on a device. */
#ifndef CLATTN_KEPT_WEIGHTS_H
#define CLATTN_KEPT_WEIGHTS_H

#include "base/opencl.h"
#include "device/device.h"

struct clattn_weights {
  clattn_device *device;
  clattn_problem problem;             /* it was made for: the shapes of its matrices, their layout and type */
  cl_mem tensor[CLATTN_TENSOR_COUNT]; /* in float, as the projection kernels read them; NULL: the problem has none */
  uint64_t bytes;
};

/* For a run of `problem` on `device`: makes the handle's buffers the run's matrices and biases in
 * `tensor`. CLATTN_INVALID_ARGUMENT where the handle was made for another device, or for other
 * matrices. */
clattn_status clattn_weights_bind(const clattn_weights *weights, const clattn_device *device,
                                  const clattn_problem *problem, cl_mem tensor[CLATTN_TENSOR_COUNT],
                                  clattn_error *error);

#endif
