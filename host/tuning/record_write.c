/* Writes tuning records, and implements the public call that adds a result to one. */
#if defined(__unix__) || defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device/device.h"
#include "base/file_system.h"
#include "tuning/record.h"
#include "problem/problem.h"
#include "problem/sized.h"
#include "tuning/record_format.h"
#include "base/status.h"

#ifdef _WIN32
static bool utc_now(const time_t *now, struct tm *parts) {
  return gmtime_s(parts, now) == 0;
}
#else
static bool utc_now(const time_t *now, struct tm *parts) {
  return gmtime_r(now, parts) != NULL;
}
#endif

static bool add_sizes(json_t *object, const clattn_tuning_key *key) {
  for (int i = 0; i < CLATTN_KEY_SIZES; ++i)
    if (key->size[i] != 0 && json_object_set_new(object, clattn_key_size_name((clattn_key_size)i),
                                                 json_integer((json_int_t)key->size[i])) != 0)
      return false;
  return true;
}

static json_t *entry_json(const clattn_record_entry *e) {
  json_t *object =
      json_pack("{s:s, s:s, s:s, s:b}", "stage", clattn_stage_name(e->key.stage), "type", clattn_type_name(e->key.type),
                "math", clattn_record_math(e->key.math), "few_rows", (int)e->key.few_rows);
  json_t *found = json_pack("{s:s, s:f, s:s, s:f, s:I}", "kernel", e->kernel, "gflops", e->gflops, "standard",
                            e->standard, "standard_gflops", e->standard_gflops, "repeats", (json_int_t)e->repeats);
  const bool whole = add_sizes(object, &e->key) && json_object_update(object, found) == 0;
  json_decref(found);
  if (whole) return object;
  json_decref(object);
  return NULL;
}

static json_t *entries_json(const clattn_record *record) {
  json_t *entries = json_array();
  for (size_t i = 0; i < record->count; ++i)
    if (json_array_append_new(entries, entry_json(&record->entry[i])) != 0) {
      json_decref(entries);
      return NULL;
    }
  return entries;
}

/* All texts are UTF-8: those of the device are converted when they are queried, and those of
 * entries are kernel names. */
static json_t *record_json(const clattn_device_info *device, const clattn_record *record) {
  char date[32] = "", kernels[CLATTN_KERNELS_TEXT];
  const time_t now = time(NULL);
  struct tm parts;
  if (utc_now(&now, &parts)) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts);
  clattn_record_kernels(kernels);
  return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s}, s:s, s:o}", "format", CLATTN_RECORD_FORMAT, "clattn",
                   CLATTN_VERSION, "kernels", kernels, "device", "platform", device->platform, "name", device->name,
                   "version", device->version, "driver_version", device->driver_version, "date", date, "entries",
                   entries_json(record));
}

clattn_status clattn_record_write(const char *path, const clattn_device_info *device, const clattn_record *record,
                                  clattn_error *error) {
  clattn_part_file part;
  json_t *root = record_json(device, record);
  if (root == NULL) return clattn_fail(error, CLATTN_OUT_OF_HOST_MEMORY, "no host memory for a tuning record");
  bool placed = clattn_part_open(&part, path);
  if (placed) {
    const bool good = json_dumpf(root, part.file, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0;
    placed = clattn_part_place(&part, good);
  }
  const int code = errno;
  json_decref(root);
  if (placed) return CLATTN_OK;
  return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%s: cannot be written: %s", path,
                     code != 0 ? strerror(code) : "unknown reason");
}

static bool fill(clattn_record_entry *entry, const clattn_problem *problem, const clattn_tuned *tuned) {
  *entry = (clattn_record_entry){.key = clattn_tuning_key_of(problem, tuned->stage),
                                 .gflops = tuned->gflops,
                                 .standard_gflops = tuned->standard_gflops,
                                 .repeats = tuned->repeats};
  return snprintf(entry->kernel, sizeof entry->kernel, "%s", tuned->choice) < (int)sizeof entry->kernel &&
         snprintf(entry->standard, sizeof entry->standard, "%s", tuned->standard) < (int)sizeof entry->standard;
}

static clattn_status put(clattn_record *record, const clattn_problem *given, const clattn_tuned *given_tuned,
                         clattn_error *error) {
  clattn_record_entry entry;
  clattn_problem problem;
  clattn_tuned own = CLATTN_TUNED_INIT;
  const clattn_tuned *tuned = &own;
  clattn_status status = clattn_take_problem(given, &problem, error);
  if (status == CLATTN_OK) status = clattn_take_sized(&clattn_sized_tuned, given_tuned, &own, error);
  if (status != CLATTN_OK) return status;
  if (tuned->choice == NULL || tuned->standard == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "a choice that was tuned is NULL");
  if (!clattn_stage_is_tuned(tuned->stage))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT,
                       "stage %s is not tuned (allowed: project, scores, softmax, context, fused, output)",
                       clattn_stage_name(tuned->stage));
  if (!fill(&entry, &problem, tuned))
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the choice '%s' is too long", tuned->choice);
  return clattn_record_put(record, &entry, error);
}

clattn_status clattn_tuning_store(const char *file, const clattn_device *device, const clattn_problem *problem,
                                  const clattn_tuned *tuned, clattn_error *error) {
  if (file == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the name of the tuning record is NULL");
  if (device == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device is NULL");
  clattn_record record;
  clattn_status status = CLATTN_OK;
  if (clattn_record_read(file, &device->info, &record, error) == CLATTN_RECORD_BAD) return CLATTN_INVALID_ARGUMENT;
  if (tuned != NULL) status = put(&record, problem, tuned, error);
  if (status == CLATTN_OK) status = clattn_record_write(file, &device->info, &record, error);
  clattn_record_release(&record);
  return clattn_finish(error, status);
}
