/* Applies the rule of steady.h. */
#include "cli/report/steady.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one measurement --------------------------------------------------------------------------------------------- */

void repeats_add(repeats *r, double seconds) {
  r->seconds[r->count++ % STEADY_REPEATS] = seconds;
}

static int by_size(const void *a, const void *b) {
  const double one = *(const double *)a, other = *(const double *)b;
  return (one > other) - (one < other);
}

static size_t sort(const repeats *r, double sorted[STEADY_REPEATS]) {
  const size_t kept = r->count < STEADY_REPEATS ? r->count : STEADY_REPEATS;
  memcpy(sorted, r->seconds, kept * sizeof *sorted);
  qsort(sorted, kept, sizeof *sorted, by_size);
  return kept;
}

double repeats_median(const repeats *r) {
  double sorted[STEADY_REPEATS];
  const size_t kept = sort(r, sorted);
  return kept == 0 ? 0.0 : sorted[(kept - 1) / 2];
}

double repeats_spread(const repeats *r) {
  double sorted[STEADY_REPEATS];
  const size_t kept = sort(r, sorted), quarter = kept / 4;
  const double median = kept == 0 ? 0.0 : sorted[(kept - 1) / 2];
  return median > 0.0 ? (sorted[kept - 1 - quarter] - sorted[quarter]) / median : 0.0;
}

/* ---- a page ------------------------------------------------------------------------------------------------------ */

void steady_add_times(steadiness *s, const char *name, double spread, double median, size_t runs) {
  if (runs < STEADY_LEAST_RUNS || median < STEADY_LEAST_SECONDS || spread <= s->spread) return;
  s->spread = spread;
  snprintf(s->spread_of, sizeof s->spread_of, "%s", name);
}

void steady_add_peak(steadiness *s, const char *name, double before, double after) {
  if (!(before > 0.0) || !(after > 0.0)) return;
  const double peak = before < after ? before / after : after / before;
  if (s->peak != 0.0 && peak >= s->peak) return;
  s->peak = peak;
  snprintf(s->peak_of, sizeof s->peak_of, "%s", name);
}

void steady_add_share(steadiness *s, const char *name, double share) {
  if (share <= s->share) return;
  s->share = share;
  snprintf(s->share_of, sizeof s->share_of, "%s", name);
}

bool steady_text(const steadiness *s, char text[STEADY_TEXT]) {
  size_t used = 0;
  text[0] = '\0';
  if (s->spread > STEADY_MOST_SPREAD)
    used += (size_t)snprintf(text + used, STEADY_TEXT - used, "times vary by up to %.0f %% (%s); ", 100.0 * s->spread,
                             s->spread_of);
  if (s->peak > 0.0 && s->peak < STEADY_LEAST_PEAK)
    used += (size_t)snprintf(text + used, STEADY_TEXT - used, "of two probes of %s one reached %.0f %% of the other; ",
                             s->peak_of, 100.0 * s->peak);
  if (s->share > STEADY_MOST_SHARE)
    used += (size_t)snprintf(text + used, STEADY_TEXT - used, "%s is at %.0f %% of the measured peak; ", s->share_of,
                             100.0 * s->share);
  if (used == 0) return false;
  snprintf(text + used, STEADY_TEXT - used, "the machine was not idle: measure again");
  return true;
}
