/* clattn_attend: a plan and its run in one call. The device keeps the plans for the calls that
 * follow. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "device/device.h"
#include "plan/plan.h"
#include "problem/facts.h"
#include "problem/problem.h"
#include "problem/same.h"
#include "problem/shape.h"
#include "problem/sized.h"
#include "problem/tensors.h"

#define PLANS_MOST 8
#define MEMORY_SHARE 4 /* kept plans hold at most one part in so many of the device's memory */

/* What a call needs of its plan besides the problem. */
typedef struct call_needs {
  bool rows;    /* scores, weights or their like, which take a staged plan */
  bool trace;   /* what plans have with clattn_plan_options.trace */
  bool weights; /* it brings a clattn_weights */
} call_needs;

typedef struct kept_plan {
  clattn_plan *plan;
  call_needs needs;
} kept_plan;

struct clattn_kept_plans {
  kept_plan entry[PLANS_MOST]; /* the one that was used last comes first */
  size_t count;
};

/* ---- keeping ----------------------------------------------------------------------------------------------------- */

static void drop_last(struct clattn_kept_plans *kept) {
  clattn_plan_destroy(kept->entry[--kept->count].plan);
}

static void release_kept(clattn_device *device) {
  while (device->kept->count > 0) drop_last(device->kept);
  free(device->kept);
  device->kept = NULL;
}

static uint64_t kept_bytes(const struct clattn_kept_plans *kept) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < kept->count; ++i) bytes += kept->entry[i].plan->info.total_bytes;
  return bytes;
}

/* Puts an entry first; the `count` entries before its old place move on by one. */
static void put_first(struct clattn_kept_plans *kept, kept_plan entry, size_t count) {
  memmove(kept->entry + 1, kept->entry, count * sizeof *kept->entry);
  kept->entry[0] = entry;
}

/* The new plan stays whatever it holds, so that a loop over one large problem plans once, too. */
static void keep(clattn_device *device, kept_plan entry) {
  struct clattn_kept_plans *kept = device->kept;
  if (kept->count == PLANS_MOST) drop_last(kept);
  put_first(kept, entry, kept->count++);
  while (kept->count > 1 && kept_bytes(kept) > device->info.global_memory_bytes / MEMORY_SHARE) drop_last(kept);
}

static clattn_status start_keeping(clattn_device *device, clattn_error *error) {
  if (device->kept != NULL) return CLATTN_OK;
  device->kept = calloc(1, sizeof *device->kept);
  if (device->kept == NULL) return clattn_fail_malloc(error, sizeof *device->kept, "the plans of a device");
  device->release_kept = release_kept;
  return CLATTN_OK;
}

/* ---- the plan of a call ------------------------------------------------------------------------------------------ */

/* An output that the problem does not have is not written, so it needs nothing. */
static call_needs needs_of(const clattn_problem *problem, const clattn_inputs *inputs, const clattn_outputs *outputs) {
  call_needs needs = {.weights = inputs->projection_weights != NULL && clattn_has_weights(problem)};
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (clattn_outputs_get(outputs, tensor) == NULL || clattn_output_bytes(problem, tensor) == 0) continue;
    needs.rows = needs.rows || clattn_tensor_has_rows(tensor);
    needs.trace = needs.trace || clattn_tensor_facts_of(tensor)->traced;
  }
  return needs;
}

static bool are_same(call_needs a, call_needs b) {
  return a.rows == b.rows && a.trace == b.trace && a.weights == b.weights;
}

/* A kept plan, which becomes the last that was used, or NULL. */
static clattn_plan *find(const clattn_device *device, const clattn_problem *problem, call_needs needs) {
  struct clattn_kept_plans *kept = device->kept;
  for (size_t i = 0; kept != NULL && i < kept->count; ++i) {
    const kept_plan entry = kept->entry[i];
    clattn_problem asked = entry.plan->problem;
    asked.math = entry.plan->math_asked;
    if (!are_same(entry.needs, needs) || !clattn_is_same_problem(&asked, problem)) continue;
    put_first(kept, entry, i);
    return entry.plan;
  }
  return NULL;
}

static clattn_status make(clattn_device *device, const clattn_problem *problem, call_needs needs, uint64_t tensors,
                          clattn_plan **plan, clattn_error *error) {
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  options.tensors = tensors; /* which decide the pipeline, and whether the plan is traced */
  options.weights_kept = needs.weights;
  clattn_status status = clattn_plan_create(device, problem, &options, plan, error);
  /* Planning may have released all that was kept. */
  if (status == CLATTN_OK) status = start_keeping(device, error);
  if (status == CLATTN_OK)
    keep(device, (kept_plan){*plan, needs});
  else
    clattn_plan_destroy(*plan);
  return status;
}

clattn_status clattn_attend(clattn_device *device, const clattn_problem *given_problem,
                            const clattn_inputs *given_inputs, const clattn_outputs *given_outputs,
                            clattn_error *error) {
  clattn_problem problem;
  clattn_inputs inputs = CLATTN_INPUTS_INIT;
  clattn_outputs outputs = CLATTN_OUTPUTS_INIT;
  if (device == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device is NULL");
  clattn_status status = clattn_take_problem(given_problem, &problem, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_inputs, given_inputs, &inputs, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_outputs, given_outputs, &outputs, error);
  if (status != CLATTN_OK) return status;
  const call_needs needs = needs_of(&problem, &inputs, &outputs);
  clattn_plan *plan = find(device, &problem, needs);
  if (plan == NULL) status = make(device, &problem, needs, clattn_outputs_tensors(&outputs), &plan, error);
  return status == CLATTN_OK ? clattn_plan_run(plan, &inputs, &outputs, NULL, error) : status;
}
