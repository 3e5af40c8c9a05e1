/* Creates, describes and destroys plans. */
#include "plan/plan.h"

#include <stdlib.h>

#include "plan/choice.h"
#include "problem/costs.h"
#include "problem/facts.h"
#include "problem/kernel_arguments.h"
#include "device/ledger.h"
#include "problem/problem.h"
#include "device/process.h"
#include "plan/reasons.h"
#include "probe/matrix.h"
#include "problem/sequence.h"
#include "problem/shape.h"
#include "problem/sized.h"
#include "problem/stages.h"
#include "problem/tensors.h"
#include "base/status.h"
#include "catalog/traffic.h"

#define MOST_GUARD_BYTES (1 << 20)

void clattn_describe_sequences(const clattn_problem *problem, const clattn_inputs *inputs, cl_int *to) {
  for (size_t b = 0; b < problem->batch; ++b, to += SEQUENCE_INTS) {
    const clattn_sequence s = clattn_sequence_of(problem, inputs, b);
    to[SEQUENCE_FIRST_QUERY] = (cl_int)s.first_query;
    to[SEQUENCE_QUERY_LEN] = (cl_int)s.query_len;
    to[SEQUENCE_FIRST_KEY] = (cl_int)s.first_key;
    to[SEQUENCE_KEY_LEN] = (cl_int)s.key_len;
    to[SEQUENCE_POSITION] = (cl_int)s.position;
    to[SEQUENCE_FIRST_NEW] = (cl_int)s.first_new;
    to[SEQUENCE_NEW_LEN] = (cl_int)s.new_len;
  }
}

/* q, k and v are stored as the problem's type, by project itself or by convert. */
static void add_projection_costs(const clattn_plan *plan, clattn_plan_info *info) {
  const double stored = (double)clattn_type_bytes(plan->problem.type), floats = sizeof(float);
  for (size_t i = 0; i < CLATTN_QKV; ++i) {
    const double elements = (double)clattn_tensor_elements(&plan->problem, clattn_qkv[i]);
    if (clattn_plan_stores_projections(plan))
      info->stages[CLATTN_STAGE_PROJECT].bytes -= elements * (floats - stored);
    else
      info->stages[CLATTN_STAGE_CONVERT].bytes += elements * (floats + stored);
  }
}

/* Stages that work on scores see all keys in the cache; the others see the plan's own problem. */
void clattn_plan_costs(const clattn_plan *plan, const clattn_problem *given, clattn_plan_info *info) {
  clattn_problem room;
  clattn_problem all_keys = *clattn_current_problem(given, &room);
  const clattn_problem *seen = &all_keys;
  all_keys.math = plan->problem.math;
  for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) {
    const clattn_stage stage = (clattn_stage)s;
    const clattn_problem *problem = clattn_is_of_scores(stage) ? seen : &plan->problem;
    if (plan->choice[stage].row == NULL) continue;
    info->stages[stage].flops = clattn_stage_flops(problem, stage);
    info->stages[stage].bytes = clattn_stage_bytes(problem, stage, clattn_plan_is_fused(plan));
  }
  if (clattn_plan_stores_output(plan)) {
    const double elements = (double)clattn_tensor_elements(&plan->problem, CLATTN_OUTPUT);
    info->stages[CLATTN_STAGE_CONVERT].bytes -= clattn_narrowing_bytes(&plan->problem);
    info->stages[clattn_stage_of_output(&plan->problem)].bytes -=
        elements * (double)(sizeof(float) - clattn_type_bytes(plan->problem.type));
  }
  if (clattn_plan_reads_projections_stored(plan)) add_projection_costs(plan, info);
  const double floats = clattn_cached_bytes(seen, CLATTN_CACHE_F32),
               stored = clattn_cached_bytes(seen, seen->cache.type);
  if (clattn_plan_gathers(plan)) info->stages[CLATTN_STAGE_CACHE].bytes += stored + floats;
  if (clattn_plan_reads_cache(plan)) info->stages[CLATTN_STAGE_FUSED].bytes += stored - floats;
  if (plan->weights_kept) info->stages[CLATTN_STAGE_CONVERT].bytes -= clattn_weights_convert_bytes(&plan->problem);
}

static void fill_info(clattn_plan *plan) {
  plan->info.pipeline = plan->pipeline;
  plan->info.pipeline_reason = plan->pipeline_reason;
  for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage) {
    const clattn_choice *choice = &plan->choice[stage];
    if (choice->row == NULL) continue;
    plan->info.stages[stage] = (clattn_stage_info){
        .kernel = choice->row->name,
        .rung = choice->row->rung,
        .longest_addition = choice->geometry.longest_addition,
        .half_addition = choice->geometry.half_addition,
        .rounded_weights = (uint64_t)choice->geometry.rounded_weights,
        .traffic = clattn_stage_traffic(choice->row, choice->value, &plan->problem, (clattn_stage)stage,
                                        choice->geometry.rows, plan->largest.rows)};
  }
  clattn_problem full = plan->problem;
  full.key_len = clattn_most_keys(&full);
  clattn_plan_costs(plan, &full, &plan->info);
}

static clattn_status check_options(const clattn_plan_options *options, clattn_error *error) {
  if ((int)options->pipeline < 0 || options->pipeline >= CLATTN_PIPELINE_COUNT)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "pipeline is %d (allowed: CLATTN_PIPELINE_AUTO, CLATTN_PIPELINE_STAGED, CLATTN_PIPELINE_BLAS, "
                       "CLATTN_PIPELINE_FUSED)",
                       (int)options->pipeline);
  if (options->io != CLATTN_IO_HOST && options->io != CLATTN_IO_DEVICE)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "io is %d (allowed: CLATTN_IO_HOST, CLATTN_IO_DEVICE)",
                       (int)options->io);
  if ((int)options->self_test < 0 || options->self_test > CLATTN_SELF_TEST_NONE)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "self_test is %d (allowed: CLATTN_SELF_TEST_LIBRARY, CLATTN_SELF_TEST_ALL, "
                       "CLATTN_SELF_TEST_NONE)",
                       (int)options->self_test);
  if (!(options->launch_seconds >= 0.0))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "launch_seconds is %g (allowed: 0 and more)",
                       options->launch_seconds);
  if (options->guard_bytes > MOST_GUARD_BYTES)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "guard_bytes is %zu (allowed: 0 to %d)", options->guard_bytes,
                       MOST_GUARD_BYTES);
  if (options->tensors >> CLATTN_TENSOR_COUNT != 0)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "tensors is %#llx (allowed: CLATTN_TENSOR_BIT of the tensors in clattn_tensor)",
                       (unsigned long long)options->tensors);
  return CLATTN_OK;
}

/* Tensors are copied byte by byte, so host and device must have the same byte order. */
static clattn_status check_byte_order(const clattn_device *device, clattn_error *error) {
  const union {
    uint16_t number;
    unsigned char byte[2];
  } one = {.number = 1};
  if (device->info.little_endian == (one.byte[0] == 1)) return CLATTN_OK;
  return clattn_fail(error, CLATTN_UNSUPPORTED, "'%s' has a different byte order than this machine", device->info.name);
}

void clattn_release_choices(clattn_plan *plan) {
  for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage) {
    clattn_release_choice(&plan->choice[stage]);
    plan->choice[stage] = (clattn_choice){.row = NULL};
  }
  clattn_reasons_release(plan);
}

clattn_status clattn_plan_begin(clattn_device *device, const clattn_problem *problem,
                                const clattn_plan_options *options, clattn_plan **result, clattn_error *error) {
  clattn_problem own;
  clattn_status status = clattn_process_check(error);
  if (status == CLATTN_OK) status = check_options(options, error);
  if (status == CLATTN_OK) status = clattn_take_problem(problem, &own, error);
  if (status == CLATTN_OK) status = check_byte_order(device, error);
  if (status != CLATTN_OK) return status;
  clattn_plan *plan = calloc(1, sizeof *plan);
  if (plan == NULL) return clattn_fail_malloc(error, sizeof *plan, "a plan");
  plan->device = device;
  plan->problem = own;
  plan->math_asked = own.math;
  plan->io = options->io;
  plan->weights_kept = options->weights_kept;
  plan->guard_bytes = options->guard_bytes;
  plan->info.size = sizeof plan->info;
  plan->limit = clattn_launch_limit_of(&device->info, options);
  plan->info.launch_flops = plan->limit.flops;
  clattn_matrix_find(device, &plan->problem, CLATTN_STAGE_FUSED);
  status = clattn_choose_pipeline(plan, options, error);
  if (status == CLATTN_OK)
    *result = plan;
  else
    clattn_plan_destroy(plan);
  return status;
}

clattn_status clattn_plan_finish(clattn_plan *plan, const clattn_plan_options *options, clattn_error *error) {
  clattn_status status = clattn_plan_memory(plan, options, error);
  if (status == CLATTN_OK) status = clattn_plan_allocate(plan, error);
  if (status == CLATTN_OK) fill_info(plan);
  return status;
}

void clattn_plan_destroy(clattn_plan *plan) {
  if (plan == NULL || clattn_process_is_child()) return;
  if (plan->previous != NULL) {
    clWaitForEvents(1, &plan->previous); /* enqueued work still uses the buffers */
    clReleaseEvent(plan->previous);
  }
  clattn_release_choices(plan);
  for (int tensor = 0; tensor < CLATTN_TENSOR_COUNT; ++tensor) {
    if (plan->buffer[tensor] != NULL) clReleaseMemObject(plan->buffer[tensor]);
    if (plan->stored[tensor] != NULL) clReleaseMemObject(plan->stored[tensor]);
    free(plan->reordered[tensor]);
  }
  clattn_ledger_give(plan->device, plan->held_bytes);
  if (plan->workspace != NULL) clReleaseMemObject(plan->workspace);
  if (plan->sequences != NULL) clReleaseMemObject(plan->sequences);
  clattn_tables_release(&plan->tables);
  free(plan->sequences_host);
  free(plan);
}

bool clattn_plan_stores_output(const clattn_plan *plan) {
  const clattn_stage stage = clattn_stage_of_output(&plan->problem);
  const clattn_kernel *row = plan->choice[stage].row;
  return row != NULL && row->stores_types && clattn_makes_stored(&plan->problem, stage);
}

bool clattn_plan_reads_projections_stored(const clattn_plan *plan) {
  return clattn_plan_is_fused(plan) && clattn_stores_projections(&plan->problem);
}

bool clattn_plan_stores_projections(const clattn_plan *plan) {
  const clattn_kernel *row = plan->choice[CLATTN_STAGE_PROJECT].row;
  return row != NULL && row->stores_types && clattn_plan_reads_projections_stored(plan);
}

clattn_test_kind clattn_choice_test_kind(const clattn_plan *plan, const clattn_choice *choice) {
  const clattn_problem *p = &plan->problem;
  const bool stores =
      choice->stage == CLATTN_STAGE_CONVERT ||
      (choice->stage == CLATTN_STAGE_FUSED && choice->row->stores_types && clattn_makes_stored(p, CLATTN_STAGE_FUSED));
  return (clattn_test_kind){.type = stores ? p->type : CLATTN_F32, .in_pieces = clattn_may_split(&plan->limit)};
}

bool clattn_plan_reads_cache(const clattn_plan *plan) {
  const clattn_kernel *row = plan->choice[CLATTN_STAGE_FUSED].row;
  return row != NULL && clattn_kernel_reads_cache(row, &plan->problem);
}

bool clattn_plan_gathers(const clattn_plan *plan) {
  const clattn_problem *p = &plan->problem;
  return p->cache.capacity != 0 && !clattn_has_plain_cache(p) && !clattn_plan_reads_cache(plan);
}

bool clattn_plan_has(const clattn_plan *plan, clattn_tensor tensor) {
  if (clattn_plan_is_fused(plan) && clattn_tensor_has_rows(tensor)) return false;
  if (clattn_tensor_facts_of(tensor)->traced && !plan->trace) return false;
  return clattn_output_bytes(&plan->problem, tensor) > 0;
}

bool clattn_plan_get_info(const clattn_plan *plan, clattn_plan_info *info) {
  return clattn_give_sized(&clattn_sized_plan_info, &plan->info, info);
}
