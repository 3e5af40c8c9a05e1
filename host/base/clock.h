/* Wall-clock time in seconds, from standard C11, or from Windows, whose older C libraries lack it. */
#ifndef CLATTN_CLOCK_H
#define CLATTN_CLOCK_H

#ifdef _WIN32
#include <windows.h>

static inline double clattn_now(void) {
  FILETIME now; /* in 100 ns */
  GetSystemTimePreciseAsFileTime(&now);
  return 1e-7 * (4294967296.0 * (double)now.dwHighDateTime + (double)now.dwLowDateTime);
}

#else
#include <time.h>

static inline double clattn_now(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
#endif

#endif
