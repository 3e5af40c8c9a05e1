/* Whether times can be trusted: one rule and one sentence for every page with a measurement. Nothing is measured or
 * printed here.
 *
 * A page is disturbed if one of these is true:
 *   - a time of at least STEADY_LEAST_SECONDS, measured STEADY_LEAST_RUNS times or more, has a spread above
 *     STEADY_MOST_SPREAD; the spread is the range between the quartiles of the runs over their median. Shorter times
 *     vary as much on an idle machine;
 *   - the device's peak, probed before and after, differs by more than STEADY_LEAST_PEAK allows;
 *   - a kernel exceeds a measured peak by more than STEADY_MOST_SHARE: then the peak is wrong. */
#ifndef CLATTN_CLI_STEADY_H
#define CLATTN_CLI_STEADY_H

#include <stdbool.h>
#include <stddef.h>

#define STEADY_LEAST_RUNS 3
#define STEADY_LEAST_SECONDS 1e-3
#define STEADY_MOST_SPREAD 0.3
#define STEADY_LEAST_PEAK 0.8 /* the lower of two probes / the higher */
#define STEADY_MOST_SHARE 1.05
#define STEADY_NAME 64
#define STEADY_TEXT 512

/* The times of one measurement, in seconds: the last STEADY_REPEATS of them. */
#define STEADY_REPEATS 256
typedef struct repeats {
  double seconds[STEADY_REPEATS];
  size_t count; /* of all times added */
} repeats;

void repeats_add(repeats *r, double seconds);

/* Both are 0 without a run. */
double repeats_median(const repeats *r);
double repeats_spread(const repeats *r);

/* The worst of each kind so far; starts as {0}. */
typedef struct steadiness {
  double spread, peak, share; /* peak: the lower / the higher; 0: not probed twice */
  char spread_of[STEADY_NAME], peak_of[STEADY_NAME], share_of[STEADY_NAME];
} steadiness;

/* Adds a measurement of `runs` runs, called `name` on the page. */
void steady_add_times(steadiness *s, const char *name, double spread, double median, size_t runs);
/* Adds a peak that was probed twice; ignored if one of the two is 0. */
void steady_add_peak(steadiness *s, const char *name, double before, double after);
/* Adds what a kernel reached, as a share of a peak that nothing can exceed. */
void steady_add_share(steadiness *s, const char *name, double share);

/* Writes why the page is disturbed, one sentence without a full stop; false and an empty text if
 * it is not. */
bool steady_text(const steadiness *s, char text[STEADY_TEXT]);

#endif
