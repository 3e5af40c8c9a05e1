/* convert: inputs from their stored type to float, adding positions to x; later projected q, k and v between
 * float and the stored type, and the output from float to its stored type. */
#include "stages/stage.h"
#include "problem/tensors.h"
#include "problem/facts.h"

static clattn_status convert(const clattn_work *work, cl_mem from, cl_mem to, const conversion *given,
                             clattn_error *error) {
  const conversion c = *given;
  const cl_mem add = c.add_offset != NO_ADDITION ? clattn_table_of(work->plan, CLATTN_X)->buffer : NULL;
  const clattn_argument arguments[] = {CLATTN_ARGUMENT(from), CLATTN_ARGUMENT(to), CLATTN_ARGUMENT(add),
                                       CLATTN_ARGUMENT(c)};
  return clattn_launch_choice(work, CLATTN_STAGE_CONVERT, arguments, sizeof arguments / sizeof arguments[0],
                              (const size_t[]){(size_t)c.count, 1, 1}, error);
}

/* Adds to each token of x the row for its position; with a cache a sequence goes on where its last
 * run ended. */
static clattn_status add_positions(const clattn_work *work, clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  const bool packed = p->lengths == CLATTN_LENGTHS_PACKED, by_token = clattn_table_of(work->plan, CLATTN_X)->by_token;
  clattn_status status = CLATTN_OK;
  for (size_t b = 0; b < p->batch && status == CLATTN_OK; ++b) {
    const clattn_sequence s = clattn_sequence_of(p, work->inputs, b);
    const size_t first = packed ? s.first_query : b * p->query_len;
    const conversion c = {.count = s.query_len * p->model_dim,
                          .offset = first * p->model_dim,
                          .add_offset = by_token ? first * p->model_dim : 0,
                          .from_type = clattn_kernel_type(p->type),
                          .to_type = STORED_F32};
    if (c.count > 0) status = convert(work, work->stored[CLATTN_X], work->tensor[CLATTN_X], &c, error);
  }
  return status;
}

static clattn_status widen(const clattn_work *work, clattn_tensor tensor, clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  const conversion c = {.count = clattn_input_bytes(p, tensor) / clattn_type_bytes(p->type),
                        .add_offset = NO_ADDITION,
                        .from_type = clattn_kernel_type(p->type),
                        .to_type = STORED_F32};
  return convert(work, work->stored[tensor], work->tensor[tensor], &c, error);
}

clattn_status clattn_stage_convert(const clattn_work *work, clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  clattn_status status = CLATTN_OK;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && status == CLATTN_OK; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    const bool stored = clattn_tensor_facts_of(tensor)->given == CLATTN_ELEMENT_STORED;
    if (!clattn_is_input(p, tensor) || !stored || !clattn_is_separate(p, tensor)) continue;
    if (work->inputs->projection_weights != NULL && clattn_is_weight(tensor)) continue; /* float already */
    if (clattn_is_rotated(p, tensor)) continue; /* the rotary stage reads the stored tensor */
    if (clattn_plan_is_fused(work->plan) && clattn_fused_reads_stored(p, tensor)) continue;
    const bool placed = tensor == CLATTN_X && p->positions != CLATTN_POSITIONS_NONE;
    status = placed ? add_positions(work, error) : widen(work, tensor, error);
  }
  return status;
}

/* Between the floats and the stored elements of projected q, k or v. */
static clattn_status convert_projection(const clattn_work *work, clattn_tensor tensor, bool to_floats,
                                        clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  const cl_mem floats = work->tensor[tensor], stored = work->stored[tensor];
  const int type = clattn_kernel_type(p->type);
  const conversion c = {.count = clattn_tensor_elements(p, tensor),
                        .add_offset = NO_ADDITION,
                        .from_type = to_floats ? type : STORED_F32,
                        .to_type = to_floats ? STORED_F32 : type};
  return convert(work, to_floats ? stored : floats, to_floats ? floats : stored, &c, error);
}

/* The caller gets the numbers that the fused kernel reads. From a plan's own buffers they are downloaded. */
clattn_status clattn_stage_convert_projections(const clattn_work *work, clattn_error *error) {
  const clattn_plan *plan = work->plan;
  clattn_status status = CLATTN_OK;
  if (!clattn_plan_reads_projections_stored(plan)) return CLATTN_OK;
  for (size_t i = 0; i < CLATTN_QKV && status == CLATTN_OK; ++i) {
    const clattn_tensor made = clattn_qkv[i];
    const bool of_caller = work->tensor[made] != NULL && work->tensor[made] != plan->buffer[made];
    if (!clattn_plan_stores_projections(plan)) status = convert_projection(work, made, false, error);
    if (status == CLATTN_OK && of_caller) status = convert_projection(work, made, true, error);
  }
  return status;
}

clattn_status clattn_stage_convert_output(const clattn_work *work, clattn_error *error) {
  const clattn_problem *p = &work->plan->problem;
  const cl_mem from = work->tensor[p->output_dim != 0 ? CLATTN_OUTPUT : CLATTN_CONTEXT];
  const conversion c = {.count = clattn_tensor_elements(p, CLATTN_OUTPUT),
                        .add_offset = NO_ADDITION,
                        .from_type = STORED_F32,
                        .to_type = clattn_kernel_type(p->type)};
  if (p->type == CLATTN_F32 || clattn_output_is_stored(work)) return CLATTN_OK;
  return convert(work, from, work->stored[CLATTN_OUTPUT], &c, error);
}
