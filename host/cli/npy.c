/* Reader and writer of .npy files: see npy.h for what is accepted.
 *
 *     magic, version | header length | {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }    \n | elements
 *     8 bytes          2 or 4 bytes    a Python literal, padded with spaces
 *
 * The header's grammar here is a strict part of Python's: plain quoted strings, True and False, decimal numbers. The
 * reader allocates only after the size that the header implies was found equal to the size of the file.
 *
 * It does not evaluate Python, guess what a damaged header meant, or force written data to the disk (fsync).
 */
#include "npy.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#elif defined(__unix__) || defined(__APPLE__)
#include <sys/stat.h>
#define NPY_HAS_STAT
#endif

_Static_assert(CHAR_BIT == 8 && sizeof(float) == 4 && FLT_MANT_DIG == 24, "float must be IEEE binary32");
_Static_assert(sizeof(double) == 8 && DBL_MANT_DIG == 53, "double must be IEEE binary64");

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define MOST_HEADER_BYTES 10000 /* numpy.load's own limit */
#define DATA_ALIGNMENT 64       /* NumPy aligns what it writes so that files can be mapped */
#define TUPLE_SIZE 96           /* a tuple of four 20-digit numbers */
#define WRITTEN_HEADER_SIZE 256 /* the keys, a tuple and the padding */
#define CHUNK_BYTES 16384

/* ---- errors ------------------------------------------------------------------------------------------------------ */

typedef struct reporter {
  const char *path;
  char *message;
  size_t size;
} reporter;

#if defined(__GNUC__) && !defined(_WIN32) /* there "printf" may mean an older one, without %zu */
static npy_status fail(const reporter *to, npy_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#endif

static npy_status fail(const reporter *to, npy_status status, const char *format, ...) {
  if (!to->message || to->size == 0) return status;
  const int written = snprintf(to->message, to->size, "%s: ", to->path);
  if (written < 0 || (size_t)written >= to->size) return status;
  va_list values;
  va_start(values, format);
  vsnprintf(to->message + written, to->size - (size_t)written, format, values);
  va_end(values);
  return status;
}

/* The standard does not promise that errno is set, so callers clear it before the call that may fail. */
static const char *reason(int code) {
  return code ? strerror(code) : "unknown reason";
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* Writes the values as Python writes a tuple: "()", "(3,)", "(3, 4)". */
static void format_tuple(char text[TUPLE_SIZE], const size_t *values, int rank) {
  size_t length = 1;
  strcpy(text, "(");
  for (int axis = 0; axis < rank; ++axis) {
    length += (size_t)snprintf(text + length, TUPLE_SIZE - length, axis ? ", %zu" : "%zu", values[axis]);
  }
  strcpy(text + length, rank == 1 ? ",)" : ")");
}

/* False when the array could not exist. As in NumPy a dimension of 0 does not excuse the others. */
static bool count_elements(const size_t *shape, int rank, size_t item_bytes, size_t *count) {
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

/* ---- the header -------------------------------------------------------------------------------------------------- */

typedef struct header {
  size_t item_bytes;
  bool big_endian;
  bool fortran_order;
  int rank; /* may be above NPY_MOST_DIMENSIONS while it is parsed */
  size_t shape[NPY_MOST_DIMENSIONS];
} header;

typedef struct cursor {
  const char *begin;
  const char *at;
  const char *end;
  const reporter *to;
} cursor;

enum { KEY_DESCR, KEY_FORTRAN_ORDER, KEY_SHAPE, KEY_COUNT };
static const char *const key_names[KEY_COUNT] = {"descr", "fortran_order", "shape"};

static npy_status unexpected(const cursor *c, const char *wanted) {
  if (c->at == c->end) return fail(c->to, NPY_BAD_HEADER, "the header ends where %s is expected", wanted);
  const unsigned char found = (unsigned char)*c->at;
  const char shown = found >= ' ' && found <= '~' ? *c->at : '?'; /* a terminal gets no control characters */
  return fail(c->to, NPY_BAD_HEADER, "the header has '%c' (0x%02x) at byte %ld where %s is expected", shown, found,
              (long)(c->at - c->begin), wanted);
}

/* Skips blanks, then `wanted` if it comes next. */
static bool accept(cursor *c, const char *wanted) {
  const size_t length = strlen(wanted);
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n')) ++c->at;
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, wanted, length) != 0) return false;
  c->at += length;
  return true;
}

/* A quoted string of printable ASCII without escapes, so that `text` can be shown as it is. */
static npy_status parse_string(cursor *c, char *text, size_t size) {
  const bool single = accept(c, "'");
  if (!single && !accept(c, "\"")) return unexpected(c, "a quoted string");
  const char *quote = single ? "'" : "\"";
  size_t length = 0;
  while (c->at < c->end && *c->at != *quote) {
    if (*c->at < ' ' || *c->at > '~' || *c->at == '\\') return unexpected(c, "plain ASCII in a string");
    if (length + 1 == size) return unexpected(c, "the end of a string that is too long");
    text[length++] = *c->at++;
  }
  text[length] = '\0';
  return accept(c, quote) ? NPY_OK : unexpected(c, "the end of a string");
}

static npy_status parse_descr(cursor *c, header *h) {
  static const char allowed[] = "(allowed: '<f4', '>f4', '<f8' or '>f8')";
  char text[32] = "";
  if (accept(c, "[") || accept(c, "(")) {
    return fail(c->to, NPY_UNSUPPORTED, "structured element types are not supported %s", allowed);
  }
  const npy_status status = parse_string(c, text, sizeof text);
  if (status != NPY_OK) return status;
  /* NumPy also reads '=f4', '|f4' and 'f4', but their bytes mean something else on another machine. */
  const bool known = (text[0] == '<' || text[0] == '>') && (!strcmp(text + 1, "f4") || !strcmp(text + 1, "f8"));
  if (!known) return fail(c->to, NPY_UNSUPPORTED, "element type '%s' is not supported %s", text, allowed);
  h->big_endian = text[0] == '>';
  h->item_bytes = text[2] == '4' ? 4 : 8;
  return NPY_OK;
}

static npy_status parse_fortran_order(cursor *c, header *h) {
  h->fortran_order = accept(c, "True");
  if (h->fortran_order || accept(c, "False")) return NPY_OK;
  return unexpected(c, "True or False");
}

/* Decimal digits alone. What follows them is the caller's to judge: it refuses '1_0', '0x10', '3L' and '007'. */
static npy_status parse_number(cursor *c, size_t *value) {
  *value = 0;
  if (accept(c, "0")) return NPY_OK;
  if (c->at == c->end || *c->at < '0' || *c->at > '9') return unexpected(c, "a number of digits only");
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; ++c->at) {
    const size_t digit = (size_t)(*c->at - '0');
    if (*value > (SIZE_MAX - digit) / 10) {
      return fail(c->to, NPY_TOO_LARGE, "a dimension is too large (allowed: up to %zu)", (size_t)PTRDIFF_MAX);
    }
    *value = *value * 10 + digit;
  }
  return NPY_OK;
}

static npy_status parse_shape(cursor *c, header *h) {
  if (!accept(c, "(")) return unexpected(c, "'(' of the shape");
  h->rank = 0;
  while (!accept(c, ")")) {
    size_t dimension = 0;
    const npy_status status = parse_number(c, &dimension);
    if (status != NPY_OK) return status;
    if (h->rank < NPY_MOST_DIMENSIONS) h->shape[h->rank] = dimension;
    ++h->rank;
    if (accept(c, ",")) continue;
    if (!accept(c, ")")) return unexpected(c, "',' or ')' in the shape");
    if (h->rank > 1) break;
    /* "(3)" is a number to Python, not a tuple. */
    return fail(c->to, NPY_BAD_HEADER, "the shape is a number in parentheses (allowed: a tuple, as in (%zu,))",
                dimension);
  }
  if (h->rank <= NPY_MOST_DIMENSIONS) return NPY_OK;
  return fail(c->to, NPY_UNSUPPORTED, "%d dimensions are not supported (allowed: 0 to %d)", h->rank,
              NPY_MOST_DIMENSIONS);
}

static npy_status parse_entry(cursor *c, header *h, bool seen[KEY_COUNT]) {
  char name[32];
  const npy_status status = parse_string(c, name, sizeof name);
  if (status != NPY_OK) return status;
  int key = 0;
  while (key < KEY_COUNT && strcmp(name, key_names[key]) != 0) ++key;
  if (key == KEY_COUNT) {
    return fail(c->to, NPY_BAD_HEADER, "unknown key '%s' in the header (allowed: '%s', '%s' and '%s')", name,
                key_names[KEY_DESCR], key_names[KEY_FORTRAN_ORDER], key_names[KEY_SHAPE]);
  }
  if (seen[key]) return fail(c->to, NPY_BAD_HEADER, "key '%s' is twice in the header (allowed: once)", name);
  seen[key] = true;
  if (!accept(c, ":")) return unexpected(c, "':' after a key");
  if (key == KEY_DESCR) return parse_descr(c, h);
  return key == KEY_SHAPE ? parse_shape(c, h) : parse_fortran_order(c, h);
}

static npy_status parse_header(cursor *c, header *h) {
  bool seen[KEY_COUNT] = {false};
  /* Python is particular about blanks outside the braces, so only what NumPy writes is let through there. */
  if (c->at == c->end || *c->at != '{') return unexpected(c, "'{' at its start");
  ++c->at;
  while (!accept(c, "}")) {
    const npy_status status = parse_entry(c, h, seen);
    if (status != NPY_OK) return status;
    if (accept(c, ",")) continue;
    if (!accept(c, "}")) return unexpected(c, "',' or '}' after a value");
    break;
  }
  while (c->at < c->end && *c->at == ' ') ++c->at;
  if (c->at < c->end && *c->at == '\n') ++c->at;
  if (c->at != c->end) return unexpected(c, "only spaces and one newline after '}'");
  for (int key = 0; key < KEY_COUNT; ++key) {
    if (!seen[key]) return fail(c->to, NPY_BAD_HEADER, "key '%s' is missing in the header", key_names[key]);
  }
  return NPY_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Opening a pipe waits for its other end, and a folder can be opened but not read: better to know before. */
static bool is_regular_file(const char *path) {
#ifdef NPY_HAS_STAT
  struct stat info;
  if (stat(path, &info) == 0) return S_ISREG(info.st_mode);
#else
  (void)path;
#endif
  return true; /* or unknown: fopen will tell */
}

static bool measure_file(FILE *file, uint64_t *bytes) {
#ifdef _WIN32
  const int64_t end = _fseeki64(file, 0, SEEK_END) == 0 ? _ftelli64(file) : -1; /* long has 32 bits there */
#else
  const long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
#endif
  if (end < 0 || fseek(file, 0, SEEK_SET) != 0) return false;
  *bytes = (uint64_t)end;
  return true;
}

static npy_status read_bytes(FILE *file, void *to_fill, size_t bytes, const char *what, const reporter *to) {
  errno = 0;
  const size_t got = fread(to_fill, 1, bytes, file);
  if (got == bytes) return NPY_OK;
  if (ferror(file)) return fail(to, NPY_READ_FAILED, "cannot read the %s: %s", what, reason(errno));
  return fail(to, NPY_TRUNCATED, "the file ends within the %s: %zu bytes instead of %zu", what, got, bytes);
}

/* The magic and the version; `length_bytes` is the size of the header length that follows. */
static npy_status read_version(FILE *file, size_t *length_bytes, const reporter *to) {
  unsigned char lead[MAGIC_BYTES + 2] = {0};
  const npy_status status = read_bytes(file, lead, sizeof lead, "magic and version", to);
  if (status == NPY_READ_FAILED) return status;
  /* A short file is a truncated .npy file only as far as it looks like one. */
  const long got = ftell(file);
  const size_t comparable = got < 0 || got > MAGIC_BYTES ? MAGIC_BYTES : (size_t)got;
  if (memcmp(lead, MAGIC, comparable) != 0) {
    return fail(to, NPY_NOT_NPY, "not a .npy file (allowed: files that begin with \\x93NUMPY)");
  }
  if (status != NPY_OK) return status;
  const int major = lead[MAGIC_BYTES];
  const int minor = lead[MAGIC_BYTES + 1];
  if (major < 1 || major > 3 || minor != 0) {
    return fail(to, NPY_UNSUPPORTED, "format version %d.%d is not supported (allowed: 1.0, 2.0 or 3.0)", major, minor);
  }
  *length_bytes = major == 1 ? 2 : 4;
  return NPY_OK;
}

static npy_status read_header(FILE *file, header *h, uint64_t *data_start, const reporter *to) {
  size_t length_bytes = 0;
  npy_status status = read_version(file, &length_bytes, to);
  if (status != NPY_OK) return status;
  unsigned char length_text[4] = {0};
  status = read_bytes(file, length_text, length_bytes, "header length", to);
  if (status != NPY_OK) return status;
  uint32_t length = 0;
  for (size_t i = 4; i-- > 0;) length = length << 8 | length_text[i];
  if (length > MOST_HEADER_BYTES) {
    return fail(to, NPY_TOO_LARGE, "the header has %" PRIu32 " bytes (allowed: up to %d)", length, MOST_HEADER_BYTES);
  }
  char text[MOST_HEADER_BYTES];
  status = read_bytes(file, text, length, "header", to);
  if (status != NPY_OK) return status;
  *data_start = MAGIC_BYTES + 2 + length_bytes + length;
  cursor c = {text, text, text + length, to};
  return parse_header(&c, h);
}

/* Decodes one element byte by byte, which needs no knowledge of the host's order. False: a float cannot hold it. */
static bool decode(const unsigned char *bytes, const header *h, float *element, double *value) {
  uint64_t bits = 0;
  for (size_t i = 0; i < h->item_bytes; ++i) bits = bits << 8 | bytes[h->big_endian ? i : h->item_bytes - 1 - i];
  if (h->item_bytes == 4) {
    const uint32_t low = (uint32_t)bits;
    memcpy(element, &low, sizeof low); /* a copy keeps the payload of a NaN */
    return true;
  }
  memcpy(value, &bits, sizeof bits);
  if (isfinite(*value) && !(*value >= -(double)FLT_MAX && *value <= (double)FLT_MAX)) return false;
  *element = (float)*value;
  return true;
}

/* Where the next element of the file goes; `index` counts along with a file in Fortran order. */
static size_t next_offset(size_t offset, const npy_array *array, bool fortran_order, const size_t *stride,
                          size_t *index) {
  if (!fortran_order) return offset + 1;
  for (int axis = 0; axis < array->rank; ++axis) {
    offset += stride[axis];
    if (++index[axis] < array->shape[axis]) break;
    offset -= stride[axis] * array->shape[axis];
    index[axis] = 0;
  }
  return offset;
}

static npy_status refuse_element(const npy_array *array, size_t offset, double value, const reporter *to) {
  size_t index[NPY_MOST_DIMENSIONS];
  for (int axis = array->rank; axis-- > 0;) {
    index[axis] = offset % array->shape[axis];
    offset /= array->shape[axis];
  }
  char place[TUPLE_SIZE];
  format_tuple(place, index, array->rank);
  return fail(to, NPY_OUT_OF_RANGE, "element %s is %.17g, which a float cannot hold (allowed: -%.9g to %.9g, Inf, NaN)",
              place, value, (double)FLT_MAX, (double)FLT_MAX);
}

static npy_status read_elements(FILE *file, const header *h, npy_array *array, const reporter *to) {
  unsigned char chunk[CHUNK_BYTES];
  const size_t chunk_elements = CHUNK_BYTES / h->item_bytes;
  size_t index[NPY_MOST_DIMENSIONS] = {0};
  size_t stride[NPY_MOST_DIMENSIONS] = {0};
  size_t offset = 0;
  for (int axis = array->rank - 1; axis >= 0; --axis) {
    stride[axis] = axis == array->rank - 1 ? 1 : stride[axis + 1] * array->shape[axis + 1];
  }
  for (size_t left = array->count; left > 0;) {
    const size_t now = left < chunk_elements ? left : chunk_elements;
    const npy_status status = read_bytes(file, chunk, now * h->item_bytes, "data", to);
    if (status != NPY_OK) return status;
    for (size_t i = 0; i < now; ++i) {
      double value = 0;
      if (!decode(chunk + i * h->item_bytes, h, array->data + offset, &value)) {
        return refuse_element(array, offset, value, to);
      }
      offset = next_offset(offset, array, h->fortran_order, stride, index);
    }
    left -= now;
  }
  return NPY_OK;
}

static npy_status read_array(FILE *file, npy_array *array, const reporter *to) {
  uint64_t file_bytes = 0;
  uint64_t data_start = 0;
  header h = {0};
  if (!measure_file(file, &file_bytes)) return fail(to, NPY_READ_FAILED, "the size of the file cannot be found");
  const npy_status status = read_header(file, &h, &data_start, to);
  if (status != NPY_OK) return status;

  char shape[TUPLE_SIZE];
  format_tuple(shape, h.shape, h.rank);
  if (!count_elements(h.shape, h.rank, h.item_bytes, &array->count)) {
    return fail(to, NPY_TOO_LARGE, "shape %s of f%zu is too large (allowed: up to %zu bytes)", shape, h.item_bytes,
                (size_t)PTRDIFF_MAX);
  }
  const uint64_t wanted = (uint64_t)array->count * h.item_bytes;
  const uint64_t present = file_bytes > data_start ? file_bytes - data_start : 0;
  if (present != wanted) {
    return fail(to, present < wanted ? NPY_TRUNCATED : NPY_TRAILING_BYTES,
                "shape %s of f%zu needs %" PRIu64 " bytes of data, the file has %" PRIu64, shape, h.item_bytes, wanted,
                present);
  }
  array->data = malloc(array->count ? array->count * sizeof(float) : sizeof(float));
  if (!array->data) return fail(to, NPY_OUT_OF_MEMORY, "no memory for %zu elements", array->count);
  array->rank = h.rank;
  memcpy(array->shape, h.shape, sizeof h.shape);
  return read_elements(file, &h, array, to);
}

npy_status npy_read(const char *path, npy_array *array, char *message, size_t message_size) {
  const reporter to = {path, message, message_size};
  memset(array, 0, sizeof *array);
  if (!is_regular_file(path)) return fail(&to, NPY_CANNOT_OPEN, "not a regular file (allowed: a file, not a folder)");
  errno = 0;
  FILE *file = fopen(path, "rb");
  if (!file) return fail(&to, NPY_CANNOT_OPEN, "cannot be opened: %s", reason(errno));
  const npy_status status = read_array(file, array, &to);
  fclose(file); /* only read: nothing can be lost */
  if (status != NPY_OK) npy_free(array);
  return status;
}

void npy_free(npy_array *array) {
  if (!array) return;
  free(array->data);
  memset(array, 0, sizeof *array);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Fills the text with all that comes before the data and returns its length. */
static size_t format_header(char text[WRITTEN_HEADER_SIZE], const size_t *shape, int rank) {
  const uint16_t one = 1;
  unsigned char first_byte;
  memcpy(&first_byte, &one, 1);
  const size_t lead = MAGIC_BYTES + 4; /* with the version and the header length */
  char tuple[TUPLE_SIZE];
  format_tuple(tuple, shape, rank);
  const int written =
      snprintf(text + lead, WRITTEN_HEADER_SIZE - lead, "{'descr': '%cf4', 'fortran_order': False, 'shape': %s, }",
               first_byte ? '<' : '>', tuple);
  const size_t used = lead + (size_t)written + 1; /* with the newline */
  const size_t total = (used + DATA_ALIGNMENT - 1) / DATA_ALIGNMENT * DATA_ALIGNMENT;
  memset(text + used - 1, ' ', total - used);
  text[total - 1] = '\n';
  memcpy(text, MAGIC "\x01\x00", MAGIC_BYTES + 2);
  const size_t length = total - lead;
  text[lead - 2] = (char)(length & 0xff);
  text[lead - 1] = (char)(length >> 8);
  return total;
}

/* Creates `part` and fills it. A full disk may show only when the buffer is flushed or the file closed. */
static npy_status write_part(const char *part, const char *head, size_t head_bytes, const float *data, size_t count,
                             const reporter *to) {
  errno = 0;
  FILE *file = fopen(part, "wb");
  if (!file) return fail(to, NPY_WRITE_FAILED, "cannot create '%s': %s", part, reason(errno));
  bool good = fwrite(head, 1, head_bytes, file) == head_bytes;
  if (good && count > 0) good = fwrite(data, sizeof *data, count, file) == count;
  if (good) good = fflush(file) == 0;
  int code = errno;
  if (fclose(file) != 0 && good) {
    good = false;
    code = errno;
  }
  if (good) return NPY_OK;
  remove(part);
  return fail(to, NPY_WRITE_FAILED, "cannot write '%s': %s", part, reason(code));
}

static bool replace_file(const char *from, const char *path) {
#ifdef _WIN32
  return MoveFileExA(from, path, MOVEFILE_REPLACE_EXISTING) != 0; /* rename would refuse an existing target */
#else
  return rename(from, path) == 0;
#endif
}

/* The temporary name, malloc'ed; refuses a path that cannot be replaced. */
static npy_status name_part(const char *path, char **part, const reporter *to) {
  static const char suffix[] = ".part";
  if (path[0] == '\0') return fail(to, NPY_WRITE_FAILED, "an empty name");
  if (!is_regular_file(path)) return fail(to, NPY_WRITE_FAILED, "exists and is no regular file; it is not replaced");
  *part = malloc(strlen(path) + sizeof suffix);
  if (!*part) return fail(to, NPY_OUT_OF_MEMORY, "no memory for the name of the temporary file");
  strcpy(*part, path);
  strcat(*part, suffix);
  return NPY_OK;
}

npy_status npy_try_write(const char *path, char *message, size_t message_size) {
  const reporter to = {path, message, message_size};
  char *part = NULL;
  npy_status status = name_part(path, &part, &to);
  if (status != NPY_OK) return status;
  status = write_part(part, "", 0, NULL, 0, &to);
  if (status == NPY_OK) remove(part);
  free(part);
  return status;
}

npy_status npy_write(const char *path, const float *data, const size_t *shape, int rank, char *message,
                     size_t message_size) {
  const reporter to = {path, message, message_size};
  if (rank < 0 || rank > NPY_MOST_DIMENSIONS) {
    return fail(&to, NPY_UNSUPPORTED, "%d dimensions are not supported (allowed: 0 to %d)", rank, NPY_MOST_DIMENSIONS);
  }
  size_t count;
  if (!count_elements(shape, rank, sizeof *data, &count)) {
    return fail(&to, NPY_TOO_LARGE, "the shape is too large (allowed: up to %zu bytes)", (size_t)PTRDIFF_MAX);
  }
  char *part = NULL;
  npy_status status = name_part(path, &part, &to);
  if (status != NPY_OK) return status;
  char head[WRITTEN_HEADER_SIZE];
  const size_t head_bytes = format_header(head, shape, rank);
  status = write_part(part, head, head_bytes, data, count, &to);
  errno = 0;
  if (status == NPY_OK && !replace_file(part, path)) {
    status = fail(&to, NPY_WRITE_FAILED, "cannot rename '%s': %s", part, reason(errno));
    remove(part);
  }
  free(part);
  return status;
}
