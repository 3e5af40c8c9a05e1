/* Reads .safetensors files: safetensors.h describes the format and what is accepted.
 *
 * jansson parses the JSON. It refuses invalid UTF-8, names given twice, U+0000 and numbers
 * beyond 64 bits. The result is then checked against the format. The length of the header limits
 * memory: jansson needs 20 times that length for tensors, and up to 80 times, 2 GB for the
 * longest header, for hostile input. / */
#include "cli/files/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define LENGTH_BYTES 8
#define MOST_HEADER_BYTES 25000000
#define MOST_DEPTH 127 /* of nested arrays and objects, as in the package */
#define MOST_NAMES_SHOWN 10
#define NAME "'%.64s'" /* for messages: a name may be as long as the header */
#define READABLE "(allowed: F32, F16, BF16, F64, BOOL)"
#define KEYS "(allowed: dtype, shape and data_offsets, all of them)"

enum { NOT_READ = -1 };

typedef struct dtype {
  const char *name;
  uint64_t bits;
  int type; /* an npy_type or NOT_READ */
} dtype;

/* All that exist, because the sizes of all tensors in a file are checked. */
static const dtype dtypes[] = {
    {"F32", 32, NPY_F4},          {"F16", 16, NPY_F2},         {"BF16", 16, NPY_BF16},   {"F64", 64, NPY_F8},
    {"I64", 64, NOT_READ},        {"U64", 64, NOT_READ},       {"C64", 64, NOT_READ},    {"I32", 32, NOT_READ},
    {"U32", 32, NOT_READ},        {"I16", 16, NOT_READ},       {"U16", 16, NOT_READ},    {"I8", 8, NOT_READ},
    {"U8", 8, NOT_READ},          {"BOOL", 8, NPY_BOOL},       {"F8_E5M2", 8, NOT_READ}, {"F8_E4M3", 8, NOT_READ},
    {"F8_E8M0", 8, NOT_READ},     {"F6_E2M3", 6, NOT_READ},    {"F6_E3M2", 6, NOT_READ}, {"F4", 4, NOT_READ},
    {"F8_E4M3FNUZ", 8, NOT_READ}, {"F8_E5M2FNUZ", 8, NOT_READ}};

typedef struct entry {
  const char *name;    /* of the tensor; name and shape point into the JSON */
  const json_t *shape; /* whole numbers only */
  const dtype *type;
  uint64_t begin, end;
} entry;

typedef struct contents {
  json_t *json;
  entry *entries; /* sorted by their offsets */
  size_t count;
  uint64_t data_start, data_bytes; /* in the file */
} contents;

/* ---- the header as JSON ------------------------------------------------------------------------------------------ */

/* Whether the number here is -0. */
static bool is_minus_zero(const char *at, const char *end) {
  return end - at > 1 && at[0] == '-' && at[1] == '0' && (end - at == 2 || strchr("0123456789.eE", at[2]) == NULL);
}

/* Prepares for refusing what jansson accepts and the package does not. jansson reads -0 as 0,
 * but the package does not accept -0 as a whole number from 0: it is replaced with -1, which is
 * refused later. False if the header is nested too deeply. */
static bool prepare(char *text, size_t length) {
  const char *end = text + length;
  bool in_string = false;
  size_t depth = 0;
  for (char *at = text; at < end; ++at) {
    if (*at == '"') in_string = !in_string;
    if (in_string && *at == '\\') ++at; /* an escaped character does not end the string */
    if (in_string) continue;
    if (*at == '[' || *at == '{') ++depth;
    if ((*at == ']' || *at == '}') && depth > 0) --depth;
    if (depth > MOST_DEPTH) return false;
    if (is_minus_zero(at, end)) at[1] = '1';
  }
  return true;
}

static file_status parse(char *text, size_t length, contents *c, const reporter *to) {
  json_error_t error;
  if (length == 0 || text[0] != '{') {
    return file_fail(to, FILE_WRONG_FORMAT, "not a .safetensors file (allowed: files whose header begins with '{')");
  }
  if (memchr(text, '\0', length)) { /* jansson overlooks one after a number */
    return file_fail(to, FILE_BAD_HEADER, "the header has a NUL byte (allowed: JSON without any)");
  }
  if (!prepare(text, length)) {
    return file_fail(to, FILE_BAD_HEADER, "the header is nested too deeply (allowed: %d levels)", MOST_DEPTH);
  }
  c->json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
  if (c->json) return FILE_OK;
  return file_fail(to, FILE_BAD_HEADER, "the header is refused as JSON at byte %d: %s", error.position, error.text);
}

static file_status read_header(FILE *file, uint64_t file_bytes, contents *c, const reporter *to) {
  unsigned char bytes[LENGTH_BYTES];
  file_status status = file_read(file, bytes, sizeof bytes, "header length", to);
  if (status != FILE_OK) return status;
  uint64_t length = 0;
  for (size_t i = LENGTH_BYTES; i-- > 0;) length = length << 8 | bytes[i];
  if (length > MOST_HEADER_BYTES) {
    return file_fail(to, FILE_TOO_LARGE, "the header has %" PRIu64 " bytes (allowed: up to %d)", length,
                     MOST_HEADER_BYTES);
  }
  c->data_start = LENGTH_BYTES + length;
  if (c->data_start > file_bytes) {
    return file_fail(to, FILE_TRUNCATED, "the header ends at byte %" PRIu64 " of the file, the file at byte %" PRIu64,
                     c->data_start, file_bytes);
  }
  c->data_bytes = file_bytes - c->data_start;
  char *text = malloc((size_t)length + 1);
  if (!text) return file_fail(to, FILE_OUT_OF_MEMORY, "no memory for a header of %" PRIu64 " bytes", length);
  status = file_read(file, text, (size_t)length, "header", to);
  if (status == FILE_OK) status = parse(text, (size_t)length, c, to);
  free(text);
  return status;
}

/* ---- the header as a list of tensors ----------------------------------------------------------------------------- */

static file_status check_metadata(json_t *metadata, const reporter *to) {
  const char *key;
  json_t *value;
  bool good = json_is_object(metadata);
  json_object_foreach(metadata, key, value) good = good && json_is_string(value);
  return good ? FILE_OK : file_fail(to, FILE_BAD_HEADER, "__metadata__ is malformed (allowed: an object of strings)");
}

static const dtype *find_dtype(const char *name) {
  for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; ++i)
    if (strcmp(dtypes[i].name, name) == 0) return &dtypes[i];
  return NULL;
}

/* Whether it is a list of whole numbers, 0 or more. */
static bool is_list(const json_t *list) {
  if (!json_is_array(list)) return false;
  for (size_t i = 0; i < json_array_size(list); ++i) {
    const json_t *number = json_array_get(list, i);
    if (!json_is_integer(number) || json_integer_value(number) < 0) return false;
  }
  return true;
}

static uint64_t number_at(const json_t *list, size_t index) {
  return (uint64_t)json_integer_value(json_array_get(list, index));
}

/* *count becomes the product of the shape; false if its bits cannot be counted, even if another
 * dimension is 0. */
static bool count_elements(const entry *e, uint64_t *count) {
  const uint64_t most = UINT64_MAX / e->type->bits;
  bool empty = false;
  *count = 1;
  for (size_t i = 0; i < json_array_size(e->shape); ++i) {
    const uint64_t dimension = number_at(e->shape, i);
    if (dimension > PTRDIFF_MAX || (dimension > 0 && dimension > most / *count)) return false;
    if (dimension > 0) *count *= dimension;
    empty = empty || dimension == 0;
  }
  if (empty) *count = 0;
  return true;
}

static file_status check_size(const entry *e, const reporter *to) {
  uint64_t count;
  if (!count_elements(e, &count)) {
    return file_fail(to, FILE_TOO_LARGE, "the shape of tensor " NAME " is too large (allowed: up to %zu bytes)",
                     e->name, (size_t)PTRDIFF_MAX);
  }
  const uint64_t bits = count * e->type->bits;
  if (e->begin <= e->end && bits % 8 == 0 && bits / 8 == e->end - e->begin) return FILE_OK;
  return file_fail(to, FILE_BAD_HEADER,
                   "tensor " NAME " has %" PRIu64 " elements of %s, which is %" PRIu64
                   " bits, and data_offsets [%" PRIu64 ", %" PRIu64
                   "] (allowed: offsets exactly that far apart, in whole bytes)",
                   e->name, count, e->type->name, bits, e->begin, e->end);
}

/* Ignores other keys, as the package does. */
static file_status check_keys(const char *name, const json_t *value, const reporter *to) {
  static const char *const keys[] = {"dtype", "shape", "data_offsets"};
  for (size_t i = 0; i < 3; ++i) {
    if (json_object_get(value, keys[i])) continue;
    return file_fail(to, FILE_BAD_HEADER, "tensor " NAME " has no %s " KEYS, name, keys[i]);
  }
  return FILE_OK;
}

static file_status read_entry(const char *name, json_t *value, entry *e, const reporter *to) {
  const file_status status = check_keys(name, value, to);
  if (status != FILE_OK) return status;
  const json_t *type = json_object_get(value, "dtype"), *offsets = json_object_get(value, "data_offsets");
  e->name = name;
  e->shape = json_object_get(value, "shape");
  if (!json_is_string(type)) {
    return file_fail(to, FILE_BAD_HEADER, "the dtype of tensor " NAME " is not a string", name);
  }
  e->type = find_dtype(json_string_value(type));
  if (!e->type) {
    return file_fail(to, FILE_BAD_HEADER, "tensor " NAME " has the unknown dtype " NAME " " READABLE, name,
                     json_string_value(type));
  }
  if (!is_list(e->shape)) {
    return file_fail(to, FILE_BAD_HEADER, "the shape of tensor " NAME " is not a list of whole numbers, 0 or more",
                     name);
  }
  if (!is_list(offsets) || json_array_size(offsets) != 2) {
    return file_fail(to, FILE_BAD_HEADER,
                     "the data_offsets of tensor " NAME " are not a list of two whole numbers, 0 or more", name);
  }
  e->begin = number_at(offsets, 0);
  e->end = number_at(offsets, 1);
  return check_size(e, to);
}

/* A tensor without elements begins where another one begins, and sorts before it. */
static int by_offsets(const void *left, const void *right) {
  const entry *a = left, *b = right;
  if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
  if (a->end != b->end) return a->end < b->end ? -1 : 1;
  return strcmp(a->name, b->name);
}

/* Checks that the tensors cover the data without gaps and overlaps. */
static file_status check_tiling(contents *c, const reporter *to) {
  uint64_t at = 0;
  if (c->count > 0) qsort(c->entries, c->count, sizeof *c->entries, by_offsets);
  for (size_t i = 0; i < c->count; ++i) {
    const entry *e = &c->entries[i];
    if (e->begin != at) {
      return file_fail(to, FILE_BAD_HEADER,
                       "tensor " NAME " begins at byte %" PRIu64 " of the data (allowed: %" PRIu64
                       ", the first byte that no other tensor has)",
                       e->name, e->begin, at);
    }
    at = e->end;
  }
  if (at == c->data_bytes) return FILE_OK;
  return file_fail(to, at > c->data_bytes ? FILE_TRUNCATED : FILE_TRAILING_BYTES,
                   "the tensors need %" PRIu64 " bytes of data, the file has %" PRIu64, at, c->data_bytes);
}

static file_status read_entries(contents *c, const reporter *to) {
  const char *name;
  json_t *value;
  c->entries = calloc(json_object_size(c->json) + 1, sizeof *c->entries);
  if (!c->entries) return file_fail(to, FILE_OUT_OF_MEMORY, "no memory for %zu names", json_object_size(c->json));
  json_object_foreach(c->json, name, value) {
    const bool is_metadata = strcmp(name, "__metadata__") == 0;
    const file_status status =
        is_metadata ? check_metadata(value, to) : read_entry(name, value, &c->entries[c->count], to);
    if (status != FILE_OK) return status;
    if (!is_metadata) ++c->count;
  }
  return check_tiling(c, to);
}

/* ---- one tensor -------------------------------------------------------------------------------------------------- */

static file_status read_tensor(FILE *file, uint64_t data_start, const entry *e, array *out, const reporter *to) {
  const size_t rank = json_array_size(e->shape);
  if (e->type->type == NOT_READ) {
    const bool integers = e->type->name[0] == 'I' || e->type->name[0] == 'U';
    return file_fail(to, integers ? FILE_INTEGERS : FILE_UNSUPPORTED, "tensor " NAME " has dtype %s " READABLE, e->name,
                     e->type->name);
  }
  if (rank > ARRAY_MOST_DIMENSIONS) {
    return file_fail(to, FILE_UNSUPPORTED, "tensor " NAME " has %zu dimensions (allowed: 0 to %d)", e->name, rank,
                     ARRAY_MOST_DIMENSIONS);
  }
  out->type = (npy_type)e->type->type;
  out->rank = (int)rank;
  for (size_t axis = 0; axis < rank; ++axis) out->shape[axis] = (size_t)number_at(e->shape, axis);
  if (!array_count(out->shape, out->rank, sizeof *out->data, &out->count)) {
    return file_fail(to, FILE_TOO_LARGE, "tensor " NAME " is too large (allowed: up to %zu bytes as float)", e->name,
                     (size_t)PTRDIFF_MAX);
  }
  if (!file_seek(file, data_start + e->begin)) {
    return file_fail(to, FILE_READ_FAILED, "byte %" PRIu64 " of the file cannot be reached", data_start + e->begin);
  }
  byte_source source = file_source(file);
  return array_read(out, &source, (array_layout){.big_endian = false}, to);
}

static file_status refuse_name(const contents *c, const char *name, const reporter *to) {
  char list[MOST_NAMES_SHOWN * 72 + 32] = "none, it is empty";
  size_t length = 0;
  for (size_t i = 0; i < c->count && i < MOST_NAMES_SHOWN; ++i) {
    length += (size_t)snprintf(list + length, sizeof list - length, "%s" NAME, i > 0 ? ", " : "", c->entries[i].name);
  }
  if (c->count > MOST_NAMES_SHOWN) {
    snprintf(list + length, sizeof list - length, " and %zu more", c->count - MOST_NAMES_SHOWN);
  }
  if (name) return file_fail(to, FILE_NO_TENSOR, "there is no tensor " NAME " (allowed: %s)", name, list);
  return file_fail(to, FILE_NO_TENSOR, "no tensor is named, as in PATH.safetensors:NAME (allowed: %s)", list);
}

static const entry *find_name(const contents *c, const char *name) {
  for (size_t i = 0; name && i < c->count; ++i)
    if (strcmp(c->entries[i].name, name) == 0) return &c->entries[i];
  return NULL;
}

static file_status find_and_read(FILE *file, const contents *c, const char *name, array *out, const reporter *to) {
  const entry *found = find_name(c, name);
  return found ? read_tensor(file, c->data_start, found, out, to) : refuse_name(c, name, to);
}

/* The header of an open file. Free the contents in every case. */
static file_status read_contents(FILE *file, uint64_t file_bytes, contents *c, const reporter *to) {
  const file_status status = read_header(file, file_bytes, c, to);
  return status == FILE_OK ? read_entries(c, to) : status;
}

static void free_contents(contents *c) {
  free(c->entries);
  json_decref(c->json);
}

file_status safetensors_read(const char *path, const char *name, array *out, char *message, size_t message_size) {
  const reporter to = {path, message, message_size};
  contents c = {.count = 0};
  FILE *file = NULL;
  uint64_t file_bytes = 0;
  memset(out, 0, sizeof *out);
  file_status status = file_open(&to, &file, &file_bytes);
  if (status != FILE_OK) return status;
  status = read_contents(file, file_bytes, &c, &to);
  if (status == FILE_OK) status = find_and_read(file, &c, name, out, &to);
  fclose(file); /* opened for reading: no error can lose data */
  free_contents(&c);
  if (status != FILE_OK) array_free(out);
  return status;
}

bool safetensors_has(const char *path, const char *name) {
  const reporter to = {.path = path};
  contents c = {.count = 0};
  FILE *file = NULL;
  uint64_t file_bytes = 0;
  if (file_open(&to, &file, &file_bytes) != FILE_OK) return false;
  const bool has = read_contents(file, file_bytes, &c, &to) == FILE_OK && find_name(&c, name) != NULL;
  fclose(file);
  free_contents(&c);
  return has;
}
