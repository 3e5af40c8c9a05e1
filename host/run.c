/* Runs plans: all stages, block by block; and clattn_plan_run, with host memory in and out. */
#include "arguments.h"
#include "clock.h"
#include "run.h"
#include "shape.h"
#include "stage.h"
#include "status.h"

static bool is_wanted(const clattn_destination *to, clattn_tensor tensor) {
  if (to->host != NULL) return (tensor == CLATTN_SCORES ? to->host->scores : to->host->weights) != NULL;
  return (tensor == CLATTN_SCORES ? to->device->scores : to->device->weights) != NULL;
}

/* A block is a contiguous run of the rows of (batch, head, query): this is its first. */
static size_t first_row(const clattn_work *work) {
  return work->block.first_pair * work->plan->problem.query_len + work->block.first_row;
}

/* The rows of `wanted` that lie in the block, each to its place among the wanted ones. */
static clattn_status download_rows(const clattn_work *work, const clattn_rows *wanted, float *to, clattn_error *error) {
  const size_t key_len = work->plan->problem.key_len, row_bytes = key_len * sizeof(float);
  const size_t start = first_row(work), end = start + work->block.pairs * work->block.rows;
  clattn_status status = CLATTN_OK;
  for (size_t i = 0; i < wanted->count && wanted->row[i] < end && status == CLATTN_OK; ++i)
    if (wanted->row[i] >= start)
      status = clattn_chain_read(work->chain, work->tensor[CLATTN_SCORES], (wanted->row[i] - start) * row_bytes,
                                 row_bytes, to + i * key_len, error);
  return status;
}

/* Hands a block of scores or weights over, if it is wanted. Blocks are contiguous parts of the whole tensor. */
static clattn_status deliver_block(const clattn_work *work, clattn_tensor tensor, const clattn_destination *to,
                                   clattn_error *error) {
  if (!is_wanted(to, tensor)) return CLATTN_OK;
  const clattn_problem *problem = &work->plan->problem;
  const clattn_block *block = &work->block;
  const size_t bytes = block->pairs * block->rows * problem->key_len * sizeof(float);
  const size_t start = first_row(work) * problem->key_len;
  work->chain->slot = CLATTN_SLOT_DOWNLOAD;
  if (to->device != NULL)
    return clattn_chain_copy(work->chain, work->tensor[tensor],
                             tensor == CLATTN_SCORES ? to->device->scores : to->device->weights, start * sizeof(float),
                             bytes, error);
  float *host = tensor == CLATTN_SCORES ? to->host->scores : to->host->weights;
  if (to->host->rows != NULL) return download_rows(work, to->host->rows, host, error);
  return clattn_chain_read(work->chain, work->tensor[tensor], 0, bytes, host + start, error);
}

static clattn_status run_stage(const clattn_work *work, clattn_stage stage, clattn_error *error) {
  static clattn_status (*const stages[CLATTN_STAGE_COUNT])(const clattn_work *, clattn_error *) = {
      clattn_stage_project, clattn_stage_scores, clattn_stage_softmax, clattn_stage_context};
  work->chain->slot = (int)stage;
  return stages[stage](work, error);
}

static clattn_status run_block(const clattn_work *work, const clattn_destination *to, clattn_error *error) {
  clattn_status status = run_stage(work, CLATTN_STAGE_SCORES, error);
  if (status == CLATTN_OK) status = deliver_block(work, CLATTN_SCORES, to, error);
  if (status == CLATTN_OK) status = run_stage(work, CLATTN_STAGE_SOFTMAX, error);
  if (status == CLATTN_OK) status = deliver_block(work, CLATTN_WEIGHTS, to, error);
  if (status == CLATTN_OK) status = run_stage(work, CLATTN_STAGE_CONTEXT, error);
  return status;
}

clattn_status clattn_run_stages(const clattn_plan *plan, clattn_chain *chain, const cl_mem *tensor,
                                const clattn_destination *to, clattn_error *error) {
  clattn_work work = {.plan = plan, .chain = chain, .tensor = tensor};
  clattn_status status = run_stage(&work, CLATTN_STAGE_PROJECT, error);
  while (status == CLATTN_OK && clattn_next_block(plan, &work.block)) status = run_block(&work, to, error);
  return status;
}

/* ---- host memory in and out -------------------------------------------------------------------------------------- */

static clattn_status upload(clattn_plan *plan, clattn_chain *chain, const clattn_inputs *inputs, clattn_error *error) {
  const struct {
    clattn_tensor tensor;
    const float *from;
  } all[] = {{CLATTN_X, inputs->x}, {CLATTN_WQ, inputs->wq}, {CLATTN_WK, inputs->wk}, {CLATTN_WV, inputs->wv}};
  clattn_status status = CLATTN_OK;
  chain->slot = CLATTN_SLOT_UPLOAD;
  for (size_t i = 0; i < sizeof all / sizeof all[0] && status == CLATTN_OK; ++i)
    status = clattn_chain_write(chain, plan->buffer[all[i].tensor], all[i].from,
                                clattn_tensor_elements(&plan->problem, all[i].tensor) * sizeof(float), error);
  return status;
}

static clattn_status download(clattn_plan *plan, clattn_chain *chain, const clattn_outputs *outputs,
                              clattn_error *error) {
  const struct {
    clattn_tensor tensor;
    float *to;
  } all[] = {
      {CLATTN_Q, outputs->q}, {CLATTN_K, outputs->k}, {CLATTN_V, outputs->v}, {CLATTN_CONTEXT, outputs->context}};
  clattn_status status = CLATTN_OK;
  chain->slot = CLATTN_SLOT_DOWNLOAD;
  for (size_t i = 0; i < sizeof all / sizeof all[0] && status == CLATTN_OK; ++i)
    if (all[i].to != NULL)
      status =
          clattn_chain_read(chain, plan->buffer[all[i].tensor], 0,
                            clattn_tensor_elements(&plan->problem, all[i].tensor) * sizeof(float), all[i].to, error);
  return status;
}

/* Some drivers record no event times, or a few nanoseconds whatever was done: then the wall clock is all there is.
 * Where events are real, enqueueing and waiting take microseconds more than they say, not a thousand times as long. */
#define EVENTS_CREDIBLE 1e-3

static void fill_timings(const clattn_profile *profile, double total, clattn_timings *timings) {
  double events = 0.0, wall = 0.0;
  for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage) {
    events += profile->event[stage];
    wall += profile->wall[stage] - profile->library[stage];
  }
  timings->events_used = events > EVENTS_CREDIBLE * wall;
  for (int stage = 0; stage < CLATTN_STAGE_COUNT; ++stage) {
    timings->launches[stage] = profile->launches[stage];
    timings->stage_wall[stage] = profile->wall[stage];
    timings->stage[stage] =
        timings->events_used ? profile->event[stage] + profile->library[stage] : profile->wall[stage];
  }
  timings->upload = profile->wall[CLATTN_SLOT_UPLOAD];
  timings->download = profile->wall[CLATTN_SLOT_DOWNLOAD];
  timings->total = total;
}

clattn_status clattn_plan_run(clattn_plan *plan, const clattn_inputs *inputs, const clattn_outputs *outputs,
                              clattn_timings *timings, clattn_error *error) {
  if (plan == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the plan is NULL");
  if (plan->io != CLATTN_IO_HOST)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "clattn_plan_run on a plan made with CLATTN_IO_DEVICE (use clattn_plan_enqueue)");
  clattn_status status = clattn_check_arguments(&plan->problem, inputs, outputs, error);
  if (status != CLATTN_OK) return status;

  const double started = clattn_now();
  clattn_profile profile = {{0}, {0}, {0}, {0}};
  clattn_chain chain = {.queue = plan->device->queue,
                        .profile = timings != NULL ? &profile : NULL,
                        .events_timed = plan->device->profiling};
  const clattn_destination to = {.host = outputs};
  status = upload(plan, &chain, inputs, error);
  if (status == CLATTN_OK) status = clattn_run_stages(plan, &chain, plan->buffer, &to, error);
  if (status == CLATTN_OK) status = download(plan, &chain, outputs, error);
  /* The first failure is the one to report, but host memory must be out of use either way. */
  const clattn_status finished = clattn_chain_finish(&chain, status == CLATTN_OK ? error : NULL);
  if (status == CLATTN_OK) status = finished;
  clattn_chain_release(&chain);
  if (status == CLATTN_OK && timings != NULL) fill_timings(&profile, clattn_now() - started, timings);
  return status;
}
