/* Wall-clock time in seconds since some moment, from standard C11, or from Windows, whose older C libraries lack it. */
#ifndef CLATTN_CLOCK_H
#define CLATTN_CLOCK_H

#ifdef _WIN32
#include <windows.h>

static inline double clattn_now(void) {
  LARGE_INTEGER now, a_second;
  QueryPerformanceCounter(&now);
  QueryPerformanceFrequency(&a_second);
  return (double)now.QuadPart / (double)a_second.QuadPart;
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
