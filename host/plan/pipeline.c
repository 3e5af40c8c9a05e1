/* Which pipeline a plan has, and why. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "plan/choice.h"
#include "problem/tensors.h"

/* The first stage that `pipeline` lacks and for which the caller named a kernel; CLATTN_STAGE_COUNT: none. */
static clattn_stage named_stage(const clattn_text named[CLATTN_STAGE_COUNT], clattn_pipeline pipeline) {
  int s = 0;
  while (s < CLATTN_STAGE_COUNT && (named[s].start == NULL || clattn_pipeline_has_stage(pipeline, (clattn_stage)s)))
    ++s;
  return (clattn_stage)s;
}

static bool is_traced(clattn_tensor tensor) {
  return clattn_tensor_facts_of(tensor)->traced;
}

static bool is_staged_only(clattn_tensor tensor) {
  return is_traced(tensor) || clattn_tensor_has_rows(tensor);
}

/* The first tensor of the problem in `asked` for which is_so() holds; CLATTN_TENSOR_COUNT: none. */
static clattn_tensor first_tensor(const clattn_plan *plan, uint64_t asked, bool (*is_so)(clattn_tensor)) {
  for (int t = 0; t < CLATTN_TENSOR_COUNT; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if ((asked & CLATTN_TENSOR_BIT(t)) != 0 && is_so(tensor) && clattn_output_bytes(&plan->problem, tensor) > 0)
      return tensor;
  }
  return CLATTN_TENSOR_COUNT;
}

/* The format has one %s. */
static void decide(clattn_plan *plan, clattn_pipeline pipeline, const char *format, const char *of) {
  plan->pipeline = pipeline;
  snprintf(plan->pipeline_reason, sizeof plan->pipeline_reason, format, of);
}

/* Decides from the named kernels, the requested tensors and the trace option. */
static clattn_status decide_by_need(clattn_plan *plan, const clattn_text named[CLATTN_STAGE_COUNT],
                                    clattn_tensor tensor, clattn_error *error) {
  const clattn_stage stage = named_stage(named, CLATTN_PIPELINE_FUSED);
  const clattn_stage fused = named_stage(named, CLATTN_PIPELINE_STAGED);
  if (fused != CLATTN_STAGE_COUNT && stage != CLATTN_STAGE_COUNT)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "kernels are named for the stages %s and %s (allowed: those of one pipeline)",
                       clattn_stage_name(stage), clattn_stage_name(fused));
  if (stage != CLATTN_STAGE_COUNT)
    decide(plan, CLATTN_PIPELINE_STAGED, "a kernel of stage %s is named", clattn_stage_name(stage));
  else if (fused != CLATTN_STAGE_COUNT)
    decide(plan, CLATTN_PIPELINE_FUSED, "a kernel of stage %s is named", clattn_stage_name(fused));
  else if (tensor != CLATTN_TENSOR_COUNT)
    decide(plan, CLATTN_PIPELINE_STAGED, "%s is asked for, which fused does not have", clattn_tensor_name(tensor));
  else if (plan->trace)
    decide(plan, CLATTN_PIPELINE_STAGED, "%s is set", "trace");
  else
    decide(plan, CLATTN_PIPELINE_FUSED, "nothing is asked for that only %s has", "staged");
  plan->may_fall_back = plan->pipeline == CLATTN_PIPELINE_FUSED && fused == CLATTN_STAGE_COUNT;
  return CLATTN_OK;
}

clattn_status clattn_choose_pipeline(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error) {
  clattn_text named[CLATTN_STAGE_COUNT] = {{NULL, 0}};
  const clattn_tensor tensor = first_tensor(plan, options->tensors, is_staged_only);
  clattn_status status = clattn_split_kernels(options->kernels, named, error);
  plan->trace = options->trace || first_tensor(plan, options->tensors, is_traced) != CLATTN_TENSOR_COUNT;
  if (options->pipeline != CLATTN_PIPELINE_AUTO)
    decide(plan, options->pipeline, "asked for by %s", "name");
  else if (status == CLATTN_OK)
    status = decide_by_need(plan, named, tensor, error);
  if (status != CLATTN_OK || plan->pipeline != CLATTN_PIPELINE_FUSED) return status;
  if (options->trace)
    return clattn_fail(error, CLATTN_UNSUPPORTED,
                       "trace is set, but the pipeline fused has no scores to show (staged and blas have)");
  if (tensor != CLATTN_TENSOR_COUNT)
    return clattn_fail(error, CLATTN_UNSUPPORTED, "the pipeline fused has no %s (staged and blas have)",
                       clattn_tensor_name(tensor));
  return CLATTN_OK;
}

bool clattn_fall_back(clattn_plan *plan, clattn_status status, const clattn_error *error) {
  if (!plan->may_fall_back || status != CLATTN_UNSUPPORTED) return false;
  plan->may_fall_back = false;
  decide(plan, CLATTN_PIPELINE_STAGED, "%.200s", error->message);
  plan->pipeline_reason[strcspn(plan->pipeline_reason, "\n")] = '\0';
  return true;
}
