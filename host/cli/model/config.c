/* Reads config.json: see config.h. */
#include "cli/model/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clattn_problem.h"
#include "cli/command.h"
#include "cli/files/file.h"

#define MOST_BYTES 25000000

static json_t *parse(const char *option, const char *path, const char *text, size_t bytes) {
  json_error_t error;
  json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
  if (json == NULL) complain("%s: %s is refused as JSON at byte %d: %s", option, path, error.position, error.text);
  if (json == NULL || json_is_object(json)) return json;
  complain("%s: %s is no object (allowed: a configuration of transformers)", option, path);
  json_decref(json);
  return NULL;
}

json_t *model_json_read(const char *option, const char *folder, const char *name) {
  char message[1024] = "", *path = file_join(folder, name), *text = NULL;
  size_t bytes = 0;
  json_t *json = NULL;
  if (path == NULL) {
    complain("%s: no memory for a path", option);
    return NULL;
  }
  const reporter to = {path, message, sizeof message};
  const file_status status = file_load(&to, "configuration", MOST_BYTES, &text, &bytes);
  if (status == FILE_OK)
    json = parse(option, path, text, bytes);
  else
    complain("%s: %s%s", option, message,
             status == FILE_CANNOT_OPEN ? " (allowed: a folder of a checkpoint, with config.json and model.safetensors)"
                                        : "");
  free(text);
  free(path);
  return json;
}

/* The value of one path, whose parts are divided by dots. */
static const json_t *follow(const json_t *from, const char *path, size_t length) {
  while (from != NULL && length > 0) {
    const char *dot = memchr(path, '.', length);
    const size_t part = dot != NULL ? (size_t)(dot - path) : length;
    char name[64];
    if (part >= sizeof name) return NULL;
    memcpy(name, path, part);
    name[part] = '\0';
    from = json_object_get(from, name);
    path += part + (dot != NULL);
    length -= part + (dot != NULL);
  }
  return from;
}

const json_t *config_find(const json_t *config, const char *keys) {
  for (const char *at = keys;; ++at) {
    const size_t length = strcspn(at, "|");
    const json_t *value = follow(config, at, length);
    if (value != NULL && !json_is_null(value)) return value;
    at += length;
    if (*at == '\0') return NULL;
  }
}

bool config_size(const json_t *config, const char *keys, size_t *value) {
  const json_t *found = config_find(config, keys);
  if (found == NULL) return true;
  if (json_is_integer(found) && json_integer_value(found) >= 1 && json_integer_value(found) <= CLATTN_LARGEST_SIZE) {
    *value = (size_t)json_integer_value(found);
    return true;
  }
  complain("--model: config.json: %s is not a size (allowed: a whole number from 1 to %d)", keys, CLATTN_LARGEST_SIZE);
  return false;
}

bool config_number(const json_t *config, const char *keys, double *value) {
  const json_t *found = config_find(config, keys);
  if (found == NULL) return true;
  *value = json_number_value(found);
  if (json_is_number(found) && isfinite(*value) && *value > 0.0) return true;
  complain("--model: config.json: %s is not a number above 0", keys);
  return false;
}

bool config_flag(const json_t *config, const char *keys, bool otherwise) {
  const json_t *found = config_find(config, keys);
  return found != NULL ? json_is_true(found) : otherwise;
}

const char *config_text(const json_t *config, const char *keys) {
  return json_string_value(config_find(config, keys));
}
