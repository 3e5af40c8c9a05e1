/* Storage types on the host. */
#ifndef CLATTN_ELEMENT_H
#define CLATTN_ELEMENT_H

#include "clattn_inspect.h"

/* The inputs as floats, by clattn_tensor; x has its positions added. A tensor is the caller's own
 * memory if that is right already, else a copy. NULL: the problem has no such input, or it is the
 * mask. */
typedef struct clattn_floats {
  const float *tensor[CLATTN_TENSOR_COUNT];
  float *copy[CLATTN_TENSOR_COUNT];
} clattn_floats;

/* Call clattn_floats_release() even after a failure. */
clattn_status clattn_floats_of(const clattn_problem *problem, const clattn_inputs *inputs, clattn_floats *floats,
                               clattn_error *error);
void clattn_floats_release(clattn_floats *floats);

#endif
