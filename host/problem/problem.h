/* Reading the caller's problem, which may be of a header that is older than the library. */
#ifndef CLATTN_TAKE_PROBLEM_H
#define CLATTN_TAKE_PROBLEM_H

#include "clattn_inspect.h"

/* Validates the caller's problem and reads it: fields that a shorter struct lacks have their initial values. */
clattn_status clattn_take_problem(const clattn_problem *given, clattn_problem *own, clattn_error *error);

/* The same for a problem that is valid: `given` itself where it has every field, else `*room`, filled. */
const clattn_problem *clattn_current_problem(const clattn_problem *given, clattn_problem *room);

#endif
