/* Only clattn's project stage, with matrices that stay on the device. Its time is from
 * clattn_timings: the wall clock around each launch. The rows are divided into short sequences, so that the attention
 * after them, which is not timed, takes very little time. */
#include <stdio.h>
#include <string.h>

#include "clattn_inspect.h"
#include "product.h"

#define SEQUENCE 16
#define HEAD_DIM 64

static clattn_device *device;
static clattn_plan *plan;
static clattn_weights *weights;

static clattn_device *open_device(const char *name, char answer[ANSWER_SIZE]) {
  const clattn_device_choice choice = {.device = name};
  clattn_error error;
  need(clattn_device_open(&choice, &device, &error), &error);
  greet(device, "clattn " CLATTN_VERSION, answer);
  return device;
}

static clattn_pipeline pipeline_of(const char *name) {
  for (int i = 0; i < CLATTN_PIPELINE_COUNT; ++i)
    if (strcmp(name, clattn_pipeline_name((clattn_pipeline)i)) == 0) return (clattn_pipeline)i;
  give_up("unknown pipeline '%s'", name);
}

static int prepare(const product *p, const words *w, char answer[ANSWER_SIZE]) {
  clattn_problem problem = CLATTN_PROBLEM_INIT;
  clattn_plan_options options = CLATTN_PLAN_OPTIONS_INIT;
  clattn_error error;
  if (p->rows % SEQUENCE != 0 || p->columns % HEAD_DIM != 0)
    give_up("%zu rows, %zu columns (allowed: multiples of %d and %d)", p->rows, p->columns, SEQUENCE, HEAD_DIM);
  problem.batch = p->rows / SEQUENCE;
  problem.query_len = problem.key_len = SEQUENCE;
  problem.model_dim = p->terms;
  problem.head_dim = problem.value_dim = HEAD_DIM;
  problem.heads = p->columns / HEAD_DIM;
  options.pipeline = pipeline_of(words_text(w, "pipeline"));
  options.weights_kept = true;
  clattn_plan_destroy(plan);
  clattn_weights_destroy(weights);
  const clattn_inputs matrices = {.size = sizeof(clattn_inputs), .wq = p->w[0], .wk = p->w[1], .wv = p->w[2]};
  need(clattn_weights_create(device, &problem, &matrices, &weights, &error), &error);
  need(clattn_plan_create(device, &problem, &options, &plan, &error), &error);
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_plan_get_info(plan, &info);
  snprintf(answer, ANSWER_SIZE, "project:%s", info.stages[CLATTN_STAGE_PROJECT].kernel);
  return 1;
}

static double run_into(const product *p, const clattn_outputs *outputs) {
  const clattn_inputs inputs = {.size = sizeof(clattn_inputs), .x = p->x, .projection_weights = weights};
  clattn_timings timings = CLATTN_TIMINGS_INIT;
  clattn_error error;
  need(clattn_plan_run(plan, &inputs, outputs, &timings, &error), &error);
  return timings.stage_wall[CLATTN_STAGE_PROJECT];
}

static double run(const product *p) {
  const clattn_outputs none = CLATTN_OUTPUTS_INIT;
  return run_into(p, &none);
}

static void fetch(const product *p) {
  const clattn_outputs outputs = {.size = sizeof(clattn_outputs), .q = p->out[0], .k = p->out[1], .v = p->out[2]};
  run_into(p, &outputs);
}

const product_engine product_clattn = {"clattn", open_device, prepare, run, fetch};
