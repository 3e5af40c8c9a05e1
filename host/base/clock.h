/* Wall-clock time in seconds, from standard C11. */
#ifndef CLATTN_CLOCK_H
#define CLATTN_CLOCK_H

#include <time.h>

static inline double clattn_now(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
