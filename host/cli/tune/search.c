/* Coordinate descent over the tile sizes of each kernel: one size at a time takes each of its
 * valid values while the others keep the best values so far. Each candidate is checked first;
 * then it and the standard choice run in turn, so that a change of the machine's speed affects
 * both. */
#include "cli/tune/search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PAIRS 25
#define MOST_TILES 8
#define CHECK_FLOPS 2e8      /* the winner is checked at full size; beyond this, a sample of rows */
#define PAIRS_SECONDS 1.5    /* most time for a candidate that has had three pairs of runs */
#define SMALL_SECONDS 0.1    /* a run of the small problem that takes this long is enough to judge a candidate */
#define FAR_SLOWER 2.0       /* not worth another run */
#define FAR_SLOWER_SMALL 6.0 /* the same for the small problem, where launch overhead matters more */
#define LEAST_GAIN 0.02      /* a smaller gain is noise */

typedef struct pairs {
  double candidate[MOST_PAIRS], standard[MOST_PAIRS], ratio[MOST_PAIRS];
  unsigned count;
} pairs;

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts the values. */
static double quantile(double *values, unsigned count, double share) {
  qsort(values, count, sizeof *values, compare_doubles);
  return values[(unsigned)(share * (double)(count - 1) + 0.5)];
}

/* ---- timing ------------------------------------------------------------------------------------------------------ */

/* Standard, candidate, standard, candidate ... */
static clattn_status run_pairs(const search *s, clattn_plan *candidate, unsigned wanted, pairs *p,
                               clattn_error *error) {
  double spent = 0.0, warm = 0.0;
  clattn_status status = workload_time(&s->timed, candidate, &warm, error); /* drivers compile on first launch */
  p->count = 0;
  while (status == CLATTN_OK && p->count < wanted && (p->count < 3 || spent < PAIRS_SECONDS)) {
    double *standard = &p->standard[p->count], *found = &p->candidate[p->count];
    status = workload_time(&s->timed, s->standard_plan, standard, error);
    if (status == CLATTN_OK) status = workload_time(&s->timed, candidate, found, error);
    if (status != CLATTN_OK) return status;
    p->ratio[p->count++] = *found / *standard;
    spent += *found + *standard;
    if (p->count == 1 && *found > FAR_SLOWER * *standard) return CLATTN_OK;
  }
  return status;
}

/* ---- one candidate ----------------------------------------------------------------------------------------------- */

/* Whether the device cannot run this candidate, which does not end the search. */
static bool is_refusal(clattn_status status) {
  return status == CLATTN_UNSUPPORTED || status == CLATTN_BUILD_FAILED || status == CLATTN_OUT_OF_DEVICE_MEMORY;
}

static clattn_status is_far_slower(const search *s, clattn_plan *small, bool *slower, clattn_error *error) {
  double standard = INFINITY, candidate = INFINITY, seconds = 0.0, spent = 0.0;
  for (int i = 0; i < 3 && spent < SMALL_SECONDS; ++i) {
    clattn_status status = workload_time(&s->checked, s->standard_checked, &seconds, error);
    standard = fmin(standard, seconds);
    if (status == CLATTN_OK) status = workload_time(&s->checked, small, &seconds, error);
    candidate = fmin(candidate, seconds);
    spent += seconds;
    if (status != CLATTN_OK) return status;
  }
  *slower = candidate > FAR_SLOWER_SMALL * standard;
  return CLATTN_OK;
}

/* Whether the candidate is right on the small problem, and not far slower there. */
static clattn_status passes(const search *s, const char *choice, bool *passed, clattn_error *error) {
  clattn_plan *small = NULL;
  bool slower = false;
  clattn_status status = workload_plan(&s->checked, choice, &small, error);
  if (status == CLATTN_OK) status = workload_check(&s->checked, small, INFINITY, passed, error);
  if (status == CLATTN_OK && !*passed) s->dropped(s->of, choice, "wrong results");
  if (status == CLATTN_OK && *passed) status = is_far_slower(s, small, &slower, error);
  if (slower) *passed = false;
  clattn_plan_destroy(small);
  return status;
}

/* *ratio: its time / the standard's time; infinite if it cannot be used. */
static clattn_status try_candidate(const search *s, const char *choice, double *ratio, clattn_error *error) {
  clattn_plan *plan = NULL;
  pairs p;
  bool passed = false;
  *ratio = strcmp(choice, s->standard) == 0 ? 1.0 : INFINITY;
  s->step(s->of, choice);
  if (isfinite(*ratio)) return CLATTN_OK;
  clattn_status status = passes(s, choice, &passed, error);
  if (status == CLATTN_OK && passed) {
    status = workload_plan(&s->timed, choice, &plan, error);
    if (status == CLATTN_OK) status = run_pairs(s, plan, s->quick ? 5 : 9, &p, error);
    if (status == CLATTN_OK) *ratio = quantile(p.ratio, p.count, 0.5);
    clattn_plan_destroy(plan);
  }
  if (!is_refusal(status)) return status;
  if (status == CLATTN_BUILD_FAILED) s->dropped(s->of, choice, "does not compile");
  if (status == CLATTN_OUT_OF_DEVICE_MEMORY) s->dropped(s->of, choice, error->message);
  return CLATTN_OK;
}

/* ---- one kernel -------------------------------------------------------------------------------------------------- */

typedef struct descent {
  size_t kernel; /* in the catalogue */
  int value[MOST_TILES];
  size_t tiles;
  double ratio;
} descent;

static void write_choice(const descent *d, char *text, size_t size) {
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_tile_info tile = CLATTN_TILE_INFO_INIT;
  clattn_kernel_get_info(d->kernel, &kernel);
  size_t used = (size_t)snprintf(text, size, "%s", kernel.name);
  for (size_t t = 0; clattn_kernel_get_tile(d->kernel, t, &tile) && used < size; ++t)
    used += (size_t)snprintf(text + used, size - used, ":%s=%d", tile.name, d->value[t]);
}

/* Reads the sizes of a plan's choice, in the order of the catalogue. */
static void read_values(descent *d, const char *choice) {
  for (const char *at = strchr(choice, '='); at != NULL && d->tiles < MOST_TILES; at = strchr(at + 1, '='))
    d->value[d->tiles++] = (int)strtol(at + 1, NULL, 10);
}

static clattn_status keep_better(search *s, descent *d, size_t tile, int value, clattn_error *error) {
  char choice[CHOICE_TEXT];
  double ratio = INFINITY;
  const int before = d->value[tile];
  d->value[tile] = value;
  write_choice(d, choice, sizeof choice);
  const clattn_status status = try_candidate(s, choice, &ratio, error);
  if (ratio < d->ratio)
    d->ratio = ratio;
  else
    d->value[tile] = before;
  return status;
}

static clattn_status descend(search *s, descent *d, clattn_error *error) {
  clattn_tile_info tile = CLATTN_TILE_INFO_INIT;
  clattn_status status = CLATTN_OK;
  for (size_t t = 0; t < d->tiles && clattn_kernel_get_tile(d->kernel, t, &tile); ++t) {
    const int from = d->value[t];
    if (tile.of_device) continue;
    for (size_t v = 0; v < tile.valid_count && status == CLATTN_OK && !s->stopped(); ++v)
      if (tile.valid[v] != from) status = keep_better(s, d, t, tile.valid[v], error);
  }
  return status;
}

/* Starts from the sizes that a plan takes when only the kernel is named. */
static clattn_status search_kernel(search *s, size_t kernel, const char *name, clattn_error *error) {
  char choice[CHOICE_TEXT];
  clattn_plan *plan = NULL;
  descent d = {.kernel = kernel};
  clattn_status status = workload_plan(&s->timed, name, &plan, error);
  if (status == CLATTN_OK) workload_choice(&s->timed, plan, choice, sizeof choice);
  clattn_plan_destroy(plan);
  if (status != CLATTN_OK) return is_refusal(status) ? CLATTN_OK : status;
  read_values(&d, choice);
  status = try_candidate(s, choice, &d.ratio, error);
  for (int pass = 0; pass < (s->quick ? 1 : 2) && status == CLATTN_OK && d.ratio < FAR_SLOWER; ++pass)
    status = descend(s, &d, error);
  if (d.ratio < s->ratio) {
    s->ratio = d.ratio;
    write_choice(&d, s->best, sizeof s->best);
  }
  return status;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static bool is_candidate(const search *s, size_t index, clattn_kernel_info *kernel) {
  return clattn_kernel_get_info(index, kernel) && kernel->stage == s->timed.stage &&
         clattn_kernel_suits(index, clattn_device_get_info(s->timed.device), &s->timed.problem);
}

size_t search_steps(const search *s) {
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  clattn_tile_info tile = CLATTN_TILE_INFO_INIT;
  size_t steps = 0;
  for (size_t i = 0; i < clattn_kernel_count(); ++i) {
    if (!is_candidate(s, i, &kernel)) continue;
    size_t sizes = 0;
    for (size_t t = 0; clattn_kernel_get_tile(i, t, &tile); ++t)
      if (!tile.of_device) sizes += tile.valid_count - 1;
    steps += 1 + (s->quick ? sizes : 2 * sizes);
  }
  return steps;
}

static void keep_standard(search *s) {
  snprintf(s->best, sizeof s->best, "%s", s->standard);
}

static void judge(search *s, const char *name, const double *seconds, unsigned count) {
  repeats all = {.count = 0};
  for (unsigned i = 0; i < count; ++i) repeats_add(&all, seconds[i]);
  steady_add_times(&s->steadiness, name, repeats_spread(&all), repeats_median(&all), count);
}

/* The best of many candidates may only be the luckiest. So it is timed once more with more runs,
 * and kept only if it wins by more than noise and is right at full size. */
static clattn_status confirm(search *s, clattn_error *error) {
  clattn_plan *plan = NULL;
  pairs p;
  bool passed = true;
  clattn_status status = workload_plan(&s->timed, s->best, &plan, error);
  if (status == CLATTN_OK && strcmp(s->best, s->standard) != 0)
    status = workload_check(&s->timed, plan, CHECK_FLOPS, &passed, error);
  if (status == CLATTN_OK) status = run_pairs(s, plan, s->quick ? 11 : MOST_PAIRS, &p, error);
  if (status == CLATTN_OK) {
    const double flops = workload_flops(&s->timed, plan);
    const bool won = quantile(p.ratio, p.count, 0.5) < 1.0 - LEAST_GAIN && quantile(p.ratio, p.count, 0.75) < 1.0;
    s->standard_gflops = flops / quantile(p.standard, p.count, 0.5) * 1e-9;
    s->gflops = flops / quantile(p.candidate, p.count, 0.5) * 1e-9;
    s->repeats = p.count;
    judge(s, s->standard, p.standard, p.count);
    judge(s, s->best, p.candidate, p.count);
    if (!passed) s->dropped(s->of, s->best, "wrong results at full size");
    if (!passed || !won) {
      keep_standard(s);
      s->gflops = s->standard_gflops;
    }
  }
  clattn_plan_destroy(plan);
  return status;
}

clattn_status search_run(search *s, clattn_error *error) {
  clattn_kernel_info kernel = CLATTN_KERNEL_INFO_INIT;
  s->ratio = 1.0;
  clattn_status status = workload_plan(&s->timed, NULL, &s->standard_plan, error);
  if (status == CLATTN_OK) status = workload_plan(&s->checked, NULL, &s->standard_checked, error);
  if (status == CLATTN_OK) {
    workload_choice(&s->timed, s->standard_plan, s->standard, sizeof s->standard);
    keep_standard(s);
  }
  for (size_t i = clattn_kernel_count(); i-- > 0 && status == CLATTN_OK && !s->stopped();)
    if (is_candidate(s, i, &kernel)) status = search_kernel(s, i, kernel.name, error);
  if (status == CLATTN_OK && !s->stopped()) status = confirm(s, error);
  clattn_plan_destroy(s->standard_plan);
  clattn_plan_destroy(s->standard_checked);
  return status;
}
