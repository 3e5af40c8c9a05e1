/* The tensors one by one: where each lies in the caller's structs. */
#ifndef CLATTN_TENSOR_H
#define CLATTN_TENSOR_H

#include "clattn_cl.h"
#include "clattn_inspect.h"

/* Whether the problem has this tensor as an input, to be handed over by the caller. */
bool clattn_is_input(const clattn_problem *problem, clattn_tensor tensor);

/* Whether it is stored in the problem's type, as an input. */
bool clattn_is_stored(clattn_tensor tensor);

#endif
