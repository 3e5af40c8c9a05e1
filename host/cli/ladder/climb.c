/* Plans, checks and times each rung. */
#include "cli/ladder/climb.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

#define CHECK_FLOPS 1e8 /* of the reference; beyond that, a sample of rows is checked */
#define MOST_RUNS 20
#define REPEAT_SECONDS 0.5 /* a rung is not repeated after this much time */

/* ---- the list of rungs
 * ----------------------------------------------------------------------------------------------- */

static size_t list_rungs(clattn_stage stage, rung *to) {
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  size_t count = 0;
  for (size_t i = 0; clattn_kernel_get_info(i, &kernel); ++i) {
    if (kernel.stage != stage || kernel.rung == 0) continue;
    if (to != NULL) to[count] = (rung){.kernel = kernel};
    ++count;
  }
  return count;
}

static int compare_rungs(const void *a, const void *b) {
  const rung *x = a, *y = b;
  return x->kernel.rung - y->kernel.rung;
}

int climb_prepare(stage_ladder *stage, const workload *w) {
  clattn_plan *plan = NULL;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  clattn_error error;
  if (workload_plan(w, NULL, &plan, &error) != CLATTN_OK) return complain_of(&error);
  clattn_plan_get_info(plan, &info);
  clattn_plan_destroy(plan);
  stage->flops = info.stages[stage->stage].flops;
  stage->bytes = info.stages[stage->stage].bytes;
  stage->count = list_rungs(stage->stage, NULL);
  stage->rung = calloc(stage->count + 1, sizeof *stage->rung); /* calloc of 0 bytes may return NULL */
  if (stage->rung == NULL) {
    complain("no host memory for %zu rungs", stage->count);
    return EXIT_BAD_INPUT;
  }
  list_rungs(stage->stage, stage->rung);
  qsort(stage->rung, stage->count, sizeof *stage->rung, compare_rungs);
  return GO_ON;
}

/* ---- one rung ---------------------------------------------------------------------------------------------------- */

/* Whether the device cannot run this rung, which does not end the ladder. */
static bool is_refusal(clattn_status status) {
  return status == CLATTN_UNSUPPORTED || status == CLATTN_BUILD_FAILED || status == CLATTN_OUT_OF_DEVICE_MEMORY;
}

/* Keeps the first line; the compiler's output follows it. */
static void set_reason(rung *r, const clattn_error *error) {
  r->state = RUNG_CANNOT;
  snprintf(r->reason, sizeof r->reason, "%.*s", (int)strcspn(error->message, "\n"), error->message);
}

/* The run for the check was the warm-up. */
static clattn_status time_rung(rung *r, const workload *w, clattn_plan *plan, clattn_error *error) {
  double spent = 0.0;
  repeats all = {.count = 0};
  clattn_status status = CLATTN_OK;
  r->seconds = INFINITY;
  for (r->runs = 0; status == CLATTN_OK && r->runs < MOST_RUNS && spent < REPEAT_SECONDS; ++r->runs) {
    double seconds = 0.0;
    status = workload_time(w, plan, &seconds, error);
    repeats_add(&all, seconds);
    r->seconds = fmin(r->seconds, seconds);
    spent += seconds;
  }
  r->spread = repeats_spread(&all);
  r->median = repeats_median(&all);
  r->state = RUNG_TIMED;
  return status;
}

/* Whether the rung multiplies floats in a matrix unit that the device has not. In plain OpenCL C that takes hundreds of
 * times as long as the other rungs. */
static bool lacks_unit(const rung *r, const workload *w) {
  const clattn_type type = w->problem.type == CLATTN_F16 ? CLATTN_F16 : CLATTN_BF16;
  const char *unit = NULL;
  clattn_error error;
  if (!r->kernel.matrix_unit || r->kernel.stored_math) return false;
  return clattn_device_matrix_unit(w->device, type, &unit, &error) != CLATTN_OK || unit == NULL;
}

static clattn_status run_rung(rung *r, const workload *w, clattn_error *error) {
  clattn_plan *plan = NULL;
  clattn_plan_info info = CLATTN_PLAN_INFO_INIT;
  bool passed = false;
  clattn_status status = workload_plan(w, r->kernel.name, &plan, error);
  if (status == CLATTN_OK) {
    workload_choice(w, plan, r->choice, sizeof r->choice);
    clattn_plan_get_info(plan, &info);
    r->traffic = info.stages[w->stage].traffic;
    status = workload_check(w, plan, CHECK_FLOPS, &passed, error);
  }
  r->state = RUNG_WRONG;
  if (status == CLATTN_OK && passed) status = time_rung(r, w, plan, error);
  clattn_plan_destroy(plan);
  return status;
}

int climb(stage_ladder *stage, const workload *w, void (*step)(void *of, const rung *rung), void *of) {
  double before = 0.0;
  for (size_t i = 0; i < stage->count; ++i) {
    rung *r = &stage->rung[i];
    clattn_error error;
    step(of, r);
    if (lacks_unit(r, w)) {
      r->state = RUNG_CANNOT;
      snprintf(r->reason, sizeof r->reason, "needs a matrix unit; the device has none");
      continue;
    }
    const clattn_status status = run_rung(r, w, &error);
    if (status != CLATTN_OK && !is_refusal(status)) return complain_of(&error);
    if (status != CLATTN_OK) set_reason(r, &error);
    if (r->state != RUNG_TIMED) continue;
    r->speed_up = r->seconds > 0.0 ? before / r->seconds : 0.0;
    before = r->seconds;
  }
  return GO_ON;
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

static double ratio(double a, double b) {
  return b > 0.0 ? a / b : 0.0;
}

static double asked_bytes(const rung *r) {
  return r->traffic.global_read + r->traffic.global_written;
}

double rung_flops(const stage_ladder *stage, const rung *r) {
  return r->state == RUNG_TIMED ? ratio(stage->flops, r->seconds) : 0.0;
}

clattn_rate ladder_unit_peak(const ladder *l) {
  return l->stage[0].problem.type == CLATTN_F16 ? l->peaks.matrix_f16 : l->peaks.matrix_bf16;
}

bool rung_uses_unit(const ladder *l, const rung *r) {
  return r->kernel.matrix_unit && ladder_unit_peak(l).best > 0.0;
}

clattn_rate rung_peak(const ladder *l, const rung *r) {
  return rung_uses_unit(l, r) ? ladder_unit_peak(l) : l->peaks.multiply_add;
}

double rung_share(const ladder *l, const stage_ladder *stage, const rung *r) {
  return ratio(rung_flops(stage, r), rung_peak(l, r).best);
}

double rung_bandwidth(const rung *r) {
  return r->state == RUNG_TIMED ? ratio(asked_bytes(r), r->seconds) : 0.0;
}

double rung_intensity(const stage_ladder *stage, const rung *r) {
  return ratio(stage->flops, asked_bytes(r));
}

double rung_times(const rung *r) {
  return r->state == RUNG_TIMED ? ratio(r->seconds, r->predicted.seconds) : 0.0;
}

const char *rung_state_name(rung_state state) {
  static const char *const names[RUNG_STATES] = {"cannot run", "wrong", "timed"};
  return names[state];
}
