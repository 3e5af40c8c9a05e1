/* The header of a .npy file. npy.h says what is accepted and what is written.
 *
 *     magic, version | header length | {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }    \n | elements
 *     8 bytes          2 or 4 bytes    a Python literal, padded with spaces
 *
 * The grammar is a small part of Python's: plain quoted strings, True and False, decimal numbers. Nothing is evaluated
 * or guessed.
 */
#include "cli/files/npy_header.h"

#include <inttypes.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define ZIP_MAGIC "PK\x03\x04"  /* of archives that numpy.savez writes */
#define MOST_HEADER_BYTES 10000 /* numpy.load's own limit */
#define DATA_ALIGNMENT 64       /* as NumPy does, so that files can be mapped */

/* NumPy also reads '=f4', '|f4' and 'f4', but their byte order depends on the machine. */
static const struct {
  const char *name;
  npy_type type;
  bool big_endian;
} descrs[] = {{"<f4", NPY_F4, false}, {">f4", NPY_F4, true}, {"<f8", NPY_F8, false},   {">f8", NPY_F8, true},
              {"<f2", NPY_F2, false}, {">f2", NPY_F2, true}, {"<u2", NPY_BF16, false}, {"|b1", NPY_BOOL, false},
              {"<i4", NPY_I4, false}, {">i4", NPY_I4, true}, {"<i8", NPY_I8, false},   {">i8", NPY_I8, true}};

static bool is_integer(npy_type type) {
  return type == NPY_I4 || type == NPY_I8;
}

/* ---- parsing ----------------------------------------------------------------------------------------------------- */

typedef struct cursor {
  const char *begin;
  const char *at;
  const char *end;
  const reporter *to;
} cursor;

enum { KEY_DESCR, KEY_FORTRAN_ORDER, KEY_SHAPE, KEY_COUNT };
static const char *const key_names[KEY_COUNT] = {"descr", "fortran_order", "shape"};

static file_status unexpected(const cursor *c, const char *wanted) {
  if (c->at == c->end) return file_fail(c->to, FILE_BAD_HEADER, "the header ends where %s is expected", wanted);
  const unsigned char found = (unsigned char)*c->at;
  const char shown = found >= ' ' && found <= '~' ? *c->at : '?'; /* a terminal gets no control characters */
  return file_fail(c->to, FILE_BAD_HEADER, "the header has '%c' (0x%02x) at byte %ld where %s is expected", shown,
                   found, (long)(c->at - c->begin), wanted);
}

/* Skips blanks, then skips `wanted` if it is next. */
static bool accept(cursor *c, const char *wanted) {
  const size_t length = strlen(wanted);
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n')) ++c->at;
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, wanted, length) != 0) return false;
  c->at += length;
  return true;
}

/* A quoted string of printable ASCII without escapes, so that `text` can be shown as it is. */
static file_status parse_string(cursor *c, char *text, size_t size) {
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
  return accept(c, quote) ? FILE_OK : unexpected(c, "the end of a string");
}

static file_status parse_descr(cursor *c, npy_header *h) {
  const char *const allowed = h->integers
                                  ? "(allowed: '<i4', '>i4', '<i8' or '>i8')"
                                  : "(allowed: '<f4', '>f4', '<f8', '>f8', '<f2', '>f2', '<u2' as bfloat16, or '|b1')";
  char text[32] = "";
  if (accept(c, "[") || accept(c, "(")) {
    return file_fail(c->to, FILE_UNSUPPORTED, "structured element types are not supported %s", allowed);
  }
  const file_status status = parse_string(c, text, sizeof text);
  if (status != FILE_OK) return status;
  for (size_t i = 0; i < sizeof descrs / sizeof descrs[0]; ++i) {
    if (strcmp(text, descrs[i].name) != 0 || is_integer(descrs[i].type) != h->integers) continue;
    h->type = descrs[i].type;
    h->layout.big_endian = descrs[i].big_endian;
    return FILE_OK;
  }
  const bool integers =
      !h->integers && strlen(text) == 3 && strchr("<>|", text[0]) != NULL && strchr("iu", text[1]) != NULL;
  return file_fail(c->to, integers ? FILE_INTEGERS : FILE_UNSUPPORTED, "element type '%s' is not supported %s", text,
                   allowed);
}

static file_status parse_fortran_order(cursor *c, npy_header *h) {
  h->layout.fortran_order = accept(c, "True");
  if (h->layout.fortran_order || accept(c, "False")) return FILE_OK;
  return unexpected(c, "True or False");
}

/* Reads decimal digits. The caller checks what follows, and so refuses '1_0', '0x10', '3L' and
 * '007'. */
static file_status parse_number(cursor *c, size_t *value) {
  *value = 0;
  if (accept(c, "0")) return FILE_OK;
  if (c->at == c->end || *c->at < '0' || *c->at > '9') return unexpected(c, "a number of digits only");
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; ++c->at) {
    const size_t digit = (size_t)(*c->at - '0');
    if (*value > (SIZE_MAX - digit) / 10) {
      return file_fail(c->to, FILE_TOO_LARGE, "a dimension is too large (allowed: up to %zu)", (size_t)PTRDIFF_MAX);
    }
    *value = *value * 10 + digit;
  }
  return FILE_OK;
}

static file_status parse_shape(cursor *c, npy_header *h) {
  if (!accept(c, "(")) return unexpected(c, "'(' of the shape");
  h->rank = 0;
  while (!accept(c, ")")) {
    size_t dimension = 0;
    const file_status status = parse_number(c, &dimension);
    if (status != FILE_OK) return status;
    if (h->rank < ARRAY_MOST_DIMENSIONS) h->shape[h->rank] = dimension;
    ++h->rank;
    if (accept(c, ",")) continue;
    if (!accept(c, ")")) return unexpected(c, "',' or ')' in the shape");
    if (h->rank > 1) break;
    /* In Python "(3)" is a number, not a tuple. */
    return file_fail(c->to, FILE_BAD_HEADER, "the shape is a number in parentheses (allowed: a tuple, as in (%zu,))",
                     dimension);
  }
  if (h->rank <= ARRAY_MOST_DIMENSIONS) return FILE_OK;
  return file_fail(c->to, FILE_UNSUPPORTED, "%d dimensions are not supported (allowed: 0 to %d)", h->rank,
                   ARRAY_MOST_DIMENSIONS);
}

static file_status parse_entry(cursor *c, npy_header *h, bool seen[KEY_COUNT]) {
  char name[32];
  const file_status status = parse_string(c, name, sizeof name);
  if (status != FILE_OK) return status;
  int key = 0;
  while (key < KEY_COUNT && strcmp(name, key_names[key]) != 0) ++key;
  if (key == KEY_COUNT) {
    return file_fail(c->to, FILE_BAD_HEADER, "unknown key '%s' in the header (allowed: '%s', '%s' and '%s')", name,
                     key_names[KEY_DESCR], key_names[KEY_FORTRAN_ORDER], key_names[KEY_SHAPE]);
  }
  if (seen[key]) return file_fail(c->to, FILE_BAD_HEADER, "key '%s' is in the header twice (allowed: once)", name);
  seen[key] = true;
  if (!accept(c, ":")) return unexpected(c, "':' after a key");
  if (key == KEY_DESCR) return parse_descr(c, h);
  return key == KEY_SHAPE ? parse_shape(c, h) : parse_fortran_order(c, h);
}

static file_status parse_header(cursor *c, npy_header *h) {
  bool seen[KEY_COUNT] = {false};
  /* Python is strict about blanks outside the braces, so only what NumPy writes is accepted
   * there. */
  if (c->at == c->end || *c->at != '{') return unexpected(c, "'{' at its start");
  ++c->at;
  while (!accept(c, "}")) {
    const file_status status = parse_entry(c, h, seen);
    if (status != FILE_OK) return status;
    if (accept(c, ",")) continue;
    if (!accept(c, "}")) return unexpected(c, "',' or '}' after a value");
    break;
  }
  while (c->at < c->end && *c->at == ' ') ++c->at;
  if (c->at < c->end && *c->at == '\n') ++c->at;
  if (c->at != c->end) return unexpected(c, "only spaces and one newline after '}'");
  for (int key = 0; key < KEY_COUNT; ++key) {
    if (!seen[key]) return file_fail(c->to, FILE_BAD_HEADER, "key '%s' is missing from the header", key_names[key]);
  }
  return FILE_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The magic and the version; `length_bytes` is the size of the header length that follows. */
static file_status read_version(byte_source *source, size_t *length_bytes, const reporter *to) {
  unsigned char lead[MAGIC_BYTES + 2] = {0};
  const file_status status = source_read(source, lead, sizeof lead, "magic and version", to);
  if (status == FILE_READ_FAILED) return status;
  /* A short file is reported as truncated only if it begins like a .npy file. */
  const size_t comparable = source->taken > MAGIC_BYTES ? MAGIC_BYTES : (size_t)source->taken;
  if (memcmp(lead, ZIP_MAGIC, sizeof ZIP_MAGIC - 1) == 0) {
    return file_fail(to, FILE_WRONG_FORMAT,
                     "an .npz archive, not a .npy file (allowed: a name that ends in .npz and one of its arrays, as "
                     "in FILE.npz:NAME)");
  }
  if (memcmp(lead, MAGIC, comparable) != 0) {
    return file_fail(to, FILE_WRONG_FORMAT, "not a .npy file (allowed: files that begin with \\x93NUMPY)");
  }
  if (status != FILE_OK) return status;
  const int major = lead[MAGIC_BYTES];
  const int minor = lead[MAGIC_BYTES + 1];
  if (major < 1 || major > 3 || minor != 0) {
    return file_fail(to, FILE_UNSUPPORTED, "format version %d.%d is not supported (allowed: 1.0, 2.0 or 3.0)", major,
                     minor);
  }
  *length_bytes = major == 1 ? 2 : 4;
  return FILE_OK;
}

file_status npy_header_read(byte_source *source, npy_header *h, const reporter *to) {
  size_t length_bytes = 0;
  file_status status = read_version(source, &length_bytes, to);
  if (status != FILE_OK) return status;
  unsigned char length_text[4] = {0};
  status = source_read(source, length_text, length_bytes, "header length", to);
  if (status != FILE_OK) return status;
  uint32_t length = 0;
  for (size_t i = 4; i-- > 0;) length = length << 8 | length_text[i];
  if (length > MOST_HEADER_BYTES) {
    return file_fail(to, FILE_TOO_LARGE, "the header has %" PRIu32 " bytes (allowed: up to %d)", length,
                     MOST_HEADER_BYTES);
  }
  char text[MOST_HEADER_BYTES];
  status = source_read(source, text, length, "header", to);
  if (status != FILE_OK) return status;
  cursor c = {text, text, text + length, to};
  return parse_header(&c, h);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Finds the first entry of a type, which is the little-endian one. */
static const char *descr_of(npy_type type) {
  size_t i = 0;
  while (descrs[i].type != type) ++i;
  return descrs[i].name;
}

file_status npy_header_count(const npy_header *h, size_t bytes, const byte_source *source, uint64_t file_bytes,
                             size_t *count, const reporter *to) {
  const size_t item_bytes = element_bytes(h->type);
  const char *type = element_name(h->type);
  char shape[ARRAY_TUPLE_SIZE];
  array_format_tuple(shape, h->shape, h->rank);
  if (!array_count(h->shape, h->rank, item_bytes > bytes ? item_bytes : bytes, count))
    return file_fail(to, FILE_TOO_LARGE, "shape %s of %s is too large (allowed: up to %zu bytes)", shape, type,
                     (size_t)PTRDIFF_MAX);
  const uint64_t wanted = (uint64_t)*count * item_bytes;
  const uint64_t present = file_bytes > source->taken ? file_bytes - source->taken : 0;
  if (present == wanted) return FILE_OK;
  return file_fail(to, present < wanted ? FILE_TRUNCATED : FILE_TRAILING_BYTES,
                   "shape %s of %s needs %" PRIu64 " bytes of data, the file has %" PRIu64, shape, type, wanted,
                   present);
}

size_t npy_header_format(char text[NPY_WRITTEN_HEADER_SIZE], npy_type type, const size_t *shape, int rank) {
  const size_t lead = MAGIC_BYTES + 4; /* with the version and the header length */
  char tuple[ARRAY_TUPLE_SIZE];
  array_format_tuple(tuple, shape, rank);
  const int written = snprintf(text + lead, NPY_WRITTEN_HEADER_SIZE - lead,
                               "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr_of(type), tuple);
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
