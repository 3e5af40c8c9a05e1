/* The text of kernel files: from inside the library or from a folder, with #include lines expanded.
 *
 * OpenCL's own #include needs a folder on the machine that runs the program; expanding here makes the embedded files
 * and a folder's the same. Lines of the form  #include "path"  are replaced by the file, path below the kernels'
 * folder. */
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded.h"
#include "hash.h"
#include "source.h"
#include "status.h"

#define INCLUDES_DEEPEST 4
#define LARGEST_FILE (1024L * 1024L)

typedef struct text {
  char *data;
  size_t size; /* without the closing 0 */
} text;

static clattn_status append(text *to, const char *data, size_t size, clattn_error *error) {
  char *grown = realloc(to->data, to->size + size + 1);
  if (grown == NULL) return clattn_fail_malloc(error, to->size + size + 1, "a kernel's source");
  memcpy(grown + to->size, data, size);
  to->data = grown;
  to->size += size;
  grown[to->size] = '\0';
  return CLATTN_OK;
}

static clattn_status read_embedded(const char *file, text *to, clattn_error *error) {
  for (size_t i = 0; i < clattn_embedded_count; ++i)
    if (strcmp(clattn_embedded_files[i].file, file) == 0)
      return append(to, (const char *)clattn_embedded_files[i].text, clattn_embedded_files[i].size, error);
  return clattn_fail(error, CLATTN_KERNEL_SOURCE, "there is no kernel file '%s' in this library", file);
}

static clattn_status read_file(const char *path, text *to, clattn_error *error) {
  FILE *stream = fopen(path, "rb");
  if (stream == NULL)
    return clattn_fail(error, CLATTN_KERNEL_SOURCE, "cannot open kernel file '%s': %s", path, strerror(errno));
  clattn_status status = CLATTN_OK;
  char part[4096];
  size_t count;
  while (status == CLATTN_OK && (count = fread(part, 1, sizeof part, stream)) > 0) {
    status = append(to, part, count, error);
    if (to->size > (size_t)LARGEST_FILE)
      status =
          clattn_fail(error, CLATTN_KERNEL_SOURCE, "kernel file '%s' is larger than %ld bytes", path, LARGEST_FILE);
  }
  if (status == CLATTN_OK && ferror(stream))
    status = clattn_fail(error, CLATTN_KERNEL_SOURCE, "cannot read kernel file '%s'", path);
  if (status == CLATTN_OK) status = append(to, "", 0, error); /* an empty file is a text, too */
  fclose(stream);
  return status;
}

static clattn_status read_raw(const char *folder, const char *file, text *to, clattn_error *error) {
  if (folder == NULL) return read_embedded(file, to, error);
  char path[4096];
  if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
    return clattn_fail(error, CLATTN_KERNEL_SOURCE, "the path of kernel file '%s' in '%s' is too long", file, folder);
  return read_file(path, to, error);
}

/* If the line is  #include "name"  copies the name. */
static bool included_file(const char *line, size_t length, char *name, size_t size) {
  static const char directive[] = "#include \"";
  const size_t prefix = sizeof directive - 1;
  if (length <= prefix || strncmp(line, directive, prefix) != 0) return false;
  const char *quote = memchr(line + prefix, '"', length - prefix);
  if (quote == NULL || (size_t)(quote - line) - prefix >= size) return false;
  memcpy(name, line + prefix, (size_t)(quote - line) - prefix);
  name[(size_t)(quote - line) - prefix] = '\0';
  return true;
}

/* Compilers name this file and line in their messages. */
static clattn_status append_line_directive(const char *file, int line, text *to, clattn_error *error) {
  char directive[512];
  const int length = snprintf(directive, sizeof directive, "#line %d \"kernels/%.400s\"\n", line, file);
  return append(to, directive, (size_t)length, error);
}

static clattn_status expand(const char *folder, const char *file, int depth, text *to, clattn_error *error) {
  if (depth > INCLUDES_DEEPEST)
    return clattn_fail(error, CLATTN_KERNEL_SOURCE, "kernel file '%s' is included more than %d deep", file,
                       INCLUDES_DEEPEST);
  text raw = {0};
  clattn_status status = read_raw(folder, file, &raw, error);
  if (status == CLATTN_OK) status = append_line_directive(file, 1, to, error);
  int number = 1;
  for (const char *line = raw.data; status == CLATTN_OK && *line != '\0'; ++number) {
    const char *newline = strchr(line, '\n');
    const size_t length = newline == NULL ? strlen(line) : (size_t)(newline - line) + 1;
    char name[256];
    if (included_file(line, length, name, sizeof name)) {
      status = expand(folder, name, depth + 1, to, error);
      if (status == CLATTN_OK) status = append_line_directive(file, number + 1, to, error);
    } else {
      status = append(to, line, length, error);
      if (status == CLATTN_OK && newline == NULL) status = append(to, "\n", 1, error);
    }
    line += length;
  }
  free(raw.data);
  return status;
}

clattn_status clattn_source_read(const char *folder, const char *file, char **result, clattn_error *error) {
  text all = {0};
  const clattn_status status = expand(folder, file, 0, &all, error);
  if (status == CLATTN_OK)
    *result = all.data;
  else
    free(all.data);
  return status;
}

uint64_t clattn_kernels_hash(void) {
  uint64_t hash = CLATTN_HASH_START;
  for (size_t i = 0; i < clattn_embedded_count; ++i) {
    const char *name = clattn_embedded_files[i].file;
    hash = clattn_hash_add(hash, name, strlen(name) + 1);
    hash = clattn_hash_add(hash, clattn_embedded_files[i].text, clattn_embedded_files[i].size);
  }
  return hash;
}
