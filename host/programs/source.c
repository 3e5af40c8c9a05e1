/* Reads kernel files from the library, or from a folder that replaces some of them, and expands
 * their #include lines.
 *
 * OpenCL's own #include needs a folder on the machine that runs the program. Expanding here makes
 * embedded files and files in a folder behave the same. A line  #include "path"  is replaced by
 * that file; path is relative to the kernels' folder. */
#include "programs/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embedded.h"
#include "base/hash.h"
#include "programs/source.h"
#include "base/status.h"

#define INCLUDES_DEEPEST 6
#define LARGEST_FILE (1024L * 1024L)
#define PATH_LONGEST 4096

typedef struct text {
  char *data;
  size_t size;  /* without the final NUL */
  bool changed; /* holds a file that differs from the library's */
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

const char *clattn_kernel_source(const char *file, size_t *bytes) {
  for (size_t i = 0; i < clattn_embedded_count; ++i) {
    if (strcmp(clattn_embedded_files[i].file, file) != 0) continue;
    *bytes = clattn_embedded_files[i].size;
    return (const char *)clattn_embedded_files[i].text;
  }
  return NULL;
}

static clattn_status read_embedded(const char *file, text *to, clattn_error *error) {
  size_t bytes = 0;
  const char *embedded = clattn_kernel_source(file, &bytes);
  if (embedded == NULL)
    return clattn_fail(error, CLATTN_KERNEL_SOURCE, "there is no kernel file '%s' in this library", file);
  return append(to, embedded, bytes, error);
}

static clattn_status read_stream(FILE *stream, const char *path, text *to, clattn_error *error) {
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
  if (status == CLATTN_OK) status = append(to, "", 0, error); /* also makes an empty file a valid string */
  return status;
}

/* A file missing from the folder comes from the library; one that exists but cannot be read is an
 * error. */
static clattn_status read_raw(const char *folder, const char *file, text *to, clattn_error *error) {
  if (folder == NULL) return read_embedded(file, to, error);
  char path[PATH_LONGEST];
  size_t bytes = 0;
  if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
    return clattn_fail(error, CLATTN_KERNEL_SOURCE, "the path of kernel file '%s' in '%s' is too long", file, folder);
  FILE *stream = fopen(path, "rb");
  const int reason = errno;
  if (stream == NULL && reason == ENOENT && clattn_kernel_source(file, &bytes) != NULL)
    return read_embedded(file, to, error);
  if (stream == NULL)
    return clattn_fail(error, CLATTN_KERNEL_SOURCE, "cannot open kernel file '%s': %s", path, strerror(reason));
  const clattn_status status = read_stream(stream, path, to, error);
  fclose(stream);
  const char *embedded = clattn_kernel_source(file, &bytes);
  if (status == CLATTN_OK)
    to->changed = embedded == NULL || bytes != to->size || (bytes > 0 && memcmp(embedded, to->data, bytes) != 0);
  return status;
}

/* A folder without any kernel file is most likely the wrong folder; without this check, the
 * library's own kernels would silently run instead. One file is enough, whether or not the plan
 * uses it, because the ladder makes plans for all kernels with the same folder. */
static clattn_status check_folder(const char *folder, clattn_error *error) {
  char path[PATH_LONGEST];
  for (size_t i = 0; i < clattn_embedded_count; ++i) {
    if (snprintf(path, sizeof path, "%s/%s", folder, clattn_embedded_files[i].file) >= (int)sizeof path) break;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) continue;
    fclose(stream);
    return CLATTN_OK;
  }
  return clattn_fail(error, CLATTN_KERNEL_SOURCE,
                     "the kernels' folder '%s' holds no kernel file (allowed: a folder with at least one of this "
                     "library's, say %s/%s)",
                     folder, folder, clattn_embedded_files[0].file);
}

/* If the line is  #include "name"  copies the name and returns true. */
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

/* Makes compilers' messages name this file and line. */
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
  to->changed = to->changed || raw.changed;
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

/* Without AVX-512, clang warns that a function with a float16 argument has a calling convention
 * that depends on the processor. That is harmless, because a program is never linked with code for
 * another processor, and it would hide kernel authors' own warnings. So would a loop that is asked
 * to be unrolled and, on this processor, cannot be. */
static const char head[] = "#ifdef __clang__\n"
                           "#pragma clang diagnostic ignored \"-Wunknown-warning-option\"\n"
                           "#pragma clang diagnostic ignored \"-Wpsabi\"\n"
                           "#pragma clang diagnostic ignored \"-Wpass-failed\"\n"
                           "#endif\n";

/* PoCL 3.1, as Debian builds it for 64-bit ARM, compiles kernels for a processor without the two
 * features that its built-in functions are compiled with. LLVM then inlines none of them, and each
 * fma() of 16 floats becomes a call that passes its arguments in memory. */
#define ON_ARM "#if defined(POCL_DEVICE_ADDRESS_BITS) && defined(__clang__) && defined(__aarch64__)\n"
static const char arm_head[] =
    ON_ARM "#pragma clang attribute push(__attribute__((target(\"outline-atomics,v8a\"))), apply_to = function)\n"
           "#endif\n";
static const char arm_tail[] = ON_ARM "#pragma clang attribute pop\n"
                                      "#endif\n";

clattn_status clattn_source_read(const char *folder, const char *file, char **result, bool *own, clattn_error *error) {
  text all = {0};
  clattn_status status = folder == NULL ? CLATTN_OK : check_folder(folder, error);
  if (status == CLATTN_OK) status = append(&all, head, sizeof head - 1, error);
  if (status == CLATTN_OK) status = append(&all, arm_head, sizeof arm_head - 1, error);
  if (status == CLATTN_OK) status = expand(folder, file, 0, &all, error);
  if (status == CLATTN_OK) status = append(&all, arm_tail, sizeof arm_tail - 1, error);
  if (status != CLATTN_OK) {
    free(all.data);
    return status;
  }
  *result = all.data;
  if (own != NULL) *own = !all.changed;
  return CLATTN_OK;
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
