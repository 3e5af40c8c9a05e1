/* Arrays: their sizes, and reading elements as float in C order. Knows no file format. */
#include "cli/files/array.h"

#include <float.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 16384

void array_free(array *a) {
  if (!a) return;
  free(a->data);
  memset(a, 0, sizeof *a);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

void array_format_tuple(char text[ARRAY_TUPLE_SIZE], const size_t *values, int rank) {
  size_t length = 1;
  strcpy(text, "(");
  for (int axis = 0; axis < rank; ++axis) {
    length += (size_t)snprintf(text + length, ARRAY_TUPLE_SIZE - length, axis ? ", %zu" : "%zu", values[axis]);
  }
  strcpy(text + length, rank == 1 ? ",)" : ")");
}

bool array_count(const size_t *shape, int rank, size_t item_bytes, size_t *count) {
  const size_t most = (size_t)PTRDIFF_MAX / item_bytes;
  size_t product = 1;
  bool empty = false;
  for (int axis = 0; axis < rank; ++axis) {
    if (shape[axis] == 0) {
      empty = true;
    } else if (shape[axis] > most / product) {
      return false;
    } else {
      product *= shape[axis];
    }
  }
  *count = empty ? 0 : product;
  return true;
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

/* Byte by byte, so that the byte order of the host does not matter. */
static uint64_t bits_of(const unsigned char *bytes, size_t count, bool big_endian) {
  uint64_t bits = 0;
  for (size_t i = 0; i < count; ++i) bits = bits << 8 | bytes[big_endian ? i : count - 1 - i];
  return bits;
}

/* Where the next element of the file goes. `index` is its index in a file in Fortran order. */
static size_t next_offset(size_t offset, const array *a, bool fortran_order, const size_t *stride, size_t *index) {
  if (!fortran_order) return offset + 1;
  for (int axis = 0; axis < a->rank; ++axis) {
    offset += stride[axis];
    if (++index[axis] < a->shape[axis]) break;
    offset -= stride[axis] * a->shape[axis];
    index[axis] = 0;
  }
  return offset;
}

static file_status refuse_element(const array *a, size_t offset, uint64_t bits, const reporter *to) {
  size_t index[ARRAY_MOST_DIMENSIONS];
  for (int axis = a->rank; axis-- > 0;) {
    index[axis] = offset % a->shape[axis];
    offset /= a->shape[axis];
  }
  char place[ARRAY_TUPLE_SIZE];
  array_format_tuple(place, index, a->rank);
  if (a->type == NPY_BOOL) {
    return file_fail(to, FILE_BAD_ELEMENT, "element %s of type bool is %" PRIu64 " (allowed: 0 or 1)", place, bits);
  }
  double value;
  memcpy(&value, &bits, sizeof value);
  return file_fail(to, FILE_BAD_ELEMENT,
                   "element %s is %.17g, which a float cannot hold (allowed: -%.9g to %.9g, Inf, NaN)", place, value,
                   (double)FLT_MAX, (double)FLT_MAX);
}

static file_status read_elements(array *a, byte_source *source, array_layout layout, const reporter *to) {
  unsigned char chunk[CHUNK_BYTES];
  const size_t item_bytes = element_bytes(a->type), chunk_elements = CHUNK_BYTES / item_bytes;
  size_t index[ARRAY_MOST_DIMENSIONS] = {0};
  size_t stride[ARRAY_MOST_DIMENSIONS] = {0};
  size_t offset = 0;
  for (int axis = a->rank - 1; axis >= 0; --axis) {
    stride[axis] = axis == a->rank - 1 ? 1 : stride[axis + 1] * a->shape[axis + 1];
  }
  for (size_t left = a->count; left > 0;) {
    const size_t now = left < chunk_elements ? left : chunk_elements;
    const file_status status = source_read(source, chunk, now * item_bytes, "data", to);
    if (status != FILE_OK) return status;
    for (size_t i = 0; i < now; ++i) {
      const uint64_t bits = bits_of(chunk + i * item_bytes, item_bytes, layout.big_endian);
      if (!element_widen(a->type, bits, a->data + offset)) return refuse_element(a, offset, bits, to);
      offset = next_offset(offset, a, layout.fortran_order, stride, index);
    }
    left -= now;
  }
  return FILE_OK;
}

file_status array_read(array *a, byte_source *source, array_layout layout, const reporter *to) {
  a->data = malloc(a->count ? a->count * sizeof *a->data : sizeof *a->data);
  if (!a->data) return file_fail(to, FILE_OUT_OF_MEMORY, "no memory for %zu elements", a->count);
  return read_elements(a, source, layout, to);
}
