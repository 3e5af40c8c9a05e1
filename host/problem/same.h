/* Whether two problems are the same. */
#ifndef CLATTN_SAME_H
#define CLATTN_SAME_H

#include "clattn_inspect.h"

/* Compares problems of this version's struct (clattn_current_problem) field by field. Padding may
 * differ; a NaN equals a NaN of the same bits. */
bool clattn_is_same_problem(const clattn_problem *a, const clattn_problem *b);

#endif
