/* From an argument to the reader of its format: by the name, never by what is in the file. */
#include "tensor_file.h"

#include <stdlib.h>
#include <string.h>

#include "npy.h"
#include "safetensors.h"

static const char suffix[] = ".safetensors";

static bool ends_in_suffix(const char *path) {
  const size_t length = strlen(path), suffix_length = sizeof suffix - 1;
  return length >= suffix_length && strcmp(path + length - suffix_length, suffix) == 0;
}

/* The colon after the path; NULL when no tensor is named. */
static const char *find_colon(const char *argument) {
  const char *found = strstr(argument, ".safetensors:");
  return found ? found + sizeof suffix - 1 : NULL;
}

file_status tensor_file_read(const char *argument, array *out, char *message, size_t size) {
  const char *colon = find_colon(argument);
  if (ends_in_suffix(argument) && (!colon || file_exists(argument))) {
    return safetensors_read(argument, NULL, out, message, size);
  }
  if (!colon || file_exists(argument)) return npy_read(argument, out, message, size);
  const size_t length = (size_t)(colon - argument);
  char *path = malloc(length + 1);
  if (!path) {
    memset(out, 0, sizeof *out);
    return file_fail(&(reporter){argument, message, size}, FILE_OUT_OF_MEMORY, "no memory for the path");
  }
  memcpy(path, argument, length);
  path[length] = '\0';
  const file_status status = safetensors_read(path, colon + 1, out, message, size);
  free(path);
  return status;
}
