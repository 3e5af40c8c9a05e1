/* Values of JSON: see json_values.h. */
#include "cli/report/json_values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "base/text.h"

/* ---- errors --------------------------------------------------------------------------------------------------------
 */

static bool lacking; /* memory was missing */
static bool lost;    /* a value could not be made */

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes);
  if (memory == NULL) lacking = true;
  return memory;
}

void json_watch_memory(void) {
  json_set_alloc_funcs(allocate, free);
}

void json_add(json_t *array, json_t *value) {
  if (json_array_append_new(array, value) != 0) lost = true;
}

bool json_is_whole(const json_t *all, const char *what) {
  if (all != NULL && !lacking && !lost) return true;
  if (lacking)
    complain("no host memory for %s", what);
  else
    complain("%s cannot be made: a text in it is not UTF-8", what);
  return false;
}

bool json_print(json_t *all) {
  const bool whole = json_is_whole(all, "the JSON report");
  const bool printed = whole && json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;
  if (printed) putchar('\n');
  if (whole && !printed && !ferror(stdout)) complain("no host memory for the JSON report");
  json_decref(all);
  return printed || (whole && ferror(stdout));
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
  if (from == NULL) return json_null();
  const size_t room = CLATTN_TEXT_GROWTH * strlen(from) + 1;
  char *text = malloc(room);
  if (text == NULL) {
    lacking = true;
    return NULL;
  }
  clattn_text_copy(text, room, from, true);
  json_t *string = json_string(text);
  free(text);
  return string;
}

json_t *json_device(const clattn_device_info *d) {
  static const char *const types[] = {"gpu", "accelerator", "cpu", "other"};
  return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "platform", d->platform, "name", d->name, "vendor", d->vendor,
                   "version", d->version, "driver_version", d->driver_version, "type", types[d->type], "compute_units",
                   (int)d->compute_units);
}
