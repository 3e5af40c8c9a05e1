/* Known answers: drivers' compilers have made wrong kernels of right ones, and launches fail that no limit had
 * announced. So kernels that a plan has chosen by itself first do a small problem whose results the scalar path knows,
 * once for each built program (host/programs/program_answer.c remembers). */
#ifndef CLATTN_KNOWN_ANSWER_H
#define CLATTN_KNOWN_ANSWER_H

#include "plan/plan.h"

/* Asks all kernels of the plan that were chosen so and have not been asked. *again: one of them is known to be wrong
 * now, and another has to be chosen. */
clattn_status clattn_ask_kernels(clattn_plan *plan, const clattn_plan_options *options, bool *again,
                                 clattn_error *error);

#endif
