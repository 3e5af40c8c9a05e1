/* Initial values of the public structs, and older versions of clattn_problem. */
#ifndef CLATTN_PROBLEM_H
#define CLATTN_PROBLEM_H

#include "clattn_inspect.h"

/* Whether this library knows the version of the struct that `size` stands for. */
bool clattn_knows_problem_size(size_t size);

/* A problem of a known size as this version's struct: what its own version did not have has its initial value. */
clattn_problem clattn_current_problem(const clattn_problem *problem);

#endif
