/* Settings without an effect. */
#ifndef CLATTN_UNUSED_H
#define CLATTN_UNUSED_H

#include "clattn_inspect.h"

/* CLATTN_INVALID_PROBLEM where a field is set that means nothing because the field that turns it on is not set: such a
 * problem is another than the caller had in mind. The words (enums) of the problem must be valid. */
clattn_status clattn_check_unused(const clattn_problem *problem, clattn_error *error);

#endif
