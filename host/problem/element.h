/* Storage types on the host. */
#ifndef CLATTN_ELEMENT_H
#define CLATTN_ELEMENT_H

#include "clattn_inspect.h"

/* Inputs as floats, x with its positions: the caller's own memory where they are that already, else copies. By
 * clattn_tensor; NULL where the problem has no such input, and of a mask. */
typedef struct clattn_floats {
  const float *tensor[CLATTN_TENSOR_COUNT];
  float *copy[CLATTN_TENSOR_COUNT];
} clattn_floats;

/* Release after a failure, too. */
clattn_status clattn_floats_of(const clattn_problem *problem, const clattn_inputs *inputs, clattn_floats *floats,
                               clattn_error *error);
void clattn_floats_release(clattn_floats *floats);

#endif
