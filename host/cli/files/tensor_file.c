/* Chooses the reader by the name of the file, never by its content. */
#include "cli/files/tensor_file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/files/npy.h"
#include "cli/files/npz.h"
#include "cli/files/safetensors.h"
#include "cli/files/safetensors_index.h"

typedef enum tensor_format { FORMAT_NPY, FORMAT_NPZ, FORMAT_SAFETENSORS, FORMAT_INDEX } tensor_format;

/* The parts of an argument. */
typedef struct location {
  tensor_format format;
  char *path;       /* malloc'ed */
  const char *name; /* of the tensor; NULL: not given */
} location;

static const struct {
  tensor_format format;
  const char *suffix;
} formats[] = {{FORMAT_NPZ, ".npz"}, {FORMAT_SAFETENSORS, ".safetensors"}, {FORMAT_INDEX, ".safetensors.index.json"}};
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* Whether `text` begins with `word`, ignoring case; `word` is in lower case. */
static bool begins_with(const char *text, const char *word) {
  while (*word != '\0' && tolower((unsigned char)*text) == *word) ++text, ++word;
  return *word == '\0';
}

/* The format whose suffix is here and is followed by `next`. */
static tensor_format format_at(const char *text, char next, size_t *length) {
  for (int i = 0; i < FORMATS; ++i) {
    *length = strlen(formats[i].suffix);
    if (begins_with(text, formats[i].suffix) && text[*length] == next) return formats[i].format;
  }
  return FORMAT_NPY;
}

/* The end of the path: a colon, or the end of the argument. */
static const char *find_end(const char *argument, tensor_format *format) {
  const char next = file_exists(argument) ? '\0' : ':'; /* if a file has the whole name, no tensor is named */
  size_t length;
  *format = FORMAT_NPY;
  for (const char *at = argument; *at != '\0'; ++at)
    if ((*format = format_at(at, next, &length)) != FORMAT_NPY) return at + length;
  for (const char *at = argument; *at != '\0'; ++at)
    if ((*format = format_at(at, '\0', &length)) != FORMAT_NPY) break;
  return argument + strlen(argument);
}

static bool locate(const char *argument, location *l) {
  const char *end = find_end(argument, &l->format);
  const size_t length = (size_t)(end - argument);
  l->name = *end == ':' ? end + 1 : NULL;
  l->path = malloc(length + 1);
  if (l->path == NULL) return false;
  memcpy(l->path, argument, length);
  l->path[length] = '\0';
  return true;
}

static file_status read_located(const location *l, array *out, char *message, size_t size) {
  switch (l->format) {
  case FORMAT_INDEX:
    return safetensors_index_read(l->path, l->name, out, message, size);
  case FORMAT_SAFETENSORS:
    return safetensors_read(l->path, l->name, out, message, size);
  case FORMAT_NPZ:
    return npz_read(l->path, l->name, out, message, size);
  case FORMAT_NPY:
    break;
  }
  return npy_read(l->path, out, message, size);
}

file_status tensor_file_read(const char *argument, array *out, char *message, size_t size) {
  location l;
  memset(out, 0, sizeof *out);
  if (!locate(argument, &l))
    return file_fail(&(reporter){argument, message, size}, FILE_OUT_OF_MEMORY, "no memory for the path");
  const file_status status = read_located(&l, out, message, size);
  free(l.path);
  return status;
}

bool tensor_file_reads(const char *argument, const char *path) {
  location l;
  char *shard = NULL;
  if (!locate(argument, &l)) return false;
  bool reads = file_is_same(l.path, path);
  if (!reads && l.format == FORMAT_INDEX && safetensors_index_find(l.path, l.name, &shard, NULL, 0) == FILE_OK)
    reads = file_is_same(shard, path);
  free(shard);
  free(l.path);
  return reads;
}
