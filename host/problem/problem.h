/* Reads the caller's problem, which may come from a header older than the library. */
#ifndef CLATTN_TAKE_PROBLEM_H
#define CLATTN_TAKE_PROBLEM_H

#include "clattn_inspect.h"

/* Reads and validates the caller's problem. Fields that a shorter struct lacks get their initial
 * values. */
clattn_status clattn_take_problem(const clattn_problem *given, clattn_problem *own, clattn_error *error);

/* Reads a valid problem: returns `given` if it has every field, else fills and returns `room`. */
const clattn_problem *clattn_current_problem(const clattn_problem *given, clattn_problem *room);

#endif
