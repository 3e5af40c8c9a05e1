/* Finds where two lines of time against length cross. */
#include "cli/compare/crossing.h"

#include <math.h>
#include <stdbool.h>

const char *crossing_kind_name(crossing_kind kind) {
  static const char *const names[CROSSING_KINDS] = {"unknown", "never", "always", "from", "until"};
  return names[kind];
}

/* The crossing between lengths `i` and `k`. On two logarithmic axes the lines between measured
 * points are straight, and the logarithm of their ratio changes its sign. */
static void meet(crossing *c, const double *lengths, const double *one, const double *other, size_t i, size_t k) {
  const double before = log(one[i] / other[i]), after = log(one[k] / other[k]);
  const double part = before == after ? 1.0 : before / (before - after);
  c->length = exp(log(lengths[i]) + part * (log(lengths[k]) - log(lengths[i])));
  c->seconds = exp(log(one[i]) + part * (log(one[k]) - log(one[i])));
}

crossing crossing_of(const double *lengths, const double *one, const double *other, size_t count) {
  crossing c = {.kind = CROSSING_UNKNOWN};
  size_t before = 0;
  bool ahead = false;
  for (size_t i = 0; i < count; ++i) {
    if (!(one[i] > 0.0) || !(other[i] > 0.0)) continue;
    const bool now = one[i] < other[i];
    if (c.kind != CROSSING_UNKNOWN && now != ahead) {
      meet(&c, lengths, one, other, before, i);
      ++c.changes;
    }
    c.kind = c.changes == 0 ? (now ? CROSSING_ALWAYS : CROSSING_NEVER) : now ? CROSSING_FROM : CROSSING_UNTIL;
    c.last = lengths[i];
    ahead = now;
    before = i;
  }
  return c;
}
