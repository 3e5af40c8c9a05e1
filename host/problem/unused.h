/* Refuses settings that have no effect. */
#ifndef CLATTN_UNUSED_H
#define CLATTN_UNUSED_H

#include "clattn_inspect.h"

/* CLATTN_INVALID_PROBLEM if a field is set but has no effect, because the field that turns it on is
 * not set: the caller probably meant another problem. The problem's enums must be valid. */
clattn_status clattn_check_unused(const clattn_problem *problem, clattn_error *error);

#endif
