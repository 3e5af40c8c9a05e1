/* The roofline model. */
#include "cli/ladder/prediction.h"

#include <math.h>

static double seconds_of(double amount, clattn_rate rate) {
  return amount > 0.0 && rate.best > 0.0 ? amount / rate.best : 0.0;
}

/* Bytes written are paired with as many bytes read, at the rate of copying; the other bytes read
 * have the rate of reading. */
static double seconds_of_memory(double read, double written, const clattn_peaks *peaks) {
  const double paired = fmin(read, written);
  return seconds_of(read - paired, peaks->read) + seconds_of(written + paired, peaks->copy);
}

prediction predict(const clattn_traffic *t, const clattn_peaks *peaks, clattn_rate multiply_add) {
  const double seconds[LIMIT_COUNT] = {
      [LIMIT_ARITHMETIC] = seconds_of(t->flops, multiply_add),
      [LIMIT_MEMORY] =
          seconds_of_memory(t->global_read - t->global_strided, t->global_written - t->global_scattered, peaks),
      [LIMIT_STRIDED] = seconds_of(t->global_strided + t->global_scattered, peaks->strided),
      [LIMIT_LOCAL] = seconds_of(t->local_read + t->local_written, peaks->local)};
  prediction p = {.seconds = 0.0, .limit = LIMIT_NONE};
  for (int l = LIMIT_ARITHMETIC; l < LIMIT_COUNT; ++l)
    if (seconds[l] > p.seconds) p = (prediction){.seconds = seconds[l], .limit = (prediction_limit)l};
  return p;
}

const char *limit_name(prediction_limit limit) {
  static const char *const names[LIMIT_COUNT] = {"", "multiply-adds", "memory", "strided", "local memory"};
  return names[limit];
}
