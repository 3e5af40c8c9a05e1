/* `clattn ladder`: measures the device's peaks, then checks and times every rung and compares it
 * with them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/ladder/climb.h"
#include "cli/command.h"
#include "cli/report/gnuplot.h"
#include "cli/ladder/ladder_options.h"
#include "cli/options/option_values.h"
#include "cli/devices/open.h"
#include "cli/files/user_files.h"
#include "cli/report/terminal.h"

#define PROBE_REPEATS 3
#define LEAST_WORKING_SET 65536

typedef struct ladder_job {
  const ladder_options *options;
  clattn_device *device;
  ladder found;
  workload work[CLATTN_STAGE_COUNT];
  size_t steps, all_steps; /* the probes and the rungs */
} ladder_job;

static void show(ladder_job *job, const char *label) {
  progress_show(job->steps, job->all_steps, label);
  ++job->steps;
}

static void show_rung(void *of, const rung *r) {
  char label[64];
  snprintf(label, sizeof label, "%s %d %s", clattn_stage_name(r->kernel.stage), r->kernel.rung, r->kernel.name);
  show(of, label);
}

/* ---- before anything is timed ------------------------------------------------------------------------------------ */

/* Attention is given q, k and v; project is given X. */
static clattn_problem problem_of(const ladder_options *o, clattn_stage stage) {
  clattn_problem p = CLATTN_PROBLEM_INIT;
  p.query_len = o->number[LADDER_TOKENS];
  p.key_len = stage == CLATTN_STAGE_PROJECT ? p.query_len : o->number[LADDER_KEY_TOKENS];
  p.heads = o->number[LADDER_HEADS];
  p.kv_heads = o->number[LADDER_KV_HEADS];
  p.head_dim = p.value_dim = o->number[LADDER_HEAD_DIM];
  p.causal = o->causal != 0;
  p.type = o->type;
  p.math = o->math;
  p.source = stage == CLATTN_STAGE_PROJECT ? CLATTN_SOURCE_X : CLATTN_SOURCE_QKV;
  if (stage == CLATTN_STAGE_PROJECT) p.model_dim = o->number[LADDER_MODEL_DIM];
  return p;
}

static int prepare_stages(ladder_job *job) {
  for (int i = 0; i < CLATTN_STAGE_COUNT; ++i) {
    const clattn_stage stage = (clattn_stage)i;
    if (!has_tuned_kernels(stage)) continue;
    if (job->options->stage != CLATTN_STAGE_COUNT && job->options->stage != stage) continue;
    stage_ladder *s = &job->found.stage[job->found.stages];
    workload *w = &job->work[job->found.stages++];
    s->stage = stage;
    s->problem = problem_of(job->options, stage);
    *w = (workload){.device = job->device, .problem = s->problem, .stage = stage, .kernel_dir = kernel_dir_path()};
    const int code = climb_prepare(s, w);
    if (code != GO_ON) return code;
    job->all_steps += s->count;
  }
  return GO_ON;
}

/* Memory is probed with as many bytes as the tensors of the largest stage have, so that both fit
 * into the same caches. / */
static uint64_t working_set_of(const ladder *l) {
  double most = LEAST_WORKING_SET;
  for (size_t i = 0; i < l->stages; ++i)
    if (l->stage[i].bytes > most) most = l->stage[i].bytes;
  const double limit = (double)l->device->max_allocation_bytes;
  return (uint64_t)(most < limit ? most : limit);
}

static int probe(ladder_job *job, const char *label, clattn_peaks *peaks) {
  clattn_probe_options options = CLATTN_PROBE_OPTIONS_INIT;
  clattn_error error;
  options.working_set = job->found.working_set = working_set_of(&job->found);
  options.repeats = PROBE_REPEATS;
  options.kernel_dir = job->work[0].kernel_dir;
  show(job, label);
  return clattn_device_probe(job->device, &options, peaks, &error) == CLATTN_OK ? GO_ON : complain_of(&error);
}

/* The higher of two probes is nearer to what the device can do. */
static void take_in(ladder *l, const char *name, clattn_rate *rate, clattn_rate after) {
  steady_add_peak(&l->steadiness, name, rate->best, after.best);
  rate->best = fmax(rate->best, after.best);
  rate->worst = fmin(rate->worst, after.worst);
}

/* Probes once more: a difference shows that the machine was busy. */
static int probe_again(ladder_job *job) {
  ladder *l = &job->found;
  clattn_peaks after = CLATTN_PEAKS_INIT;
  const int code = probe(job, "the device's peaks, again", &after);
  if (code != GO_ON) return code;
  take_in(l, "multiply-add", &l->peaks.multiply_add, after.multiply_add);
  take_in(l, "the matrix unit in f16", &l->peaks.matrix_f16, after.matrix_f16);
  take_in(l, "the matrix unit in bf16", &l->peaks.matrix_bf16, after.matrix_bf16);
  take_in(l, "reading", &l->peaks.read, after.read);
  take_in(l, "copying", &l->peaks.copy, after.copy);
  take_in(l, "strided reading", &l->peaks.strided, after.strided);
  take_in(l, "local memory", &l->peaks.local, after.local);
  return GO_ON;
}

/* Compares a rung with the peaks. */
static void judge(ladder *l, const stage_ladder *s, rung *r) {
  char name[STEADY_NAME];
  if (r->state != RUNG_TIMED) return;
  snprintf(name, sizeof name, "%s %d %s", clattn_stage_name(s->stage), r->kernel.rung, r->kernel.name);
  steady_add_times(&l->steadiness, name, r->spread, r->median, r->runs);
  if (rung_peak(l, r).best > 0.0) steady_add_share(&l->steadiness, name, rung_share(l, s, r));
}

static void judge_all(ladder *l) {
  for (size_t i = 0; i < l->stages; ++i)
    for (size_t n = 0; n < l->stage[i].count; ++n) {
      rung *r = &l->stage[i].rung[n];
      r->predicted = predict(&r->traffic, &l->peaks, rung_peak(l, r));
      judge(l, &l->stage[i], r);
    }
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static int climb_all(ladder_job *job) {
  int code = GO_ON;
  for (size_t i = 0; i < job->found.stages && code == GO_ON; ++i) {
    workload *w = &job->work[i];
    code = workload_fill(w);
    if (code == GO_ON) code = climb(&job->found.stage[i], w, show_rung, job);
    workload_free(w);
  }
  return code;
}

static bool any_wrong(const ladder *l) {
  for (size_t i = 0; i < l->stages; ++i)
    for (size_t r = 0; r < l->stage[i].count; ++r)
      if (l->stage[i].rung[r].state == RUNG_WRONG) return true;
  return false;
}

static int print(const ladder_job *job) {
  const ladder_options *o = job->options;
  if (o->csv)
    ladder_csv(&job->found);
  else if (!o->json)
    ladder_text(&job->found);
  else if (!ladder_json(&job->found))
    return EXIT_BAD_INPUT;
  if (o->svg != NULL && !ladder_plot(&job->found, o->svg)) return EXIT_BAD_INPUT;
  return any_wrong(&job->found) ? EXIT_CHECK_FAILED : EXIT_PASSED;
}

static int run(ladder_job *job) {
  const ladder_options *o = job->options;
  clattn_error error;
  const clattn_device_choice choice = device_choice(o->platform, o->device);
  if (o->svg != NULL && !gnuplot_prepare("--svg", o->svg)) return EXIT_BAD_INPUT;
  if (open_device(&choice, &job->device, &error) != CLATTN_OK) return complain_of(&error);
  job->found.device = clattn_device_get_info(job->device);
  job->found.peaks = (clattn_peaks)CLATTN_PEAKS_INIT;
  job->all_steps = 2;
  int code = prepare_stages(job);
  if (code == GO_ON && !o->csv && !o->json) ladder_text_head(&job->found);
  if (code == GO_ON) code = probe(job, "the device's peaks", &job->found.peaks);
  if (code == GO_ON) code = climb_all(job);
  if (code == GO_ON) code = probe_again(job);
  if (code == GO_ON) judge_all(&job->found);
  progress_clear();
  return code == GO_ON ? print(job) : code;
}

int command_ladder(int argc, const char **argv) {
  ladder_options options;
  ladder_job job = {.options = &options};
  int code = ladder_options_read(argc, argv, &options);
  if (code == GO_ON) code = run(&job);
  for (size_t i = 0; i < job.found.stages; ++i) free(job.found.stage[i].rung);
  clattn_device_close(job.device);
  ladder_options_free(&options);
  return code;
}
