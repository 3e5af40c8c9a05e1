/* What every function that takes inputs and outputs asks first. */
#ifndef CLATTN_ARGUMENTS_H
#define CLATTN_ARGUMENTS_H

#include "clattn_inspect.h"

/* Nothing NULL that must not be, outputs->rows in order. */
clattn_status clattn_check_arguments(const clattn_problem *problem, const clattn_inputs *inputs,
                                     const clattn_outputs *outputs, clattn_error *error);

/* The same for a run that takes its projection matrices and biases from a clattn_weights. */
clattn_status clattn_check_arguments_without_weights(const clattn_problem *problem, const clattn_inputs *inputs,
                                                     const clattn_outputs *outputs, clattn_error *error);

/* The lengths of the sequences that the problem has, in order. */
clattn_status clattn_check_lengths(const clattn_problem *problem, const clattn_inputs *inputs, clattn_error *error);

/* NULL (all rows), or strictly ascending and within the problem. */
clattn_status clattn_check_rows(const clattn_problem *problem, const clattn_rows *rows, clattn_error *error);

#endif
