/* clattn_plan_create: a plan whose kernels have passed their self-tests. */
#include "base/status.h"
#include "plan/plan.h"
#include "problem/sized.h"
#include "selftest/self_test.h"

/* Selects again while a selected kernel fails its self-test; a kernel that failed is not selected
 * again. */
static clattn_status choose_tested(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error) {
  bool again = true;
  clattn_status status = CLATTN_OK;
  while (again && status == CLATTN_OK) {
    clattn_release_choices(plan);
    status = clattn_choose_kernels(plan, options, error);
    if (status == CLATTN_OK) status = clattn_self_test_kernels(plan, options, &again, error);
  }
  return status;
}

static clattn_status create(clattn_device *device, const clattn_problem *problem, const clattn_plan_options *options,
                            clattn_plan **result, clattn_error *error) {
  clattn_plan *plan = NULL;
  clattn_status status = clattn_plan_begin(device, problem, options, &plan, error);
  if (status != CLATTN_OK) return status;
  status = choose_tested(plan, options, error);
  if (clattn_fall_back(plan, status, error)) status = choose_tested(plan, options, error);
  if (status == CLATTN_OK) status = clattn_plan_finish(plan, options, error);
  if (status == CLATTN_OK)
    *result = plan;
  else
    clattn_plan_destroy(plan);
  return status;
}

clattn_status clattn_plan_create(clattn_device *device, const clattn_problem *problem, const clattn_plan_options *given,
                                 clattn_plan **result, clattn_error *error) {
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  clattn_status status = CLATTN_OK;
  clattn_error own; /* clattn_fall_back reads the message even if the caller passed no error */
  if (result == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the place for the plan is NULL");
  *result = NULL;
  if (device == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device is NULL");
  if (error == NULL) error = &own;
  if (given != NULL) status = clattn_take_sized(&clattn_sized_plan_options, given, &options, error);
  if (status != CLATTN_OK) return status;
  status = create(device, problem, &options, result, error);
  if (status == CLATTN_OUT_OF_DEVICE_MEMORY && clattn_device_release_kept(device))
    status = create(device, problem, &options, result, error);
  return clattn_finish(error, status);
}
