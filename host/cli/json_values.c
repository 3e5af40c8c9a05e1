/* Values of JSON. */
#include "json_values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static bool lacking;

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes);
  if (memory == NULL) lacking = true;
  return memory;
}

void json_watch_memory(void) {
  json_set_alloc_funcs(allocate, free);
}

bool json_is_whole(const json_t *all) {
  return all != NULL && !lacking;
}

bool json_print(json_t *all) {
  if (json_is_whole(all)) {
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
  }
  json_decref(all);
  return !lacking;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

json_t *json_number(double value) {
  if (isnan(value)) return json_string("nan");
  if (isinf(value)) return json_string(value > 0 ? "inf" : "-inf");
  return json_real(value);
}

json_t *json_count(size_t value) {
  return json_integer((json_int_t)value);
}

json_t *json_text(const char *from) {
  char plain[1024];
  if (from == NULL) return json_null();
  json_t *string = json_string(from);
  if (string != NULL) return string;
  snprintf(plain, sizeof plain, "%s", from);
  for (char *at = plain; *at != '\0'; ++at)
    if ((unsigned char)*at >= 0x80) *at = '?';
  return json_string(plain);
}

json_t *json_device(const clattn_device_info *d) {
  static const char *const types[] = {"gpu", "accelerator", "cpu", "other"};
  return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "platform", d->platform, "name", d->name, "vendor", d->vendor,
                   "version", d->version, "driver_version", d->driver_version, "type", types[d->type], "compute_units",
                   (int)d->compute_units);
}
