/* `clattn run`: plan, run, check, print, save. */
#include <math.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/devices/open.h"
#include "cli/input/outputs.h"
#include "cli/input/past.h"
#include "cli/report/report.h"
#include "cli/report/terminal.h"
#include "cli/run/save.h"
#include "cli/files/user_files.h"

/* Problems up to this size are checked completely by default, which takes about two seconds. */
#define CHECK_ALL_FLOPS 1e9
/* No run is repeated after this much time, unless --repeat is given. */
#define REPEAT_SECONDS 2.0

typedef struct run_job {
  const run_options *options;
  input input;
  clattn_device *device;
  clattn_plan *plan;
  clattn_cache *cache;
  clattn_problem seen; /* the problem as a run sees it, which differs with a cache: see clattn_sizing_problem */
  clattn_outputs outputs;
  clattn_rows *rows; /* to check */
  report report;
} run_job;

/* Timed runs; there are fewer if they take long and --repeat is not given. */
static size_t runs_of(const run_job *job) {
  const size_t asked = job->options->number[NUMBER_REPEAT];
  return asked != 0 ? asked : 3;
}

/* The steps: building the kernels, the run that warms up, the timed runs, and the check. */
static void show(const run_job *job, size_t step, const char *label) {
  progress_show(step, 3 + runs_of(job), label);
}

static bool is_tuned(const clattn_plan *plan) {
  clattn_reason reason = CLATTN_REASON_INIT;
  for (size_t i = 0; clattn_plan_get_reason(plan, i, &reason); ++i)
    if (reason.kind == CLATTN_REASON_RECORD) return true;
  return false;
}

/* What the page shows of an example, and what is saved, decides whether the plan has scores and weights. */
static uint64_t tensors_of(const run_job *job) {
  const uint64_t shown = CLATTN_TENSOR_BIT(CLATTN_SCORES) | CLATTN_TENSOR_BIT(CLATTN_WEIGHTS);
  return job->options->save != NULL || job->input.example != NULL ? shown : 0;
}

static int make_plan(run_job *job) {
  const run_options *o = job->options;
  clattn_error error;
  const clattn_device_choice choice = device_choice(o->platform, o->device);
  if (open_device(&choice, &job->device, &error) != CLATTN_OK) return complain_of(&error);
  char record[4096], programs[4096];
  clattn_plan_options options = user_plan_options(programs, sizeof programs);
  options.tuning_file = tuning_file_path(clattn_device_get_info(job->device), record, sizeof record);
  options.pipeline = o->pipeline;
  if (o->pipeline == CLATTN_PIPELINE_AUTO) options.tensors = tensors_of(job);
  options.kernels = o->kernels;
  options.launch_seconds = o->launch_seconds;
  show(job, 0, "building kernels");
  const clattn_status status = clattn_plan_create(job->device, &job->input.problem, &options, &job->plan, &error);
  progress_clear();
  if (status != CLATTN_OK) return complain_of(&error);
  warn_of_wrong_kernels(job->plan);
  clattn_plan_get_info(job->plan, &job->report.plan);
  job->report.device = clattn_device_get_info(job->device);
  job->report.tuned = is_tuned(job->plan);
  job->report.explained = o->explain ? job->plan : NULL;
  return GO_ON;
}

/* ---- the cache --------------------------------------------------------------------------------------------------- */

static int make_cache(run_job *job) {
  const int code = past_load(job->device, &job->input, &job->cache, &job->seen);
  if (code != GO_ON || job->cache == NULL) return code;
  clattn_plan_costs(job->plan, &job->seen, &job->report.plan);
  job->report.plan.total_bytes += clattn_cache_bytes(job->cache);
  return GO_ON;
}

/* Every run appends to the cache; this removes what the last one added. */
static int rewind_cache(const run_job *job) {
  clattn_error error;
  for (size_t b = 0; job->cache != NULL && b < job->seen.batch; ++b)
    if (clattn_cache_truncate(job->cache, b, input_past(&job->input, b) - clattn_cache_dropped(job->cache, b),
                              &error) != CLATTN_OK)
      return complain_of(&error);
  return GO_ON;
}

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

static int choose_rows(run_job *job) {
  double most = CHECK_ALL_FLOPS;
  if (job->options->check == CHECK_FULL) most = INFINITY;
  if (job->options->check == CHECK_SAMPLE) {
    double all = 0.0;
    for (int s = 0; s < CLATTN_STAGE_COUNT; ++s) all += job->report.plan.stages[s].flops;
    most = fmin(most, all / 4.0);
  }
  clattn_error error;
  if (clattn_rows_choose(&job->input.problem, most, job->options->number[NUMBER_SEED], &job->rows, &error) != CLATTN_OK)
    return complain_of(&error);
  return GO_ON;
}

/* Without check and --save only the result is downloaded; scaled and softcapped products only
 * with --save. */
static bool is_wanted(const run_job *job, clattn_tensor tensor) {
  const clattn_problem *p = &job->seen;
  const bool save = job->options->save != NULL, check = job->options->check != CHECK_OFF;
  if (!clattn_plan_has(job->plan, tensor)) return false;
  if (tensor == CLATTN_SOFTCAPPED) return save && p->softcap > 0.0f;
  if (tensor == CLATTN_SCALED) return save;
  return save || check || tensor == outputs_result(p);
}

static int allocate_output(run_job *job, clattn_tensor tensor, size_t bytes) {
  if (outputs_allocate(&job->outputs, tensor, bytes)) return GO_ON;
  complain("no host memory for a result of %.1f GiB", (double)bytes / 1073741824.0);
  return EXIT_BAD_INPUT;
}

/* Scores, weights and the like are complete if they are saved or all checked; else only the rows
 * to check. */
static int allocate_outputs(run_job *job) {
  const clattn_problem *p = &job->seen;
  const bool check = job->options->check != CHECK_OFF, save = job->options->save != NULL;
  int code = check ? choose_rows(job) : GO_ON;
  const bool sampled = code == GO_ON && check && !save && job->rows->count < p->batch * p->heads * p->query_len;
  for (int t = 0; t < CLATTN_TENSOR_COUNT && code == GO_ON; ++t) {
    const clattn_tensor tensor = (clattn_tensor)t;
    if (!is_wanted(job, tensor)) continue;
    const bool rows_alone = sampled && clattn_tensor_has_rows(tensor);
    const clattn_problem *sizing = clattn_sizing_problem(&job->input.problem, p, tensor);
    code = allocate_output(
        job, tensor, rows_alone ? job->rows->count * p->key_len * sizeof(float) : clattn_output_bytes(sizing, tensor));
  }
  if (sampled) job->outputs.rows = job->rows;
  job->report.outputs = &job->outputs;
  return code;
}

/* ---- run and check ----------------------------------------------------------------------------------------------- */

/* The first run warms up (drivers compile on first launch) and delivers everything that is
 * checked or saved. The others are timed, and deliver only the output, or the context if there is
 * none; the check uses that of the last run. */
static int run_repeatedly(run_job *job) {
  const size_t asked = job->options->number[NUMBER_REPEAT], repeat = runs_of(job);
  const clattn_inputs *inputs = &job->input.inputs;
  const clattn_tensor tensor = outputs_result(&job->seen);
  clattn_outputs result = CLATTN_OUTPUTS_INIT;
  clattn_error error;
  double spent = 0.0;
  clattn_outputs_set(&result, tensor, clattn_outputs_get(&job->outputs, tensor));
  show(job, 1, "the first run");
  const clattn_status status = clattn_plan_run(job->plan, inputs, &job->outputs, NULL, &error);
  progress_clear();
  if (status != CLATTN_OK) return complain_of(&error);
  for (size_t i = 0; i < repeat && (i == 0 || spent < REPEAT_SECONDS || asked != 0); ++i) {
    clattn_timings timings = CLATTN_TIMINGS_INIT;
    const int code = rewind_cache(job);
    if (code != GO_ON) return code;
    show(job, 2 + i, "timed runs");
    const clattn_status run = clattn_plan_run(job->plan, inputs, &result, &timings, &error);
    progress_clear();
    if (run != CLATTN_OK) return complain_of(&error);
    spent += timings.total;
    repeats_add(&job->report.totals, timings.total);
    if (i == 0 || timings.total < job->report.timings.total) job->report.timings = timings;
    ++job->report.runs;
  }
  return GO_ON;
}

static int check(run_job *job) {
  if (job->options->check == CHECK_OFF) return GO_ON;
  clattn_error error;
  char label[64];
  snprintf(label, sizeof label, "checking %zu rows", job->rows->count);
  show(job, 2 + runs_of(job), label);
  const clattn_status status =
      clattn_check(job->plan, &job->input.inputs, &job->outputs, job->rows, &job->report.check, &error);
  progress_clear();
  if (status != CLATTN_OK) return complain_of(&error);
  job->report.checked = true;
  return GO_ON;
}

static int print(const run_job *job) {
  if (!job->options->json)
    report_text(&job->report);
  else if (!report_json(&job->report))
    return EXIT_BAD_INPUT;
  return job->report.checked && !job->report.check.passed ? EXIT_CHECK_FAILED : EXIT_PASSED;
}

static void free_job(run_job *job) {
  clattn_cache_destroy(job->cache);
  clattn_plan_destroy(job->plan);
  clattn_device_close(job->device);
  outputs_free(&job->outputs);
  clattn_rows_destroy(job->rows);
  input_free(&job->input);
}

int command_run(int argc, const char **argv) {
  run_options options;
  run_job job = {.options = &options,
                 .outputs = CLATTN_OUTPUTS_INIT,
                 .report = {.plan = CLATTN_PLAN_INFO_INIT, .check = CLATTN_CHECK_REPORT_INIT}};
  int code = run_options_read(argc, argv, &options);
  if (code == GO_ON) code = input_load(&options, &job.input);
  job.report.input = &job.input;
  if (code == GO_ON) code = make_plan(&job);
  const saving files = {.options = &options, .plan = job.plan, .problem = &job.input.problem, .seen = &job.seen};
  if (code == GO_ON) code = save_prepare(&files);
  if (code == GO_ON) code = make_cache(&job);
  if (code == GO_ON) code = allocate_outputs(&job);
  if (code == GO_ON && !options.json) report_text_plan(&job.report);
  if (code == GO_ON) code = run_repeatedly(&job);
  if (code == GO_ON) code = check(&job);
  if (code == GO_ON) code = save_outputs(&files, &job.outputs);
  if (code == GO_ON) code = print(&job);
  free_job(&job);
  run_options_free(&options);
  return code;
}
