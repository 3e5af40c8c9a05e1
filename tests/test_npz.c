/* The .npz reader: arrays that it reads, and the error for everything that it must refuse.
 *
 * Archives are built from their parts, so that each part can be wrong. Everything happens in the working directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files.h"
#include "cli/files/npz.h"
#include "cli/files/tensor_file.h"

#define PATH "test.npz"
#define MOST_BYTES 4096
#define ELEMENTS 2

static char message[1024];

/* ---- archives ---------------------------------------------------------------------------------------------------- */

static const float values[ELEMENTS] = {1.5f, -2.0f};

typedef struct text {
  unsigned char bytes[MOST_BYTES];
  size_t size;
} text;

static void append(text *to, const void *bytes, size_t size) {
  assert_true(to->size + size <= sizeof to->bytes);
  memcpy(to->bytes + to->size, bytes, size);
  to->size += size;
}

static void append_number(text *to, uint64_t number, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i, number >>= 8) append(to, &(unsigned char){number & 0xff}, 1);
}

/* A .npy file of both values. */
static void npy_of(text *to) {
  static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  to->size = 0;
  append(to, "\x93NUMPY\1", 8);
  append_number(to, sizeof header - 1, 2);
  append(to, header, sizeof header - 1);
  append(to, "\0\0\xc0\x3f\0\0\0\xc0", sizeof values);
}

/* Bit by bit, unlike the reader's. */
static uint32_t checksum_of(const text *t) {
  uint32_t sum = 0xffffffff;
  for (size_t i = 0; i < t->size; ++i) {
    sum ^= t->bytes[i];
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return sum ^ 0xffffffff;
}

/* What an entry says; what a test does not set is right. */
typedef struct made {
  const char *name, *local_name; /* local_name NULL: name */
  bool deflated;
  uint32_t flags, method, version, more_bytes, more_packed, wrong_sum;
  uint64_t start; /* with moved */
  bool moved;
  const char *extra; /* of the directory */
  size_t extra_bytes;
} made;

static void append_member(text *file, text *directory, const made *m) {
  static const made plain = {.name = "x.npy"};
  text data, packed = {.size = 0};
  if (m == NULL) m = &plain;
  npy_of(&data);
  if (m->deflated) { /* one block without compression (RFC 1951, 3.2.4) */
    append_number(&packed, 1, 1);
    append_number(&packed, data.size, 2);
    append_number(&packed, ~data.size, 2);
  }
  append(&packed, data.bytes, data.size);
  const char *local = m->local_name != NULL ? m->local_name : m->name;
  const uint64_t start = m->moved ? m->start : file->size;
  const uint32_t method = m->method != 0 ? m->method : m->deflated ? 8 : 0;
  append_number(file, 0x04034b50, 4);
  append_number(file, 0, 22); /* what is known from the directory */
  append_number(file, strlen(local), 2);
  append_number(file, 3, 2);
  append(file, local, strlen(local));
  append(file, "???", 3);
  append(file, packed.bytes, packed.size);
  append_number(directory, 0x02014b50, 4);
  append_number(directory, 20, 2);
  append_number(directory, m->version != 0 ? m->version : 20, 2);
  append_number(directory, m->flags, 2);
  append_number(directory, method, 2);
  append_number(directory, 0, 4);
  append_number(directory, checksum_of(&data) ^ m->wrong_sum, 4);
  append_number(directory, packed.size + m->more_packed, 4);
  append_number(directory, data.size + m->more_bytes, 4);
  append_number(directory, strlen(m->name), 2);
  append_number(directory, m->extra_bytes, 2);
  append_number(directory, 0, 10);
  append_number(directory, start, 4);
  append(directory, m->name, strlen(m->name));
  if (m->extra != NULL) append(directory, m->extra, m->extra_bytes);
}

typedef struct ending {
  uint32_t disk, more_entries, more_bytes, more_start;
  const char *comment, *after;
} ending;

static text archive_of(const made *members, size_t count, const ending *e) {
  text file = {.size = 0}, directory = {.size = 0};
  for (size_t i = 0; i < count; ++i) append_member(&file, &directory, members != NULL ? &members[i] : NULL);
  const size_t start = file.size;
  append(&file, directory.bytes, directory.size);
  append_number(&file, 0x06054b50, 4);
  append_number(&file, e->disk, 2);
  append_number(&file, 0, 2);
  append_number(&file, count + e->more_entries, 2);
  append_number(&file, count + e->more_entries, 2);
  append_number(&file, directory.size + e->more_bytes, 4);
  append_number(&file, start + e->more_start, 4);
  append_number(&file, e->comment != NULL ? strlen(e->comment) : 0, 2);
  if (e->comment != NULL) append(&file, e->comment, strlen(e->comment));
  if (e->after != NULL) append(&file, e->after, strlen(e->after));
  return file;
}

static void write_archive(const made *members, size_t count, const ending *e) {
  const text file = archive_of(members, count, e != NULL ? e : &(ending){0});
  files_write(PATH, file.bytes, file.size);
}

/* ---- expectations ------------------------------------------------------------------------------------------------ */

static void judge(const char *argument, file_status expected, const char *part) {
  array a;
  message[0] = '\0';
  const file_status status = tensor_file_read(argument, &a, message, sizeof message);
  if (status != expected || !strstr(message, part))
    fail_msg("expected %d '%s', got %d: %s", expected, part, status, message);
  assert_int_equal(a.data != NULL, status == FILE_OK);
  if (status == FILE_OK) {
    assert_true(a.rank == 1 && a.shape[0] == ELEMENTS && a.type == NPY_F4);
    assert_memory_equal(a.data, values, sizeof values);
  }
  array_free(&a);
}

#ifdef CLATTN_WITH_ZLIB
static const file_status deflated_status = FILE_OK;
#define DEFLATED_PART ""
#else
static const file_status deflated_status = FILE_UNSUPPORTED;
#define DEFLATED_PART "the array is deflated, and clattn was built without zlib (allowed: stored, as numpy.savez"
#endif

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void members_are_read(void **state) {
  (void)state;
  static const made members[] = {
      {.name = "q.npy"}, {.name = "k.npy", .deflated = true}, {.name = "a/b.npy", .flags = 0x808}, {.name = "note"}};
  static const ending commented = {.comment = "a comment"};
  write_archive(members, 4, &commented);
  judge(PATH ":q", FILE_OK, "");
  judge(PATH ":k", deflated_status, DEFLATED_PART);
  judge(PATH ":a/b", FILE_OK, "");
  judge(PATH, FILE_NO_TENSOR, PATH ": no array is named, as in PATH.npz:NAME (allowed: 'q', 'k', 'a/b', 'note')");
  judge(PATH ":q.npy", FILE_NO_TENSOR, "there is no array 'q.npy' (allowed: 'q', 'k', 'a/b', 'note')");
  judge("absent.npz:q", FILE_CANNOT_OPEN, "absent.npz: cannot be opened: ");
  write_archive(NULL, 0, NULL);
  judge(PATH ":x", FILE_NO_TENSOR, "there is no array 'x' (allowed: none, it is empty)");
  write_archive(NULL, 1, NULL);
  assert_int_equal(rename(PATH, "test.npy"), 0);
  judge("test.npy", FILE_WRONG_FORMAT, "an .npz archive, not a .npy file (allowed: a name that ends in .npz and one");
  assert_int_equal(rename("test.npy", PATH), 0);
  assert_true(tensor_file_reads(PATH ":x", "./" PATH));
}

static void wrong_entries_are_refused(void **state) {
  (void)state;
  const struct {
    made member;
    file_status status;
    const char *part;
  } cases[] = {
      {{.name = "x.npy", .flags = 1}, FILE_UNSUPPORTED, "the array has the flags 0x0001 (allowed: no password"},
      {{.name = "x.npy", .flags = 0x20}, FILE_UNSUPPORTED, "the array has the flags 0x0020"},
      {{.name = "x.npy", .method = 12}, FILE_UNSUPPORTED, "packed by method 12 (allowed: 0, stored, and 8, deflated)"},
      {{.name = "x.npy", .version = 64}, FILE_UNSUPPORTED, "entry 0 needs version 6.4 of ZIP (allowed: up to 6.3)"},
      {{.name = "x.npy", .local_name = "y.npy"}, FILE_BAD_HEADER, "byte 0 has no header with the name of the array"},
      {{.name = "x.npy", .local_name = "xx.npy"}, FILE_BAD_HEADER, "byte 0 has no header with the name of the array"},
      {{.name = "x.npy", .wrong_sum = 1}, FILE_DAMAGED, "the array has the checksum"},
      {{.name = "x.npy", .more_bytes = 1}, FILE_BAD_HEADER, "76 packed bytes cannot become 77"},
      {{.name = "x.npy", .more_packed = 1}, FILE_BAD_HEADER, "77 packed bytes cannot become 76"},
      {{.name = "x.npy", .more_packed = 1, .more_bytes = 1},
       FILE_BAD_HEADER,
       "the array takes 77 bytes from byte 38 on, the next record is at byte 114"},
      {{.name = "x.npy", .more_bytes = 0xffffffff - 76}, FILE_UNSUPPORTED, "the array needs ZIP64"},
      {{.name = "x.npy", .moved = true, .start = 1},
       FILE_BAD_HEADER,
       "byte 1 has no header with the name of the array"},
      {{.name = "x.npy", .moved = true, .start = 100}, FILE_BAD_HEADER, "is at byte 100, where another record is"},
      {{.name = "x.npy", .moved = true, .start = 0xfffffffe}, FILE_BAD_HEADER, "is at byte 4294967294, where another"},
      {{.name = "x.npy", .extra = "\x01\0\x05\0abcd", .extra_bytes = 8},
       FILE_BAD_HEADER,
       "entry 0 has an extra field that is cut off"},
      {{.name = "x.npy", .extra = "\x75\x70\1\0a", .extra_bytes = 5}, FILE_UNSUPPORTED, "entry 0 has a second name"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    write_archive(&cases[i].member, 1, NULL);
    judge(PATH ":x", cases[i].status, cases[i].part);
  }
}

/* Members that share bytes unpack to more than the archive has: zip bombs. */
static void bombs_are_refused(void **state) {
  (void)state;
  const made twice[] = {{.name = "x.npy"}, {.name = "x.npy"}};
  const made shared[] = {{.name = "x.npy"}, {.name = "y.npy", .moved = true, .start = 0}};
  const made within[] = {{.name = "x.npy"}, {.name = "y.npy", .moved = true, .start = 40}};
  const made huge = {.name = "x.npy", .deflated = true, .more_bytes = 1000000};
  write_archive(twice, 2, NULL);
  judge(PATH ":x", FILE_BAD_HEADER, "the archive has two arrays 'x'");
  write_archive(shared, 2, NULL);
  judge(PATH ":x", FILE_BAD_HEADER, "the header of the array is at byte 0, where another record is");
  write_archive(within, 2, NULL);
  judge(PATH ":x", FILE_BAD_HEADER, "the array takes 76 bytes from byte 38 on, the next record is at byte 40");
  write_archive(&huge, 1, NULL);
  judge(PATH ":x", FILE_BAD_HEADER, "81 packed bytes cannot become 1000076");
#ifdef CLATTN_WITH_ZLIB
  /* The shape is checked before anything is unpacked to. */
  const made more = {.name = "x.npy", .deflated = true, .more_bytes = 80000};
  write_archive(&more, 1, NULL);
  judge(PATH ":x", FILE_TRAILING_BYTES, "shape (2,) of f4 needs 8 bytes of data, the file has 80008");
  const made less = {.name = "x.npy", .deflated = true, .more_packed = (uint32_t)-1};
  write_archive(&less, 1, NULL);
  judge(PATH ":x", FILE_TRUNCATED, "the file ends within the data: 7 bytes instead of 8");
#endif
}

static void wrong_ends_are_refused(void **state) {
  (void)state;
  const struct {
    ending end;
    file_status status;
    const char *part;
  } cases[] = {
      {{.after = "x"}, FILE_WRONG_FORMAT, "not a ZIP archive"},
      {{.comment = "PK\5\6"}, FILE_WRONG_FORMAT, "not a ZIP archive"},
      {{.comment = "PK\5\6, which begins no other record"}, FILE_WRONG_FORMAT, "not a ZIP archive"},
      {{.disk = 1}, FILE_UNSUPPORTED, "the archive is on several disks"},
      {{.more_entries = 1}, FILE_BAD_HEADER, "the directory has no entry 1 at its byte 51"},
      {{.more_entries = 0xffff - 1}, FILE_UNSUPPORTED, "the archive needs ZIP64"},
      {{.more_entries = (uint32_t)-1}, FILE_BAD_HEADER, "the directory has 51 bytes after its 0 entries"},
      {{.more_bytes = 1},
       FILE_BAD_HEADER,
       "the directory has 52 bytes from byte 114 on, its end record is at byte 165"},
      {{.more_bytes = 30000000}, FILE_TOO_LARGE, "the directory has 30000051 bytes (allowed: up to 25000000)"},
      {{.more_start = 1}, FILE_BAD_HEADER, "the directory has 51 bytes from byte 115 on"},
      {{.more_bytes = 1, .more_start = (uint32_t)-1}, FILE_BAD_HEADER, "the directory has no entry 0 at its byte 0"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    write_archive(NULL, 1, &cases[i].end);
    judge(PATH ":x", cases[i].status, cases[i].part);
  }
  files_write(PATH, "", 0);
  judge(PATH ":x", FILE_WRONG_FORMAT, "not a ZIP archive");
}

/* Whatever one byte is, or how much is missing: the array is read as it was, or refused. */
static void damage_is_noticed(void **state) {
  (void)state;
  for (int deflated = 0; deflated < 2; ++deflated) {
    const made member = {.name = "x.npy", .deflated = deflated};
    const text good = archive_of(&member, 1, &(ending){0});
    for (size_t i = 0; i < good.size; ++i)
      for (int way = 0; way < 3; ++way) {
        text bad = good;
        array a;
        if (way < 2) bad.bytes[i] = way == 0 ? bad.bytes[i] ^ 1 : 0xff;
        files_write(PATH, bad.bytes, way == 2 ? i : bad.size);
        const file_status status = npz_read(PATH, "x", &a, message, sizeof message);
        if (status == FILE_OK && (way == 2 || a.rank != 1 || memcmp(a.data, values, sizeof values) != 0))
          fail_msg("byte %zu, way %d: read", i, way);
        array_free(&a);
      }
  }
}

static int tear_down_group(void **state) {
  (void)state;
  remove(PATH);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(members_are_read),  cmocka_unit_test(wrong_entries_are_refused),
      cmocka_unit_test(bombs_are_refused), cmocka_unit_test(wrong_ends_are_refused),
      cmocka_unit_test(damage_is_noticed),
  };
  return cmocka_run_group_tests_name("npz", tests, NULL, tear_down_group);
}
