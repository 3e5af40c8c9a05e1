/* The .npy reader and writer: reading back what was written, and an error for everything that must
 * be refused.
 *
 * Files are built byte by byte from their parts, so the reader is not only tested with the writer.
 * Everything happens in a folder inside the working directory, which is removed at the end. */
#if defined(__unix__) || defined(__APPLE__)
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#define HAS_POSIX
#endif

#include <float.h>
#include <math.h>
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
#include "cli/files/npy.h"

#define FOLDER "test_npy.tmp"
#define PATH FOLDER "/x.npy"
#define VERSION_1 "\x93NUMPY\x01\x00"
#define VERSION_2 "\x93NUMPY\x02\x00"
#define VERSION_3 "\x93NUMPY\x03\x00"
#define F4_PAIR "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"

static char message[512];

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* Counts and removes left-over .part files, so that one test's files do not appear in the next. */
static size_t remove_parts(void) {
  size_t count = 0;
#ifdef HAS_POSIX
  DIR *folder = opendir(FOLDER);
  for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
    char path[512];
    if (strstr(entry->d_name, ".part") == NULL) continue;
    snprintf(path, sizeof path, FOLDER "/%s", entry->d_name);
    count += remove(path) == 0;
  }
  if (folder != NULL) closedir(folder);
#endif
  return count;
}

/* Writes a file from its parts: magic with version, header length as wide as the version requires,
 * header, data. */
static void write_parts(const char *version, uint32_t length, const char *header, const void *data, size_t data_size) {
  static unsigned char bytes[32768];
  const size_t length_bytes = version[6] == 1 ? 2 : 4;
  const size_t header_size = strlen(header);
  assert_true(8 + length_bytes + header_size + data_size <= sizeof bytes);
  memcpy(bytes, version, 8);
  for (size_t i = 0; i < length_bytes; ++i) bytes[8 + i] = (unsigned char)(length >> 8 * i & 0xff);
  memcpy(bytes + 8 + length_bytes, header, header_size);
  if (data_size > 0) memcpy(bytes + 8 + length_bytes + header_size, data, data_size);
  files_write(PATH, bytes, 8 + length_bytes + header_size + data_size);
}

static void write_file(const char *header, const void *data, size_t data_size) {
  write_parts(VERSION_1, (uint32_t)strlen(header), header, data, data_size);
}

/* ---- expectations ------------------------------------------------------------------------------------------------ */

static void expect_floats(const float *expected, size_t count, int rank) {
  array a;
  message[0] = '\0';
  const file_status status = npy_read(PATH, &a, message, sizeof message);
  assert_string_equal(message, "");
  assert_int_equal(status, FILE_OK);
  assert_int_equal(a.rank, rank);
  assert_int_equal(a.count, count);
  assert_non_null(a.data);
  if (count > 0) assert_memory_equal(a.data, expected, count * sizeof *expected);
  array_free(&a);
  assert_null(a.data);
}

/* Checks the status, the path at the start of the message, and part of the rest. */
static void expect_refused_at(const char *path, file_status expected, const char *part) {
  array a;
  message[0] = '\0';
  const file_status status = npy_read(path, &a, message, sizeof message);
  if (status != expected || !strstr(message, part))
    print_message("expected %d '%s', got: %s\n", expected, part, message);
  assert_int_equal(status, expected);
  assert_non_null(strstr(message, part));
  assert_int_equal(strncmp(message, path, strlen(path)), 0);
  assert_null(a.data);
  assert_int_equal(a.count, 0);
}

static void expect_refused(file_status expected, const char *part) {
  expect_refused_at(PATH, expected, part);
}

static void expect_header_refused(const char *header, file_status expected, const char *part) {
  static const unsigned char data[8] = {0};
  write_file(header, data, sizeof data);
  expect_refused(expected, part);
}

/* ---- round trips ------------------------------------------------------------------------------------------------- */

static void round_trip(const size_t *shape, int rank, size_t count) {
  float *data = malloc((count + 1) * sizeof *data);
  assert_non_null(data);
  for (size_t i = 0; i < count; ++i) data[i] = (float)i * 0.37f - 5.0f;
  assert_int_equal(npy_write(PATH, NPY_F4, count ? data : NULL, shape, rank, message, sizeof message), FILE_OK);
  assert_int_equal(remove_parts(), 0);
  array a;
  assert_int_equal(npy_read(PATH, &a, message, sizeof message), FILE_OK);
  assert_int_equal(a.rank, rank);
  assert_int_equal(a.count, count);
  for (int axis = 0; axis < ARRAY_MOST_DIMENSIONS; ++axis) {
    assert_int_equal(a.shape[axis], axis < rank ? shape[axis] : 0);
  }
  assert_memory_equal(a.data, data, count * sizeof *data);
  array_free(&a);
  free(data);
}

static void round_trips_keep_shape_and_bits(void **state) {
  (void)state;
  round_trip(NULL, 0, 1);
  round_trip((size_t[]){1}, 1, 1);
  round_trip((size_t[]){5}, 1, 5);
  round_trip((size_t[]){3, 7}, 2, 21);
  round_trip((size_t[]){2, 3, 5}, 3, 30);
  round_trip((size_t[]){2, 3, 5, 7}, 4, 210);
  round_trip((size_t[]){131, 257}, 2, 131 * 257); /* more than one chunk, and not a whole number of chunks */
  round_trip((size_t[]){0}, 1, 0);
  round_trip((size_t[]){4, 0, 3}, 3, 0);
}

static void special_values_keep_their_bits(void **state) {
  (void)state;
  const float data[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, FLT_MAX, FLT_MIN, 1e-45f};
  assert_int_equal(npy_write(PATH, NPY_F4, data, (size_t[]){8}, 1, NULL, 0), FILE_OK);
  expect_floats(data, 8, 1);
}

static void written_bytes_are_those_of_the_format(void **state) {
  (void)state;
  const float data[] = {1.0f, 2.0f};
  assert_int_equal(npy_write(PATH, NPY_F4, data, (size_t[]){2, 1}, 2, message, sizeof message), FILE_OK);
  static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }";
  const size_t length = sizeof header - 1;
  char bytes[256];
  FILE *file = fopen(PATH, "rb");
  assert_non_null(file);
  assert_int_equal(fread(bytes, 1, sizeof bytes, file), 128 + sizeof data);
  fclose(file);
  assert_memory_equal(bytes, VERSION_1 "\x76\x00", 10); /* 118 bytes follow, up to byte 128 */
  assert_memory_equal(bytes + 10, header, length);
  for (size_t i = 10 + length; i < 127; ++i) assert_int_equal(bytes[i], ' ');
  assert_int_equal(bytes[127], '\n');
  assert_memory_equal(bytes + 128, "\0\0\x80\x3f\0\0\0\x40", 8);
}

static void data_start_is_always_aligned(void **state) {
  (void)state;
  const size_t shapes[][4] = {
      {0, 0, 0, 0}, {SIZE_MAX / 16, 0, 1, 1}, {12345, 0, SIZE_MAX / 16 / 12345, 1}, {1, 0, 99, 1234567}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; ++i) {
    for (int rank = 2; rank <= 4; ++rank) {
      assert_int_equal(npy_write(PATH, NPY_F4, NULL, shapes[i], rank, message, sizeof message), FILE_OK);
      FILE *file = fopen(PATH, "rb");
      assert_non_null(file);
      assert_int_equal(fseek(file, 0, SEEK_END), 0);
      assert_int_equal(ftell(file) % 64, 0);
      fclose(file);
      expect_floats(NULL, 0, rank);
    }
  }
}

/* ---- accepted files ---------------------------------------------------------------------------------------------- */

static void every_type_and_byte_order_is_read(void **state) {
  (void)state;
  const float expected[] = {1.5f, -2.0f}; /* 3fc00000 c0000000; 3ff8000000000000 c000000000000000 */
  write_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", "\0\0\xc0\x3f\0\0\0\xc0", 8);
  expect_floats(expected, 2, 1);
  write_file("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }\n", "\x3f\xc0\0\0\xc0\0\0\0", 8);
  expect_floats(expected, 2, 1);
  write_file("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", "\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\xc0",
             16);
  expect_floats(expected, 2, 1);
  write_file("{'descr': '>f8', 'fortran_order': False, 'shape': (2,), }\n", "\x3f\xf8\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0",
             16);
  expect_floats(expected, 2, 1);
}

static void every_version_and_spelling_is_read(void **state) {
  (void)state;
  static const char pair[] = "\0\0\x80\x3f\0\0\0\x40";
  static const char no_padding[] = "{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"<f4\"}";
  static const char broken_lines[] = "{ 'shape' : ( 2 , ) ,\n'descr':\n'<f4' , 'fortran_order' : True } \n";
  const float expected[] = {1.0f, 2.0f};
  write_parts(VERSION_2, sizeof F4_PAIR - 1, F4_PAIR, pair, 8);
  expect_floats(expected, 2, 1);
  write_parts(VERSION_3, sizeof F4_PAIR - 1, F4_PAIR, pair, 8);
  expect_floats(expected, 2, 1);
  write_file(no_padding, pair, 8);
  expect_floats(expected, 2, 1);
  write_file(broken_lines, pair, 8);
  expect_floats(expected, 2, 1);
  write_file("{'descr': '<f4', 'fortran_order': True, 'shape': (), }\n", pair, 4);
  expect_floats(expected, 1, 0);
  write_file("{'descr': '<f8', 'fortran_order': True, 'shape': (7, 0), }\n", pair, 0);
  expect_floats(expected, 0, 2);
}

/* Writes the numbers 0 ... count - 1 in Fortran order and expects them in C order. */
static void expect_transposed(const char *header, const size_t shape[4], int rank, bool is_double) {
  unsigned char data[64 * 8];
  float expected[64];
  size_t count = 1;
  for (int axis = 0; axis < rank; ++axis) count *= shape[axis];
  for (size_t i = 0; i < count; ++i) {
    size_t rest = i;
    size_t in_file = 0;
    size_t stride = count;
    for (int axis = rank - 1; axis >= 0; --axis) {
      stride /= shape[axis];
      in_file += rest % shape[axis] * stride;
      rest /= shape[axis];
    }
    expected[i] = (float)i;
    const double wide = (double)i;
    uint64_t bits = 0;
    if (is_double) {
      memcpy(&bits, &wide, 8);
    } else {
      uint32_t narrow_bits;
      memcpy(&narrow_bits, &expected[i], 4);
      bits = narrow_bits;
    }
    const size_t size = is_double ? 8 : 4;
    for (size_t byte = 0; byte < size; ++byte) data[in_file * size + byte] = (unsigned char)(bits >> 8 * byte & 0xff);
  }
  write_file(header, data, count * (is_double ? 8 : 4));
  expect_floats(expected, count, rank);
}

static void fortran_order_is_transposed(void **state) {
  (void)state;
  const size_t shape[] = {2, 3, 4, 2};
  expect_transposed("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }\n", shape, 1, false);
  expect_transposed("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", shape, 2, false);
  expect_transposed("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 4), }\n", shape, 3, false);
  expect_transposed("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3, 4, 2), }\n", shape, 4, true);
}

static void f8_is_rounded_and_keeps_nan_and_inf(void **state) {
  (void)state;
  array a;
  write_file("{'descr': '>f8', 'fortran_order': False, 'shape': (6,), }\n",
             "\x7f\xf8\0\0\0\0\0\0"             /* NaN */
             "\x7f\xf0\0\0\0\0\0\0"             /* Inf */
             "\xff\xf0\0\0\0\0\0\0"             /* -Inf */
             "\x47\xef\xff\xff\xe0\0\0\0"       /* FLT_MAX */
             "\x3f\xb9\x99\x99\x99\x99\x99\x9a" /* 0.1 */
             "\0\0\0\0\0\0\0\x01",              /* the smallest double */
             48);
  assert_int_equal(npy_read(PATH, &a, message, sizeof message), FILE_OK);
  assert_true(isnan(a.data[0]));
  assert_true(a.data[1] == INFINITY && a.data[2] == -INFINITY && a.data[3] == FLT_MAX);
  assert_true(a.data[4] == 0.1f && a.data[5] == 0.0f);
  array_free(&a);
}

/* ---- refused files ----------------------------------------------------------------------------------------------- */

static void f8_outside_float_is_refused_with_its_place(void **state) {
  (void)state;
  static const char header[] = "{'descr': '>f8', 'fortran_order': True, 'shape': (1, 2), }\n";
  write_file(header, "\0\0\0\0\0\0\0\0\x48\x07\x82\x87\xf4\x9c\x4a\x1d", 16);
  expect_refused(FILE_BAD_ELEMENT, "element (0, 1) is 9.9999999999999994e+38");
  write_file(header, "\xc7\xef\xff\xff\xe0\0\0\x01\0\0\0\0\0\0\0\0", 16); /* -FLT_MAX and one bit more */
  expect_refused(FILE_BAD_ELEMENT, "element (0, 0) is -3.40282");
}

static void every_shorter_file_is_truncated(void **state) {
  (void)state;
  char bytes[10 + sizeof F4_PAIR - 1 + 8] = VERSION_1;
  bytes[8] = (char)(sizeof F4_PAIR - 1);
  memcpy(bytes + 10, F4_PAIR, sizeof F4_PAIR - 1);
  for (size_t size = 0; size < sizeof bytes; ++size) {
    files_write(PATH, bytes, size);
    expect_refused(FILE_TRUNCATED, size < 8                         ? "within the magic and version"
                                   : size < 10                      ? "within the header length"
                                   : size < 10 + sizeof F4_PAIR - 1 ? "within the header"
                                                                    : "shape (2,) of f4 needs 8 bytes of data");
  }
  files_write(PATH, bytes, sizeof bytes);
  expect_floats((float[]){0.0f, 0.0f}, 2, 1);
}

static void foreign_files_are_refused(void **state) {
  (void)state;
  files_write(PATH, "PK\x03\x04", 4);
  expect_refused(FILE_WRONG_FORMAT, "not a .npy file");
  files_write(PATH, "\x93NUMPX\x01\x00\x00\x00", 10);
  expect_refused(FILE_WRONG_FORMAT, "not a .npy file");
  write_parts("\x93NUMPY\x09\x00", sizeof F4_PAIR - 1, F4_PAIR, NULL, 0);
  expect_refused(FILE_UNSUPPORTED, "version 9.0 is not supported (allowed: 1.0, 2.0 or 3.0)");
  write_parts("\x93NUMPY\x01\x01", sizeof F4_PAIR - 1, F4_PAIR, NULL, 0);
  expect_refused(FILE_UNSUPPORTED, "version 1.1 is");
  write_parts("\x93NUMPY\x00\x00", sizeof F4_PAIR - 1, F4_PAIR, NULL, 0);
  expect_refused(FILE_UNSUPPORTED, "version 0.0 is");
}

static void lying_header_lengths_are_refused(void **state) {
  (void)state;
  static const char data[8] = {0};
  write_parts(VERSION_1, 5000, F4_PAIR, data, 8);
  expect_refused(FILE_TRUNCATED, "within the header: 66 bytes instead of 5000");
  write_parts(VERSION_1, sizeof F4_PAIR + 3, F4_PAIR, data, 8); /* extends into the data */
  expect_refused(FILE_BAD_HEADER, "after '}'");
  write_parts(VERSION_1, sizeof F4_PAIR - 9, F4_PAIR, data, 8);
  expect_refused(FILE_BAD_HEADER, "the header ends where");
  write_parts(VERSION_1, 0, F4_PAIR, data, 8);
  expect_refused(FILE_BAD_HEADER, "the header ends where '{'");
  write_parts(VERSION_1, 10001, F4_PAIR, data, 8);
  expect_refused(FILE_TOO_LARGE, "the header has 10001 bytes (allowed: up to 10000)");
  write_parts(VERSION_2, 0xffffffff, F4_PAIR, data, 8);
  expect_refused(FILE_TOO_LARGE, "the header has 4294967295 bytes");
}

static void the_longest_header_is_10000_bytes(void **state) {
  (void)state;
  static char header[10002];
  memset(header, ' ', 10001);
  memcpy(header, F4_PAIR, sizeof F4_PAIR - 2);
  header[10000] = '\0';
  write_file(header, "\0\0\x80\x3f\0\0\x80\x3f", 8);
  expect_floats((float[]){1.0f, 1.0f}, 2, 1);
  header[10000] = ' ';
  write_file(header, "\0\0\x80\x3f\0\0\x80\x3f", 8);
  expect_refused(FILE_TOO_LARGE, "10001 bytes");
}

static void wrong_sizes_are_refused(void **state) {
  (void)state;
  static const char data[17] = {0};
  write_file(F4_PAIR, data, 9);
  expect_refused(FILE_TRAILING_BYTES, "shape (2,) of f4 needs 8 bytes of data, the file has 9");
  write_file("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }\n", data, 1);
  expect_refused(FILE_TRAILING_BYTES, "needs 0 bytes of data, the file has 1");
  write_file("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", data, 15);
  expect_refused(FILE_TRUNCATED, "needs 16 bytes of data, the file has 15");
  /* Memory is allocated only after the file is known to be large enough. */
  write_file("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 100, 2), }\n", data, 8);
  expect_refused(FILE_TRUNCATED, "needs 800000000 bytes");
}

#define SHAPED(shape) "{'descr': '<f4', 'fortran_order': False, 'shape': " shape ", }\n"

static void impossible_shapes_are_refused(void **state) {
  (void)state;
  expect_header_refused(SHAPED("(4294967296, 4294967296)"), FILE_TOO_LARGE, "too large");
  expect_header_refused(SHAPED("(4611686018427387904, 4)"), FILE_TOO_LARGE,
                        "too large"); /* 2^66 bytes: 0 after overflow */
  expect_header_refused(SHAPED("(2305843009213693952,)"), FILE_TOO_LARGE, "too large"); /* 2^63 bytes */
  expect_header_refused(SHAPED("(0, 4611686018427387904, 4)"), FILE_TOO_LARGE, "too large");
  expect_header_refused(SHAPED("(18446744073709551618,)"), FILE_TOO_LARGE, "a dimension is too large");
  expect_header_refused(SHAPED("(9999999999999999999999999,)"), FILE_TOO_LARGE, "a dimension is too large");
  expect_header_refused(SHAPED("(1, 1, 1, 1, 2)"), FILE_UNSUPPORTED,
                        "5 dimensions are not supported (allowed: 0 to 4)");
}

static void malformed_shapes_are_refused(void **state) {
  (void)state;
  static const char *const shapes[] = {"2",      "(2)",    "(-2,)",    "(+2,)",     "(2_0,)",  "(0x2,)", "(002,)",
                                       "(00,)",  "(2L,)",  "(2.,)",    "(2e0,)",    "(True,)", "('2',)", "(2,,)",
                                       "(,)",    "(,2)",   "((2,),)",  "(2, (1,))", "[2]",     "[2,)",   "(2,]",
                                       "(2 1,)", "(2,",    "None",     "(*(2,),)",  "(2j,)",   "(1+1,)", "(2,)(1,)",
                                       "(2,)*1", "(\t2,)", "(2,\\\n)", "(2, #\n)"};
  char header[160];
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; ++i) {
    snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n", shapes[i]);
    expect_header_refused(header, FILE_BAD_HEADER, "the ");
  }
}

static void other_types_are_refused(void **state) {
  (void)state;
  static const char *const types[] = {"<i8", "<i2",  ">u2", "<b1",  "<c8",  "|O", "=f4",  "|f4", "f4",  "float32",
                                      "<f",  ">f16", "<F4", "<f44", "<f04", "",   "<f4,", "<U1", "|V4", "1<f4"};
  char header[160];
  char expected[160];
  for (size_t i = 0; i < sizeof types / sizeof types[0]; ++i) {
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }\n", types[i]);
    snprintf(expected, sizeof expected,
             "element type '%s' is not supported (allowed: '<f4', '>f4', '<f8', '>f8', "
             "'<f2', '>f2', '<u2' as bfloat16, or '|b1')",
             types[i]);
    const bool integers = strlen(types[i]) == 3 && (types[i][1] == 'i' || types[i][1] == 'u');
    expect_header_refused(header, integers ? FILE_INTEGERS : FILE_UNSUPPORTED, expected);
  }
  expect_header_refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }\n", FILE_UNSUPPORTED,
                        "structured element types");
}

static void malformed_headers_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *header;
    const char *part;
  } cases[] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'descr': '<f4'}\n",
       "key 'descr' is in the header twice"},
      {"{'descr': '<f4', 'shape': (2,)}\n", "key 'fortran_order' is missing"},
      {"{'fortran_order': False, 'shape': (2,)}\n", "key 'descr' is missing"},
      {"{'descr': '<f4', 'fortran_order': False}\n", "key 'shape' is missing"},
      {"{}\n", "is missing"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}\n", "unknown key 'x'"},
      {"{'Descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", "unknown key 'Descr'"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}\n", "True or False"},
      {"{'descr': '<f4', 'fortran_order': true, 'shape': (2,)}\n", "True or False"},
      {"{'descr': '<f4', 'fortran_order': Falsey, 'shape': (2,)}\n", "',' or '}'"},
      {"{'descr': '<f4', 'fortran_order': not True, 'shape': (2,)}\n", "True or False"},
      {"{'descr': None, 'fortran_order': False, 'shape': (2,)}\n", "a quoted string"},
      {"{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}\n", "',' or '}'"},
      {"{'descr': '<f4', 'fortran_order' False, 'shape': (2,)}\n", "':'"},
      {"{, 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", "a quoted string"},
      {"{'descr': '<f4',, 'fortran_order': False, 'shape': (2,)}\n", "a quoted string"},
      {"{'descr\": '<f4', 'fortran_order': False, 'shape': (2,)}\n", "unknown key 'descr\": '"},
      {"{'a key of more than 31 bytes, like this': 0}\n", "too long"},
      {"{'des\\x63r': '<f4', 'fortran_order': False, 'shape': (2,)}\n", "plain ASCII"},
      {"{b'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", "a quoted string"},
      {"{'des\xc3\xa7r': '<f4', 'fortran_order': False, 'shape': (2,)}\n", "'?' (0xc3)"},
      {"{'descr\n': '<f4', 'fortran_order': False, 'shape': (2,)}\n", "'?' (0x0a)"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "the header ends"},
      {"{'descr", "the header ends"},
      {" {'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n", "'{' at its start"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\n ", "after '}'"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}}\n", "after '}'"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)},\n", "after '}'"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} # 1\n", "after '}'"},
      {"[('descr', '<f4')]\n", "'{' at its start"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    expect_header_refused(cases[i].header, FILE_BAD_HEADER, cases[i].part);
  }
}

static void nul_bytes_are_refused_everywhere(void **state) {
  (void)state;
  char bytes[10 + sizeof F4_PAIR - 1 + 8] = VERSION_1;
  bytes[8] = (char)(sizeof F4_PAIR - 1);
  for (size_t i = 0; i < sizeof F4_PAIR - 1; ++i) {
    memcpy(bytes + 10, F4_PAIR, sizeof F4_PAIR - 1);
    bytes[10 + i] = '\0';
    files_write(PATH, bytes, sizeof bytes);
    expect_refused(FILE_BAD_HEADER, "the header ");
  }
}

static void what_is_not_a_file_is_refused(void **state) {
  (void)state;
  expect_refused_at(FOLDER "/absent.npy", FILE_CANNOT_OPEN, "cannot be opened: ");
  array a;
  assert_int_not_equal(npy_read(FOLDER, &a, NULL, 0), FILE_OK);
  assert_null(a.data);
#ifdef HAS_POSIX
  expect_refused_at(FOLDER, FILE_CANNOT_OPEN, "not a regular file");
  assert_int_equal(mkfifo(FOLDER "/fifo", 0666), 0);
  expect_refused_at(FOLDER "/fifo", FILE_CANNOT_OPEN, "not a regular file");
  assert_int_equal(remove(FOLDER "/fifo"), 0);
#endif
}

static void short_messages_are_cut(void **state) {
  (void)state;
  array a;
  char small[12];
  assert_int_equal(npy_read("absent.npy", &a, small, sizeof small), FILE_CANNOT_OPEN);
  assert_string_equal(small, "absent.npy:");
  assert_int_equal(npy_read("absent.npy", &a, small, 0), FILE_CANNOT_OPEN);
  assert_string_equal(small, "absent.npy:");
  array_free(&a);
  array_free(NULL);
}

/* ---- failed writes ----------------------------------------------------------------------------------------------- */

static const float old_data[] = {4.0f, 5.0f};

static void expect_write_refused(const char *path, file_status expected, const char *part) {
  const float data[] = {1.0f, 2.0f, 3.0f};
  assert_int_equal(npy_write(path, NPY_F4, data, (size_t[]){3}, 1, message, sizeof message), expected);
  assert_non_null(strstr(message, part));
  assert_int_equal(strncmp(message, path, strlen(path)), 0);
}

static void impossible_arrays_are_not_written(void **state) {
  (void)state;
  const size_t huge[] = {SIZE_MAX / 2, 3, 1, 1};
  remove(PATH);
  assert_int_equal(npy_write(PATH, NPY_F4, old_data, huge, 2, message, sizeof message), FILE_TOO_LARGE);
  assert_int_equal(npy_write(PATH, NPY_F4, old_data, huge, 5, message, sizeof message), FILE_UNSUPPORTED);
  assert_non_null(strstr(message, "5 dimensions are not supported (allowed: 0 to 4)"));
  assert_int_equal(npy_write(PATH, NPY_F4, old_data, huge, -1, message, sizeof message), FILE_UNSUPPORTED);
  assert_false(files_exist(PATH));
  assert_int_equal(remove_parts(), 0);
}

static void unwritable_targets_leave_everything_as_it_was(void **state) {
  (void)state;
  expect_write_refused(FOLDER "/absent/x.npy", FILE_WRITE_FAILED, "cannot be written: No such file");

  /* The written file cannot be renamed, because a folder has that name. */
  assert_int_equal(files_make_folder(FOLDER "/folder"), 0);
  expect_write_refused(FOLDER "/folder", FILE_WRITE_FAILED, "cannot be written: Is a directory");
  assert_int_equal(remove_parts(), 0);
  files_remove_folder(FOLDER "/folder");
}

/* A file with the part file's name, left over or written by another process, is not touched. */
static void a_leftover_of_another_write_is_not_touched(void **state) {
  (void)state;
#ifdef HAS_POSIX
  char part[128];
  snprintf(part, sizeof part, PATH ".%ld-0.part", (long)getpid());
  files_write(part, "half a file", 11);
  assert_int_equal(npy_try_write(PATH, message, sizeof message), FILE_OK);
  assert_int_equal(npy_write(PATH, NPY_F4, old_data, (size_t[]){2}, 1, message, sizeof message), FILE_OK);
  expect_floats(old_data, 2, 1);
  struct stat info;
  assert_int_equal(stat(part, &info), 0);
  assert_int_equal(info.st_size, 11);
  assert_int_equal(remove_parts(), 1);
#else
  skip();
#endif
}

/* A limit on file sizes simulates a full disk. */
static void a_full_disk_leaves_the_old_file(void **state) {
  (void)state;
#ifdef HAS_POSIX
  static const float data[100000] = {0};
  struct rlimit before;
  assert_int_equal(npy_write(PATH, NPY_F4, old_data, (size_t[]){2}, 1, message, sizeof message), FILE_OK);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_IGN);
  for (size_t count = 10; count <= 100000; count *= 10000) { /* fflush fails, fwrite fails */
    const struct rlimit tight = {140, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    const file_status status = npy_write(PATH, NPY_F4, data, &count, 1, message, sizeof message);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, FILE_WRITE_FAILED);
    assert_non_null(strstr(message, "cannot be written: "));
    assert_int_equal(remove_parts(), 0);
    expect_floats(old_data, 2, 1);
  }
  signal(SIGXFSZ, SIG_DFL);
#else
  skip();
#endif
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static void clean_up(void) {
  remove(PATH);
  remove_parts();
  remove(FOLDER "/fifo");
  files_remove_folder(FOLDER "/folder");
  files_remove_folder(FOLDER);
}

static int set_up_group(void **state) {
  (void)state;
  clean_up(); /* an earlier run may have been interrupted */
  return files_make_folder(FOLDER);
}

static int tear_down_group(void **state) {
  (void)state;
  clean_up();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trips_keep_shape_and_bits),
      cmocka_unit_test(special_values_keep_their_bits),
      cmocka_unit_test(written_bytes_are_those_of_the_format),
      cmocka_unit_test(data_start_is_always_aligned),
      cmocka_unit_test(every_type_and_byte_order_is_read),
      cmocka_unit_test(every_version_and_spelling_is_read),
      cmocka_unit_test(fortran_order_is_transposed),
      cmocka_unit_test(f8_is_rounded_and_keeps_nan_and_inf),
      cmocka_unit_test(f8_outside_float_is_refused_with_its_place),
      cmocka_unit_test(every_shorter_file_is_truncated),
      cmocka_unit_test(foreign_files_are_refused),
      cmocka_unit_test(lying_header_lengths_are_refused),
      cmocka_unit_test(the_longest_header_is_10000_bytes),
      cmocka_unit_test(wrong_sizes_are_refused),
      cmocka_unit_test(impossible_shapes_are_refused),
      cmocka_unit_test(malformed_shapes_are_refused),
      cmocka_unit_test(other_types_are_refused),
      cmocka_unit_test(malformed_headers_are_refused),
      cmocka_unit_test(nul_bytes_are_refused_everywhere),
      cmocka_unit_test(what_is_not_a_file_is_refused),
      cmocka_unit_test(short_messages_are_cut),
      cmocka_unit_test(impossible_arrays_are_not_written),
      cmocka_unit_test(unwritable_targets_leave_everything_as_it_was),
      cmocka_unit_test(a_leftover_of_another_write_is_not_touched),
      cmocka_unit_test(a_full_disk_leaves_the_old_file),
  };
  return cmocka_run_group_tests_name("npy", tests, set_up_group, tear_down_group);
}
