/* Reads the index of a checkpoint: see safetensors_index.h. */
#include "cli/files/safetensors_index.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/file_system.h"
#include "cli/files/safetensors.h"

#define MOST_BYTES 25000000 /* of an index: the limit for the header of one file */
#define NAME "'%.64s'"

static file_status load(const reporter *to, json_t **json) {
  json_error_t error;
  char *text = NULL;
  size_t bytes = 0;
  const file_status status = file_load(to, "index", MOST_BYTES, &text, &bytes);
  if (status != FILE_OK) return status;
  *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
  free(text);
  if (*json != NULL) return FILE_OK;
  return file_fail(to, FILE_BAD_HEADER, "the index is refused as JSON at byte %d: %s", error.position, error.text);
}

/* Whether the name stays in the folder of the index. */
static bool is_plain_name(const char *name) {
  return name[0] != '\0' && strpbrk(name, "/\\:") == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static file_status join(const char *index, const char *name, char **path, const reporter *to) {
  const char *slash = clattn_last_slash(index);
  const size_t folder = slash != NULL ? (size_t)(slash + 1 - index) : 0;
  *path = malloc(folder + strlen(name) + 1);
  if (*path == NULL) return file_fail(to, FILE_OUT_OF_MEMORY, "no memory for the path");
  memcpy(*path, index, folder);
  strcpy(*path + folder, name);
  return FILE_OK;
}

static file_status find(const json_t *json, const char *tensor, char **path, const reporter *to) {
  const json_t *map = json_object_get(json, "weight_map");
  if (!json_is_object(map))
    return file_fail(to, FILE_BAD_HEADER,
                     "the index has no weight_map (allowed: an object of tensors and their files)");
  if (tensor == NULL)
    return file_fail(to, FILE_NO_TENSOR,
                     "no tensor is named, as in PATH.safetensors.index.json:NAME (allowed: one of "
                     "the %zu in its weight_map, the first is " NAME ")",
                     json_object_size(map), json_object_iter_key(json_object_iter((json_t *)(uintptr_t)map)));
  const json_t *file = json_object_get(map, tensor);
  if (file == NULL)
    return file_fail(to, FILE_NO_TENSOR, "there is no tensor " NAME " (allowed: one of the %zu in its weight_map)",
                     tensor, json_object_size(map));
  if (!json_is_string(file) || !is_plain_name(json_string_value(file)))
    return file_fail(to, FILE_BAD_HEADER,
                     "the file of tensor " NAME " is " NAME " (allowed: a name in the same folder)", tensor,
                     json_is_string(file) ? json_string_value(file) : "not a string");
  return join(to->path, json_string_value(file), path, to);
}

file_status safetensors_index_find(const char *index, const char *tensor, char **path, char *message, size_t size) {
  const reporter to = {index, message, size};
  json_t *json = NULL;
  *path = NULL;
  file_status status = load(&to, &json);
  if (status == FILE_OK) status = find(json, tensor, path, &to);
  json_decref(json);
  return status;
}

/* ---- one tensor -------------------------------------------------------------------------------------------------- */

/* Refuses a tensor that another file of the checkpoint has, too: it is open which of them is meant. Files that are
 * missing or cannot be read are not looked into. */
static file_status check_others(const json_t *json, const char *tensor, const reporter *to) {
  json_t *map = json_object_get(json, "weight_map"), *seen = json_object(), *value;
  const char *own = json_string_value(json_object_get(map, tensor)), *key;
  file_status status = FILE_OK;
  json_object_foreach(map, key, value) {
    const char *name = json_string_value(value);
    char *path = NULL;
    if (status != FILE_OK || name == NULL || !is_plain_name(name) || strcmp(name, own) == 0) continue;
    if (json_object_get(seen, name) != NULL || json_object_set_new(seen, name, json_true()) != 0) continue;
    status = join(to->path, name, &path, to);
    if (status == FILE_OK && safetensors_has(path, tensor))
      status = file_fail(to, FILE_BAD_HEADER,
                         "tensor " NAME " is in " NAME ", as its weight_map says, and in " NAME " (allowed: one file)",
                         tensor, own, name);
    free(path);
  }
  json_decref(seen);
  return status;
}

static file_status read_shard(const json_t *json, const char *path, const char *tensor, array *out,
                              const reporter *to) {
  const char *name = json_string_value(json_object_get(json_object_get(json, "weight_map"), tensor));
  if (!file_exists(path))
    return file_fail(to, FILE_CANNOT_OPEN,
                     "tensor " NAME " is in " NAME ", which is missing (allowed: in the folder of "
                     "the index)",
                     tensor, name);
  const file_status status = safetensors_read(path, tensor, out, to->message, to->size);
  if (status == FILE_NO_TENSOR)
    return file_fail(to, FILE_NO_TENSOR,
                     "the weight_map says that tensor " NAME " is in " NAME ", which has none of "
                     "that name",
                     tensor, name);
  return status;
}

file_status safetensors_index_read(const char *index, const char *tensor, array *out, char *message, size_t size) {
  const reporter to = {index, message, size};
  json_t *json = NULL;
  char *path = NULL;
  memset(out, 0, sizeof *out);
  file_status status = load(&to, &json);
  if (status == FILE_OK) status = find(json, tensor, &path, &to);
  if (status == FILE_OK) status = check_others(json, tensor, &to);
  if (status == FILE_OK) status = read_shard(json, path, tensor, out, &to);
  free(path);
  json_decref(json);
  return status;
}
