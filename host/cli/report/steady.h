/* Whether times can be trusted: one rule, and one sentence, for every page with a measurement. Pure: nothing is
 * measured or printed here.
 *
 * A page is disturbed when one of these holds:
 *   - a time that was taken STEADY_LEAST_RUNS times or more, of at least STEADY_LEAST_SECONDS, has a spread (what lies
 *     between the quarters of its runs, as a part of the median) above STEADY_MOST_SPREAD. Shorter ones vary by as much
 *     on an idle machine;
 *   - a peak of the device, probed before and after, differs by more than STEADY_LEAST_PEAK allows;
 *   - a kernel is further above a measured peak than STEADY_MOST_SHARE: then the peak is what is wrong. */
#ifndef CLATTN_CLI_STEADY_H
#define CLATTN_CLI_STEADY_H

#include <stdbool.h>
#include <stddef.h>

#define STEADY_LEAST_RUNS 3
#define STEADY_LEAST_SECONDS 1e-3
#define STEADY_MOST_SPREAD 0.3
#define STEADY_LEAST_PEAK 0.8 /* the lower of two probes over the higher */
#define STEADY_MOST_SHARE 1.05
#define STEADY_NAME 64
#define STEADY_TEXT 512

/* The times of one measurement, in seconds: the last STEADY_REPEATS of them. */
#define STEADY_REPEATS 256
typedef struct repeats {
  double seconds[STEADY_REPEATS];
  size_t count; /* of all that were added */
} repeats;

void repeats_add(repeats *r, double seconds);

/* 0 where there is no run. */
double repeats_median(const repeats *r);
double repeats_spread(const repeats *r);

/* The worst of each kind so far; {0} at first. */
typedef struct steadiness {
  double spread, peak, share; /* peak: the lower over the higher; 0: not probed twice */
  char spread_of[STEADY_NAME], peak_of[STEADY_NAME], share_of[STEADY_NAME];
} steadiness;

/* Takes in a measurement of `runs` runs, called `name` on the page. */
void steady_add_times(steadiness *s, const char *name, double spread, double median, size_t runs);
/* A peak, probed twice; nothing where one of the two is 0. */
void steady_add_peak(steadiness *s, const char *name, double before, double after);
/* What a kernel reached, as a part of a peak that nothing can exceed. */
void steady_add_share(steadiness *s, const char *name, double share);

/* Why the page is disturbed, as one sentence without its last point; false, and an empty text, if it is not. */
bool steady_text(const steadiness *s, char text[STEADY_TEXT]);

#endif
