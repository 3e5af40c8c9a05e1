/* Checks of inputs and outputs that every function makes first. */
#ifndef CLATTN_ARGUMENTS_H
#define CLATTN_ARGUMENTS_H

#include "clattn_inspect.h"

/* Refuses missing inputs, wrong lengths and wrong outputs->rows. */
clattn_status clattn_check_arguments(const clattn_problem *problem, const clattn_inputs *inputs,
                                     const clattn_outputs *outputs, clattn_error *error);

/* The same for a run that takes its projection matrices and biases from a clattn_weights. */
clattn_status clattn_check_arguments_without_weights(const clattn_problem *problem, const clattn_inputs *inputs,
                                                     const clattn_outputs *outputs, clattn_error *error);

/* Checks only the lengths of the sequences: key_lengths, query_offsets and key_offsets. */
clattn_status clattn_check_lengths(const clattn_problem *problem, const clattn_inputs *inputs, clattn_error *error);

/* Rows must be NULL (all rows), or strictly ascending and within the problem. */
clattn_status clattn_check_rows(const clattn_problem *problem, const clattn_rows *rows, clattn_error *error);

#endif
