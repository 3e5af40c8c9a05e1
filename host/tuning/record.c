/* Reads tuning records and finds entries. */
#include "tuning/record.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tuning/record_format.h"
#include "programs/source.h"
#include "base/status.h"

#define LARGEST_RECORD ((size_t)1 << 20)

void clattn_record_kernels(char text[CLATTN_KERNELS_TEXT]) {
  snprintf(text, CLATTN_KERNELS_TEXT, "%016llx", (unsigned long long)clattn_kernels_hash());
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static clattn_record_state bad(clattn_error *error, const char *path, const char *what) {
  clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%s: %s", path, what);
  return CLATTN_RECORD_BAD;
}

/* Reads one byte more than allowed, to detect larger files. */
static clattn_record_state read_text(const char *path, char **text, size_t *size, clattn_error *error) {
  errno = 0;
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    const int code = errno;
    bad(error, path, code == ENOENT ? "there is no such record" : strerror(code));
    return code == ENOENT ? CLATTN_RECORD_MISSING : CLATTN_RECORD_BAD;
  }
  *text = malloc(LARGEST_RECORD + 1);
  if (*text != NULL) *size = fread(*text, 1, LARGEST_RECORD + 1, file);
  const bool failed = ferror(file) != 0;
  fclose(file);
  if (*text == NULL) return bad(error, path, "no host memory to read it");
  if (failed) return bad(error, path, "cannot be read");
  if (*size > LARGEST_RECORD) return bad(error, path, "larger than 1 MiB, which no record is");
  return CLATTN_RECORD_READ;
}

/* ---- its contents ------------------------------------------------------------------------------------------------ */

/* Copies a short text if it has only the allowed characters, so that it is safe to print. */
static bool copy_plain(const char *from, char *to, size_t size, const char *allowed) {
  const size_t length = strlen(from);
  if (length == 0 || length >= size || strspn(from, allowed) != length) return false;
  memcpy(to, from, length + 1);
  return true;
}

static bool is_same(const json_t *object, const char *key, const char *expected) {
  const char *value = json_string_value(json_object_get(object, key));
  return value != NULL && strcmp(value, expected) == 0;
}

static bool find_word(const json_t *object, const char *key, const char *(*name)(int), int count, int *found) {
  for (*found = 0; *found < count; ++*found)
    if (is_same(object, key, name(*found))) return true;
  return false;
}

static const char *stage_at(int stage) {
  return clattn_stage_name((clattn_stage)stage);
}

static const char *type_at(int type) {
  return clattn_type_name((clattn_type)type);
}

const char *clattn_record_math(int math) {
  return math == CLATTN_MATH_STORED ? "stored" : "float";
}

static bool read_key(const json_t *from, clattn_tuning_key *key) {
  int stage = 0, type = 0, math = 0;
  const json_t *few = json_object_get(from, "few_rows");
  if (!find_word(from, "stage", stage_at, CLATTN_STAGE_COUNT, &stage) || !clattn_stage_is_tuned((clattn_stage)stage) ||
      !find_word(from, "type", type_at, 3, &type) || !find_word(from, "math", clattn_record_math, 2, &math) ||
      !json_is_boolean(few))
    return false;
  *key = (clattn_tuning_key){.stage = (clattn_stage)stage,
                             .type = (clattn_type)type,
                             .math = (clattn_math)math,
                             .few_rows = json_boolean_value(few)};
  for (int i = 0; i < CLATTN_KEY_SIZES; ++i) {
    const json_t *size = json_object_get(from, clattn_key_size_name((clattn_key_size)i));
    if (size == NULL) continue;
    if (!json_is_integer(size) || json_integer_value(size) < 1 || json_integer_value(size) > INT32_MAX) return false;
    key->size[i] = (size_t)json_integer_value(size);
  }
  return true;
}

static bool read_rate(const json_t *from, const char *key, double *rate) {
  const json_t *value = json_object_get(from, key);
  *rate = json_number_value(value);
  return json_is_number(value) && isfinite(*rate) && *rate >= 0.0;
}

static bool read_choice(const json_t *from, const char *key, char to[CLATTN_TUNED_TEXT]) {
  const char *text = json_string_value(json_object_get(from, key));
  return text != NULL &&
         copy_plain(text, to, CLATTN_TUNED_TEXT, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:=_");
}

static bool read_entry(const json_t *from, clattn_record_entry *entry) {
  const json_t *repeats = json_object_get(from, "repeats");
  if (!read_key(from, &entry->key) || !json_is_integer(repeats)) return false;
  const json_int_t count = json_integer_value(repeats);
  entry->repeats = (unsigned)count;
  return count >= 1 && count <= INT32_MAX && read_choice(from, "kernel", entry->kernel) &&
         read_choice(from, "standard", entry->standard) && read_rate(from, "gflops", &entry->gflops) &&
         read_rate(from, "standard_gflops", &entry->standard_gflops);
}

static clattn_record_state read_entries(const json_t *list, const char *path, clattn_record *record,
                                        clattn_error *error) {
  const size_t count = json_array_size(list);
  if (!json_is_array(list)) return bad(error, path, "'entries' is not a list");
  record->entry = calloc(count > 0 ? count : 1, sizeof *record->entry);
  if (record->entry == NULL) return bad(error, path, "no host memory to read it");
  for (; record->count < count; ++record->count)
    if (!read_entry(json_array_get(list, record->count), &record->entry[record->count])) {
      clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%s: entry %zu is not in the tuner's format", path, record->count);
      return CLATTN_RECORD_BAD;
    }
  return CLATTN_RECORD_READ;
}

static clattn_record_state stale(clattn_error *error, const char *path, const char *what, const char *now) {
  clattn_fail(error, CLATTN_UNSUPPORTED, "%s: made with another %s than the current '%s'; tune again", path, what, now);
  return CLATTN_RECORD_STALE;
}

/* Checks that the record is for this device, driver and library. */
static clattn_record_state compare(const json_t *root, const char *path, const clattn_device_info *device,
                                   clattn_error *error) {
  const json_t *of = json_object_get(root, "device");
  char kernels[CLATTN_KERNELS_TEXT];
  clattn_record_kernels(kernels);
  if (!is_same(root, "format", CLATTN_RECORD_FORMAT)) return bad(error, path, "not a tuning record");
  if (!is_same(of, "platform", device->platform) || !is_same(of, "name", device->name)) {
    clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%s: made for another device than '%s' of platform '%s'", path,
                device->name, device->platform);
    return CLATTN_RECORD_BAD;
  }
  if (!is_same(of, "driver_version", device->driver_version))
    return stale(error, path, "driver", device->driver_version);
  if (!is_same(of, "version", device->version)) return stale(error, path, "OpenCL version", device->version);
  if (!is_same(root, "clattn", CLATTN_VERSION)) return stale(error, path, "clattn", CLATTN_VERSION);
  return is_same(root, "kernels", kernels) ? CLATTN_RECORD_READ : stale(error, path, "set of kernels", kernels);
}

static clattn_record_state read_root(const json_t *root, const char *path, const clattn_device_info *device,
                                     clattn_record *record, clattn_error *error) {
  const char *date = json_string_value(json_object_get(root, "date"));
  const clattn_record_state state = compare(root, path, device, error);
  if (state != CLATTN_RECORD_READ) return state;
  if (date == NULL || !copy_plain(date, record->date, sizeof record->date, "0123456789-:TZ"))
    return bad(error, path, "'date' is not a date");
  return read_entries(json_object_get(root, "entries"), path, record, error);
}

clattn_record_state clattn_record_read(const char *path, const clattn_device_info *device, clattn_record *record,
                                       clattn_error *error) {
  char *text = NULL;
  size_t size = 0;
  json_error_t where;
  *record = (clattn_record){.count = 0};
  clattn_record_state state = read_text(path, &text, &size, error);
  if (state == CLATTN_RECORD_READ) {
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) clattn_fail(error, CLATTN_INVALID_ARGUMENT, "%s: not JSON from line %d on", path, where.line);
    state = root == NULL ? CLATTN_RECORD_BAD : read_root(root, path, device, record, error);
    json_decref(root);
  }
  free(text);
  if (state != CLATTN_RECORD_READ) clattn_record_release(record);
  return state;
}

void clattn_record_release(clattn_record *record) {
  free(record->entry);
  *record = (clattn_record){.count = 0};
}

double clattn_tuning_rate(const char *file, const clattn_device_info *device, clattn_stage stage) {
  clattn_record record;
  double most = 0.0;
  if (file == NULL || device == NULL) return 0.0;
  clattn_record_read(file, device, &record, NULL);
  for (size_t i = 0; i < record.count; ++i)
    if (record.entry[i].key.stage == stage && record.entry[i].gflops > most) most = record.entry[i].gflops;
  clattn_record_release(&record);
  return most;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

const clattn_record_entry *clattn_record_find(const clattn_record *record, const clattn_tuning_key *key) {
  const clattn_record_entry *nearest = NULL;
  int least = 0;
  for (size_t i = 0; i < record->count; ++i) {
    const int distance = clattn_key_distance(&record->entry[i].key, key);
    if (distance < 0 || (nearest != NULL && distance >= least)) continue;
    nearest = &record->entry[i];
    least = distance;
  }
  return nearest;
}

clattn_status clattn_record_put(clattn_record *record, const clattn_record_entry *entry, clattn_error *error) {
  for (size_t i = 0; i < record->count; ++i)
    if (clattn_key_distance(&record->entry[i].key, &entry->key) == 0) {
      record->entry[i] = *entry;
      return CLATTN_OK;
    }
  const size_t bytes = (record->count + 1) * sizeof *record->entry;
  clattn_record_entry *grown = realloc(record->entry, bytes);
  if (grown == NULL) return clattn_fail_malloc(error, bytes, "a tuning record");
  record->entry = grown;
  record->entry[record->count++] = *entry;
  return CLATTN_OK;
}
