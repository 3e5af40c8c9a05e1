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

static json_t *parse(const char *option, FILE *file, uint64_t bytes, const reporter *to) {
  json_error_t error;
  char *text = bytes <= MOST_BYTES ? malloc((size_t)bytes + 1) : NULL;
  json_t *json = NULL;
  if (bytes > MOST_BYTES)
    complain("%s: %s has %llu bytes (allowed: up to %d)", option, to->path, (unsigned long long)bytes, MOST_BYTES);
  else if (text == NULL)
    complain("%s: no memory for %llu bytes", option, (unsigned long long)bytes);
  else if (file_read(file, text, (size_t)bytes, "text", to) != FILE_OK)
    complain("%s: %s", option, to->message);
  else if ((json = json_loadb(text, (size_t)bytes, JSON_REJECT_DUPLICATES, &error)) == NULL)
    complain("%s: %s is refused as JSON at byte %d: %s", option, to->path, error.position, error.text);
  else if (!json_is_object(json)) {
    complain("%s: %s is no object (allowed: a configuration of transformers)", option, to->path);
    json_decref(json);
    json = NULL;
  }
  free(text);
  return json;
}

json_t *model_json_read(const char *option, const char *folder, const char *name) {
  char message[1024] = "";
  const size_t size = strlen(folder) + strlen(name) + 2;
  char *path = malloc(size);
  uint64_t bytes = 0;
  FILE *file = NULL;
  json_t *json = NULL;
  if (path == NULL) {
    complain("%s: no memory for a path", option);
    return NULL;
  }
  snprintf(path, size, "%s/%s", folder, name);
  const reporter to = {path, message, sizeof message};
  if (file_open(&to, &file, &bytes) != FILE_OK)
    complain("%s: %s (allowed: a folder of a checkpoint, with config.json and model.safetensors)", option, message);
  else {
    json = parse(option, file, bytes, &to);
    fclose(file); /* opened for reading: no error can lose data */
  }
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
