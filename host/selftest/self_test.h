/* The self-test: some drivers miscompile valid kernels, and some launches fail although they keep
 * every limit. So each kernel that a plan selects by itself first solves a small problem, and its
 * results are compared with the reference. This happens once for each built program;
 * host/programs/program_test.c keeps the results. */
#ifndef CLATTN_SELF_TEST_H
#define CLATTN_SELF_TEST_H

#include "plan/plan.h"

/* Tests the kernels that the plan selected by itself and that were not tested before. Sets *again
 * if one of them failed and another one must be selected. */
clattn_status clattn_self_test_kernels(clattn_plan *plan, const clattn_plan_options *options, bool *again,
                                       clattn_error *error);

#endif
