/* Reader and writer of .npy files: see npy.h for what is accepted, npy_header.c for what a file
 * looks like.
 *
 * The reader allocates memory only if the size that the header implies equals the size of the
 * file. The writer does not call fsync. / */
#include "cli/files/npy.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_system.h"
#include "cli/files/npy_header.h"

#define CHUNK_ELEMENTS 4096

/* ---- reading ----------------------------------------------------------------------------------------------------- */

file_status npy_read_source(byte_source *source, uint64_t file_bytes, array *a, const reporter *to) {
  npy_header h = {0};
  file_status status = npy_header_read(source, &h, to);
  if (status == FILE_OK) status = npy_header_count(&h, sizeof(float), source, file_bytes, &a->count, to);
  if (status != FILE_OK) return status;
  a->rank = h.rank;
  a->type = h.type;
  memcpy(a->shape, h.shape, sizeof h.shape);
  return array_read(a, source, h.layout, to);
}

file_status npy_read(const char *path, array *out, char *message, size_t message_size) {
  const reporter to = {path, message, message_size};
  FILE *file = NULL;
  uint64_t file_bytes = 0;
  memset(out, 0, sizeof *out);
  file_status status = file_open(&to, &file, &file_bytes);
  if (status != FILE_OK) return status;
  byte_source source = file_source(file);
  status = npy_read_source(&source, file_bytes, out, &to);
  fclose(file); /* opened for reading: no error can lose data */
  if (status != FILE_OK) array_free(out);
  return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static bool write_elements(FILE *file, npy_type type, const float *data, size_t count) {
  unsigned char chunk[CHUNK_ELEMENTS * sizeof(float)] = {0};
  const size_t item_bytes = element_bytes(type);
  for (size_t done = 0; done < count;) {
    const size_t now = count - done < CHUNK_ELEMENTS ? count - done : CHUNK_ELEMENTS;
    for (size_t i = 0; i < now; ++i) {
      const uint32_t bits = element_round(type, data[done + i]);
      for (size_t byte = 0; byte < item_bytes; ++byte) chunk[i * item_bytes + byte] = bits >> 8 * byte & 0xff;
    }
    if (fwrite(chunk, item_bytes, now, file) != now) return false;
    done += now;
  }
  return true;
}

typedef struct content {
  const char *head;
  size_t head_bytes;
  npy_type type;
  const float *data;
  size_t count;
} content;

static file_status not_opened(const reporter *to) {
  const int code = errno;
  if (to->path[0] == '\0') return file_fail(to, FILE_WRITE_FAILED, "an empty name");
  return file_fail(to, FILE_WRITE_FAILED, "cannot be written: %s", file_reason(code));
}

static file_status write_content(const content *c, const reporter *to) {
  clattn_part_file part;
  errno = 0;
  if (!clattn_part_open(&part, to->path)) return not_opened(to);
  const bool good = fwrite(c->head, 1, c->head_bytes, part.file) == c->head_bytes &&
                    write_elements(part.file, c->type, c->data, c->count);
  if (clattn_part_place(&part, good)) return FILE_OK;
  return file_fail(to, FILE_WRITE_FAILED, "cannot be written: %s", file_reason(errno));
}

file_status npy_try_write(const char *path, char *message, size_t message_size) {
  const reporter to = {path, message, message_size};
  errno = 0;
  return clattn_part_try(path) ? FILE_OK : not_opened(&to);
}

file_status npy_write(const char *path, npy_type type, const float *data, const size_t *shape, int rank, char *message,
                      size_t message_size) {
  const reporter to = {path, message, message_size};
  if (rank < 0 || rank > ARRAY_MOST_DIMENSIONS) {
    return file_fail(&to, FILE_UNSUPPORTED, "%d dimensions are not supported (allowed: 0 to %d)", rank,
                     ARRAY_MOST_DIMENSIONS);
  }
  if (type != NPY_F4 && type != NPY_F2 && type != NPY_BF16) {
    return file_fail(&to, FILE_UNSUPPORTED, "element type %s is not written (allowed: f4, f2 or bfloat16)",
                     element_name(type));
  }
  char head[NPY_WRITTEN_HEADER_SIZE];
  content c = {.head = head, .type = type, .data = data};
  if (!array_count(shape, rank, sizeof *data, &c.count)) {
    return file_fail(&to, FILE_TOO_LARGE, "the shape is too large (allowed: up to %zu bytes)", (size_t)PTRDIFF_MAX);
  }
  c.head_bytes = npy_header_format(head, type, shape, rank);
  return write_content(&c, &to);
}
