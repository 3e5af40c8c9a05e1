/* The directory of a ZIP archive: see zip.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/files/zip.h"

#define END_BYTES 22u
#define MOST_COMMENT 65535u
#define ENTRY_BYTES 46u
#define LOCAL_BYTES 30u
#define END_SIGNATURE 0x06054b50u
#define ENTRY_SIGNATURE 0x02014b50u
#define LOCAL_SIGNATURE 0x04034b50u
#define MOST_DIRECTORY 25000000u
#define MOST_VERSION 63u      /* of the specification, as in zipfile */
#define MOST_RATIO 1032u      /* of unpacked to packed bytes in deflate, see zlib's "Maximum compression factor" */
#define FLAGS_ALLOWED 0x080eu /* how hard deflate tried; sizes after the data, too; the name is UTF-8 */
#define UNICODE_PATH 0x7075u  /* an extra field that gives the member another name */
#define MOST_NAMES_SHOWN 10u
#define NAME "'%.64s'"

typedef struct entry {
  const unsigned char *at; /* in the directory */
  const char *name;        /* without a NUL at its end */
  size_t name_bytes;
  uint64_t start; /* of the local header */
} entry;

typedef struct directory {
  unsigned char *bytes;
  size_t size;
  uint64_t start; /* in the file */
  entry *entries;
  size_t count;
} directory;

/* Little-endian numbers. */
static uint32_t two(const unsigned char *at) {
  return (uint32_t)(at[0] | at[1] << 8);
}

static uint32_t four(const unsigned char *at) {
  return two(at) | two(at + 2) << 16;
}

/* ---- the end record ---------------------------------------------------------------------------------------------- */

static file_status check_end(const unsigned char *end, uint64_t position, directory *d, const reporter *to) {
  const uint32_t bytes = four(end + 12), start = four(end + 16);
  d->count = two(end + 10);
  d->size = bytes;
  d->start = start;
  if (d->count == 0xffff || bytes == 0xffffffffu || start == 0xffffffffu)
    return file_fail(to, FILE_UNSUPPORTED, "the archive needs ZIP64 (allowed: fewer than 65535 members, up to 4 GiB)");
  if (two(end + 4) != 0 || two(end + 6) != 0 || two(end + 8) != d->count)
    return file_fail(to, FILE_UNSUPPORTED, "the archive is on several disks (allowed: one file)");
  if (bytes > MOST_DIRECTORY)
    return file_fail(to, FILE_TOO_LARGE, "the directory has %" PRIu32 " bytes (allowed: up to %u)", bytes,
                     MOST_DIRECTORY);
  if (d->start + d->size == position) return FILE_OK;
  return file_fail(to, FILE_BAD_HEADER,
                   "the directory has %zu bytes from byte %" PRIu64 " on, its end record is at byte %" PRIu64
                   " (allowed: a directory that ends there)",
                   d->size, d->start, position);
}

/* The end record has a comment of any length, up to the end of the file. As in zipfile it is the last with the
 * signature: a comment has none. */
static file_status read_end(FILE *file, uint64_t file_bytes, directory *d, const reporter *to) {
  const size_t most = END_BYTES + MOST_COMMENT, size = file_bytes < most ? (size_t)file_bytes : most;
  unsigned char *tail = malloc(size + 1);
  if (tail == NULL) return file_fail(to, FILE_OUT_OF_MEMORY, "no memory for %zu bytes", size);
  file_status status = file_seek(file, file_bytes - size)
                           ? file_read(file, tail, size, "end of the archive", to)
                           : file_fail(to, FILE_READ_FAILED, "the end of the archive cannot be reached");
  const unsigned char *end = NULL;
  size_t at = size < sizeof(uint32_t) ? 0 : size - sizeof(uint32_t) + 1;
  while (status == FILE_OK && at > 0 && end == NULL)
    if (four(tail + --at) == END_SIGNATURE) end = tail + at;
  if (end != NULL && (size - at < END_BYTES || two(end + 20) != size - at - END_BYTES)) end = NULL;
  if (status == FILE_OK && end == NULL)
    status = file_fail(to, FILE_WRONG_FORMAT, "not a ZIP archive (allowed: files that end in the record of one)");
  if (status == FILE_OK) status = check_end(end, file_bytes - size + (size_t)(end - tail), d, to);
  free(tail);
  return status;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

/* Extra fields: two bytes of a kind, two of a length, and so many more. */
static bool extras_are_whole(const unsigned char *at, size_t size, bool *renamed) {
  while (size >= 4) {
    const size_t length = two(at + 2) + 4u;
    if (two(at) == UNICODE_PATH) *renamed = true;
    if (length > size) return false;
    at += length;
    size -= length;
  }
  return true;
}

static file_status read_entry(directory *d, size_t index, size_t *at, const reporter *to) {
  const unsigned char *from = d->bytes + *at;
  const size_t left = d->size - *at;
  bool renamed = false;
  if (left < ENTRY_BYTES || four(from) != ENTRY_SIGNATURE)
    return file_fail(to, FILE_BAD_HEADER, "the directory has no entry %zu at its byte %zu", index, *at);
  const size_t name = two(from + 28), extra = two(from + 30), bytes = ENTRY_BYTES + name + extra + two(from + 32);
  if (bytes > left)
    return file_fail(to, FILE_BAD_HEADER, "entry %zu has %zu bytes, the directory has %zu left", index, bytes, left);
  if (memchr(from + ENTRY_BYTES, '\0', name) != NULL)
    return file_fail(to, FILE_BAD_HEADER, "the name of entry %zu has a NUL byte", index);
  if (!extras_are_whole(from + ENTRY_BYTES + name, extra, &renamed) || renamed)
    return file_fail(to, renamed ? FILE_UNSUPPORTED : FILE_BAD_HEADER, "entry %zu has %s", index,
                     renamed ? "a second name" : "an extra field that is cut off");
  if ((two(from + 6) & 0xff) > MOST_VERSION)
    return file_fail(to, FILE_UNSUPPORTED, "entry %zu needs version %.1f of ZIP (allowed: up to %.1f)", index,
                     (two(from + 6) & 0xff) / 10.0, MOST_VERSION / 10.0);
  d->entries[index] =
      (entry){.at = from, .name = (const char *)from + ENTRY_BYTES, .name_bytes = name, .start = four(from + 42)};
  *at += bytes;
  return FILE_OK;
}

static file_status read_directory(FILE *file, directory *d, const reporter *to) {
  const size_t count = d->count;
  size_t at = 0;
  d->bytes = malloc(d->size + 1);
  d->entries = calloc(count + 1, sizeof *d->entries);
  d->count = 0; /* of those that were read */
  if (d->bytes == NULL || d->entries == NULL)
    return file_fail(to, FILE_OUT_OF_MEMORY, "no memory for a directory of %zu members", count);
  if (!file_seek(file, d->start)) return file_fail(to, FILE_READ_FAILED, "the directory cannot be reached");
  file_status status = file_read(file, d->bytes, d->size, "directory", to);
  for (; d->count < count && status == FILE_OK; ++d->count) status = read_entry(d, d->count, &at, to);
  if (status != FILE_OK || at == d->size) return status;
  return file_fail(to, FILE_BAD_HEADER, "the directory has %zu bytes after its %zu entries", d->size - at, d->count);
}

/* ---- one member -------------------------------------------------------------------------------------------------- */

/* Whether `part` is in the name from byte `at` on. */
static bool has_part(const entry *e, size_t at, const char *part) {
  const size_t bytes = strlen(part);
  return e->name != NULL && at <= e->name_bytes && bytes <= e->name_bytes - at &&
         memcmp(e->name + at, part, bytes) == 0;
}

static bool has_name(const entry *e, const char *name, const char *suffix) {
  const size_t first = strlen(name);
  return e->name_bytes == first + strlen(suffix) && has_part(e, 0, name) && has_part(e, first, suffix);
}

static file_status refuse_name(const directory *d, const char *name, const char *suffix, const reporter *to) {
  char list[MOST_NAMES_SHOWN * 72 + 32] = "none, it is empty";
  size_t length = 0;
  for (size_t i = 0; i < d->count && i < MOST_NAMES_SHOWN; ++i) {
    const entry *e = &d->entries[i];
    const size_t ending = strlen(suffix), bytes = e->name_bytes;
    const bool ends = bytes >= ending && has_part(e, bytes - ending, suffix);
    const size_t shown = ends ? bytes - ending : bytes;
    length += (size_t)snprintf(list + length, sizeof list - length, "%s'%.*s'", i > 0 ? ", " : "",
                               shown < 64 ? (int)shown : 64, e->name);
  }
  if (d->count > MOST_NAMES_SHOWN)
    snprintf(list + length, sizeof list - length, " and %zu more", d->count - MOST_NAMES_SHOWN);
  if (name != NULL) return file_fail(to, FILE_NO_TENSOR, "there is no array " NAME " (allowed: %s)", name, list);
  return file_fail(to, FILE_NO_TENSOR, "no array is named, as in PATH.npz:NAME (allowed: %s)", list);
}

/* Where the next record begins: what a member may reach up to. */
static uint64_t room_of(const directory *d, const entry *e) {
  uint64_t end = d->start;
  for (size_t i = 0; i < d->count; ++i) {
    const entry *other = &d->entries[i];
    if (other == e || other->start < e->start) continue;
    if (other->start < end) end = other->start;
  }
  return end;
}

/* The local header repeats the name; its own extra fields and sizes say nothing new. */
static file_status find_data(FILE *file, const directory *d, const entry *e, zip_member *m, const reporter *to) {
  unsigned char local[LOCAL_BYTES];
  const uint64_t end = room_of(d, e);
  char name[1024];
  const bool fits = e->start + LOCAL_BYTES <= end && e->name_bytes <= sizeof name;
  if (!fits || !file_seek(file, e->start))
    return file_fail(to, FILE_BAD_HEADER, "the header of the array is at byte %" PRIu64 ", where another record is",
                     e->start);
  file_status status = file_read(file, local, sizeof local, "header of a member", to);
  if (status == FILE_OK) status = file_read(file, name, e->name_bytes, "name of a member", to);
  if (status != FILE_OK) return status;
  if (four(local) != LOCAL_SIGNATURE || two(local + 26) != e->name_bytes || memcmp(name, e->name, e->name_bytes) != 0)
    return file_fail(to, FILE_BAD_HEADER, "byte %" PRIu64 " has no header with the name of the array", e->start);
  m->data_start = e->start + LOCAL_BYTES + e->name_bytes + two(local + 28);
  if (m->data_start <= end && m->packed_bytes <= end - m->data_start) return FILE_OK;
  return file_fail(to, FILE_BAD_HEADER,
                   "the array takes %" PRIu64 " bytes from byte %" PRIu64 " on, the next record is at byte %" PRIu64,
                   m->packed_bytes, m->data_start, end);
}

static file_status describe(const entry *e, zip_member *m, const reporter *to) {
  const uint32_t flags = two(e->at + 8), method = two(e->at + 10);
  *m = (zip_member){.checksum = four(e->at + 16),
                    .packed_bytes = four(e->at + 20),
                    .bytes = four(e->at + 24),
                    .deflated = method == 8};
  if ((flags & ~FLAGS_ALLOWED) != 0)
    return file_fail(to, FILE_UNSUPPORTED, "the array has the flags 0x%04" PRIx32 " (allowed: no password, no patch)",
                     flags);
  if (method != 0 && method != 8)
    return file_fail(to, FILE_UNSUPPORTED,
                     "the array is packed by method %" PRIu32 " (allowed: 0, stored, and 8, deflated)", method);
  if (m->packed_bytes == 0xffffffffu || m->bytes == 0xffffffffu || e->start == 0xffffffffu)
    return file_fail(to, FILE_UNSUPPORTED, "the array needs ZIP64 (allowed: arrays up to 4 GiB; others as .npy)");
  const bool possible = m->deflated ? m->bytes / MOST_RATIO <= m->packed_bytes : m->bytes == m->packed_bytes;
  if (possible) return FILE_OK;
  return file_fail(to, FILE_BAD_HEADER, "%" PRIu64 " packed bytes cannot become %" PRIu64, m->packed_bytes, m->bytes);
}

static file_status find(FILE *file, const directory *d, const char *name, const char *suffix, zip_member *m,
                        const reporter *to) {
  const entry *found = NULL;
  for (size_t i = 0; name != NULL && i < d->count; ++i) {
    if (!has_name(&d->entries[i], name, suffix)) continue;
    if (found != NULL) return file_fail(to, FILE_BAD_HEADER, "the archive has two arrays " NAME, name);
    found = &d->entries[i];
  }
  if (found == NULL) return refuse_name(d, name, suffix, to);
  const file_status status = describe(found, m, to);
  return status == FILE_OK ? find_data(file, d, found, m, to) : status;
}

file_status zip_find(FILE *file, uint64_t file_bytes, const char *name, const char *suffix, zip_member *member,
                     const reporter *to) {
  directory d = {.count = 0};
  file_status status = read_end(file, file_bytes, &d, to);
  if (status == FILE_OK) status = read_directory(file, &d, to);
  if (status == FILE_OK) status = find(file, &d, name, suffix, member, to);
  free(d.entries);
  free(d.bytes);
  return status;
}
