/* convert: inputs from their stored type to float, the output from float to its stored type. */
#include "stage.h"
#include "tensor.h"

static clattn_status convert(const clattn_work *work, cl_mem from, cl_mem to, size_t count, bool narrow,
                             clattn_error *error) {
  static const int kinds[] = {STORED_F32, STORED_F16, STORED_BF16};
  const cl_int stored = kinds[work->plan->problem.type];
  const conversion c = {
      .count = count, .from_type = narrow ? STORED_F32 : stored, .to_type = narrow ? stored : STORED_F32};
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(from), CLATTN_ARGUMENT(to), CLATTN_ARGUMENT(c)};
  return clattn_launch_choice(work, CLATTN_STAGE_CONVERT, arguments, sizeof arguments / sizeof arguments[0],
                              (const size_t[]){count, 1, 1}, error);
}

clattn_status clattn_stage_convert(const clattn_work *work, clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  clattn_status status = CLATTN_OK;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (!clattn_is_input(p, tensor) || !clattn_is_stored(tensor)) continue;
    const size_t count = clattn_input_bytes(p, tensor) / clattn_type_bytes(p->type);
    status = convert(work, work->stored[tensor], work->tensor[tensor], count, false, error);
  }
  return status;
}

clattn_status clattn_stage_convert_output(const clattn_work *work, clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  const cl_mem from = work->tensor[p->output_dim != 0 ? CLATTN_OUTPUT : CLATTN_CONTEXT];
  return convert(work, from, work->stored[CLATTN_OUTPUT], clattn_tensor_elements(p, CLATTN_OUTPUT), true, error);
}
