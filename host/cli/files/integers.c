/* Reads whole numbers: see integers.h. */
#include "cli/files/integers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/files/npy_header.h"

/* The bytes of one number, as a file has them. */
static int64_t number_of(const unsigned char *bytes, size_t count, bool big_endian) {
  uint64_t bits = bytes[big_endian ? 0 : count - 1] >= 0x80 ? UINT64_MAX : 0; /* the sign */
  for (size_t i = 0; i < count; ++i) bits = bits << 8 | bytes[big_endian ? i : count - 1 - i];
  int64_t number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

static file_status read_numbers(byte_source *source, const npy_header *h, size_t bytes, integers *out,
                                const reporter *to) {
  for (size_t i = 0; i < out->count; ++i) {
    unsigned char number[sizeof(int64_t)];
    const file_status status = source_read(source, number, bytes, "numbers", to);
    if (status != FILE_OK) return status;
    const int64_t value = number_of(number, bytes, h->layout.big_endian);
    if (value < INT32_MIN || value > INT32_MAX)
      return file_fail(to, FILE_BAD_ELEMENT, "number %zu is %" PRId64 " (allowed: %d to %d)", i, value, INT32_MIN,
                       INT32_MAX);
    out->data[i] = (int32_t)value;
  }
  return FILE_OK;
}

static file_status read_file(FILE *file, uint64_t file_bytes, integers *out, const reporter *to) {
  byte_source source = file_source(file);
  npy_header h = {.integers = true};
  file_status status = npy_header_read(&source, &h, to);
  if (status == FILE_OK && h.layout.fortran_order && h.rank > 1)
    status = file_fail(to, FILE_UNSUPPORTED, "Fortran order is not supported for whole numbers (allowed: C order)");
  if (status == FILE_OK) status = npy_header_count(&h, sizeof *out->data, &source, file_bytes, &out->count, to);
  if (status != FILE_OK) return status;
  out->rank = h.rank;
  memcpy(out->shape, h.shape, sizeof out->shape);
  out->data = malloc((out->count > 0 ? out->count : 1) * sizeof *out->data);
  if (out->data == NULL) return file_fail(to, FILE_OUT_OF_MEMORY, "no memory for %zu numbers", out->count);
  return read_numbers(&source, &h, element_bytes(h.type), out, to);
}

file_status integers_read(const char *path, integers *out, char *message, size_t message_size) {
  const reporter to = {path, message, message_size};
  FILE *file = NULL;
  uint64_t file_bytes = 0;
  memset(out, 0, sizeof *out);
  file_status status = file_open(&to, &file, &file_bytes);
  if (status != FILE_OK) return status;
  status = read_file(file, file_bytes, out, &to);
  fclose(file); /* opened for reading: no error can lose data */
  if (status == FILE_OK) return status;
  free(out->data);
  memset(out, 0, sizeof *out);
  return status;
}
