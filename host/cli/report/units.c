/* Short texts for tables: see units.h. */
#include "cli/report/units.h"

#include <stddef.h>
#include <stdio.h>

const char *duration_text(double seconds, char text[16]) {
  static const struct {
    double factor;
    const char *unit;
  } units[] = {{1.0, "s"}, {1e3, "ms"}, {1e6, "us"}};
  size_t unit = 0;
  while (unit < 2 && seconds * units[unit].factor < 1.0) ++unit;
  const double value = seconds * units[unit].factor;
  snprintf(text, 16, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit].unit);
  return text;
}

const char *kernel_text(int rung, const char *name, char text[KERNEL_TEXT]) {
  if (rung > 0)
    snprintf(text, KERNEL_TEXT, "%d %s", rung, name);
  else
    snprintf(text, KERNEL_TEXT, "%s", name);
  return text;
}

const char *bytes_text(uint64_t bytes, char text[16]) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = (double)bytes;
  size_t unit = 0;
  for (; value >= 1024.0 && unit < 4; ++unit) value /= 1024.0;
  snprintf(text, 16, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}
