/* An OpenCL device with one of the pipelines. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/compare/contestant.h"
#include "cli/files/user_files.h"
#include "cli/input/workload.h"

static clattn_status prepare(contestant *c, const clattn_problem *problem, clattn_error *error) {
  char record[4096], programs[4096];
  clattn_plan_options options = user_plan_options(programs, sizeof programs);
  options.tuning_file = tuning_file_path(&c->device_info, record, sizeof record);
  options.pipeline = c->pipeline;
  const clattn_status status = clattn_plan_create(c->device, problem, &options, &c->plan, error);
  if (status == CLATTN_OK) warn_of_wrong_kernels(c->plan);
  return status;
}

/* All but upload and download counts as computing: launches, kernels, and waiting for them. */
static clattn_status run(contestant *c, const input *in, const clattn_outputs *outputs, split *times,
                         clattn_error *error) {
  clattn_timings t = CLATTN_TIMINGS_INIT;
  const clattn_status status = clattn_plan_run(c->plan, &in->inputs, outputs, &t, error);
  if (status == CLATTN_OK) *times = (split){t.upload, t.total - t.upload - t.download, t.download};
  return status;
}

static clattn_status check(contestant *c, const input *in, double most_flops, bool *passed, clattn_error *error) {
  const workload w = {.problem = in->problem, .inputs = in->inputs};
  return workload_check(&w, c->plan, most_flops, passed, error);
}

static void finish(contestant *c) {
  clattn_plan_destroy(c->plan);
  c->plan = NULL;
}

void contestant_device_open(contestant *c, const clattn_device_info *info, const compare_options *o,
                            clattn_pipeline pipeline) {
  char index[16];
  clattn_error error;
  *c = (contestant){.kind = &contestant_device, .device_info = *info, .pipeline = pipeline};
  snprintf(c->name, sizeof c->name, "%s, %s", info->name, clattn_pipeline_name(pipeline));
  snprintf(index, sizeof index, "%u", info->index);
  const clattn_device_choice choice = {.platform = o->input.platform, .device = index};
  if (clattn_device_open(&choice, &c->device, &error) != CLATTN_OK)
    contestant_reason(c->missing, sizeof c->missing, error.message);
}

const contestant_kind contestant_device = {"device", prepare, run, check, finish};
