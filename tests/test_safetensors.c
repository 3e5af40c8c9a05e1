/* The .safetensors reader: tensors that it reads, the error for everything that it must refuse, and
 * how an argument names a file and a tensor.
 *
 * Files are built from their parts, so that each part can be wrong. Everything happens in the
 * working directory. */
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
#include "cli/files/safetensors.h"
#include "cli/files/tensor_file.h"

#define PATH "test.safetensors"
#define LONG "test.safetensors:x" /* also a valid file name */
#define SHAPED(dtype, shape, offsets) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define X(shape, offsets) "{\"x\":" SHAPED("F32", shape, offsets) "}"
#define GOOD X("[1]", "[0,4]")

static char message[1024];

/* ---- files and expectations -------------------------------------------------------------------------------------- */

static void write_parts(uint64_t length, const char *header, size_t header_size, const void *data, size_t data_size) {
  const size_t size = 8 + header_size + data_size;
  unsigned char *bytes = malloc(size);
  assert_non_null(bytes);
  for (size_t i = 0; i < 8; ++i) bytes[i] = (unsigned char)(length >> 8 * i & 0xff);
  memcpy(bytes + 8, header, header_size);
  if (data_size > 0) memcpy(bytes + 8 + header_size, data, data_size);
  files_write(PATH, bytes, size);
  free(bytes);
}

static void write_file(const char *header, const void *data, size_t data_size) {
  write_parts(strlen(header), header, strlen(header), data, data_size);
}

static void expect_tensor(const char *name, npy_type type, const float *expected, size_t count, const size_t *shape,
                          int rank) {
  array a;
  const file_status status = safetensors_read(PATH, name, &a, message, sizeof message);
  if (status != FILE_OK) fail_msg("%s", message);
  assert_int_equal(a.type, type);
  assert_int_equal(a.rank, rank);
  assert_int_equal(a.count, count);
  for (int axis = 0; axis < ARRAY_MOST_DIMENSIONS; ++axis) {
    assert_int_equal(a.shape[axis], axis < rank ? shape[axis] : 0);
  }
  assert_non_null(a.data);
  if (count > 0) assert_memory_equal(a.data, expected, count * sizeof *expected);
  array_free(&a);
}

static void expect_refused(const char *name, file_status expected, const char *part) {
  array a;
  message[0] = '\0';
  const file_status status = safetensors_read(PATH, name, &a, message, sizeof message);
  if (status != expected || !strstr(message, part)) fail_msg("%d '%s', got %d: %s", expected, part, status, message);
  assert_int_equal(strncmp(message, PATH ": ", sizeof PATH + 1), 0);
  assert_null(a.data);
  assert_int_equal(a.count, 0);
}

/* ---- accepted files ---------------------------------------------------------------------------------------------- */

static void types_are_read(void **state) {
  (void)state;
  write_file("{\"__metadata__\":{\"format\":\"pt\"},\"h\":" SHAPED("F16", "[2,1]", "[8,12]") ",\"f\":" SHAPED(
                 "F32", "[1,2]", "[0,8]") ",\"b\":" SHAPED("BF16", "[2]", "[12,16]") ",\"i\":" SHAPED("I8", "[1]",
                                                                                                      "[16,17]") "}   ",
             "\0\0\xc0\x3f\0\0\0\xc0\0\x3e\0\xc0\xc0\x3f\0\xc0\x07", 17);
  const float expected[] = {1.5f, -2.0f};
  expect_tensor("f", NPY_F4, expected, 2, (size_t[]){1, 2}, 2);
  expect_tensor("h", NPY_F2, expected, 2, (size_t[]){2, 1}, 2);
  expect_tensor("b", NPY_BF16, expected, 2, (size_t[]){2}, 1);
  expect_refused("i", FILE_INTEGERS, "tensor 'i' has dtype I8 (allowed: F32, F16, BF16, F64, BOOL)");
  write_file("{\"d\":" SHAPED("F64", "[2]", "[0,16]") ",\"o\":" SHAPED("BOOL", "[2]", "[16,18]") ",\"n\":" SHAPED(
                 "BOOL", "[1,2]", "[18,20]") ",\"l\":" SHAPED("F64", "[1]", "[20,28]") "}",
             "\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\xc0\1\0\1\2\0\0\0\0\0\0\xf0\x47", 28);
  expect_tensor("d", NPY_F8, expected, 2, (size_t[]){2}, 1);
  expect_tensor("o", NPY_BOOL, (const float[]){1.0f, 0.0f}, 2, (size_t[]){2}, 1);
  expect_refused("n", FILE_BAD_ELEMENT, "element (0, 1) of type bool is 2 (allowed: 0 or 1)");
  expect_refused("l", FILE_BAD_ELEMENT, "element (0,) is 3.4028236692093846e+38, which a float cannot hold");
}

static void ranks_0_to_4_and_empty_tensors_are_read(void **state) {
  (void)state;
  const float one[] = {1.0f};
  write_file(X("[]", "[0,4]"), "\0\0\x80\x3f", 4);
  expect_tensor("x", NPY_F4, one, 1, NULL, 0);
  write_file(X("[1,1,1,1]", "[0,4]"), "\0\0\x80\x3f", 4);
  expect_tensor("x", NPY_F4, one, 1, (size_t[]){1, 1, 1, 1}, 4);
  write_file(X("[2,0,3]", "[0,0]"), NULL, 0);
  expect_tensor("x", NPY_F4, NULL, 0, (size_t[]){2, 0, 3}, 3);
  /* Empty tensors before and after another one, and an empty name. */
  write_file("{\"a\":" SHAPED("F16", "[0]", "[0,0]") ",\"\":" SHAPED("F32", "[1]", "[0,4]") ",\"c\":" SHAPED(
                 "I64", "[0,7]", "[4,4]") ",\"b\":" SHAPED("BF16", "[3,0]", "[4,4]") "}",
             "\0\0\x80\x3f", 4);
  expect_tensor("a", NPY_F2, NULL, 0, (size_t[]){0}, 1);
  expect_tensor("b", NPY_BF16, NULL, 0, (size_t[]){3, 0}, 2);
  expect_tensor("", NPY_F4, one, 1, (size_t[]){1}, 1);
}

static void spellings_of_json_are_read(void **state) {
  (void)state;
  write_file("{ \"\\u0078\\u00e9\" :\t{\"data_offsets\":[0,4],\r\n\"shape\":[ 1 ] ,\"dt\\u0079pe\":\"F\\u00332\"} } \n",
             "\0\0\x80\x3f", 4);
  expect_tensor("x\xc3\xa9", NPY_F4, (float[]){1.0f}, 1, (size_t[]){1}, 1);
}

/* Like the Python package, the reader ignores other keys, whatever they contain. */
static void other_keys_of_a_tensor_are_ignored(void **state) {
  (void)state;
  static const char *const others[] = {"0", "-0", "-1.5e3", "null", "\"-0\"", "{\"shape\":[-1]}", "[[[]]]"};
  char header[256];
  for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) {
    snprintf(header, sizeof header,
             "{\"x\":{\"z\":%s,\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"y\":%s}}", others[i],
             others[i]);
    write_file(header, "\0\0\x80\x3f", 4);
    expect_tensor("x", NPY_F4, (float[]){1.0f}, 1, (size_t[]){1}, 1);
  }
}

static void a_large_tensor_is_read_from_its_place(void **state) {
  (void)state;
  enum { COUNT = 10000 };
  static unsigned char data[2 + 2 * COUNT];
  static float expected[COUNT];
  char header[256];
  for (size_t i = 0; i < COUNT; ++i) {
    expected[i] = ldexpf(1.0f, (int)(i % 15));
    data[2 + 2 * i + 1] = (unsigned char)((15 + i % 15) << 2);
  }
  snprintf(header, sizeof header,
           "{\"x\":" SHAPED("F16", "[100,100]", "[2,%d]") ",\"y\":" SHAPED("U8", "[2]", "[0,2]") "}", 2 + 2 * COUNT);
  write_file(header, data, sizeof data);
  expect_tensor("x", NPY_F2, expected, COUNT, (size_t[]){100, 100}, 2);
}

/* ---- refused files ----------------------------------------------------------------------------------------------- */

static void every_shorter_file_is_refused(void **state) {
  (void)state;
  static const char data[4] = {0};
  char all[8 + sizeof GOOD - 1 + sizeof data] = {(char)(sizeof GOOD - 1)};
  memcpy(all + 8, GOOD, sizeof GOOD - 1);
  for (size_t size = 0; size < sizeof all; ++size) {
    files_write(PATH, all, size);
    expect_refused("x", FILE_TRUNCATED,
                   size < 8                     ? "within the header length"
                   : size < 8 + sizeof GOOD - 1 ? "the header ends at byte 62 of the file, the file at"
                                                : "the tensors need 4 bytes of data, the file has ");
  }
  files_write(PATH, all, sizeof all);
  expect_tensor("x", NPY_F4, (float[]){0.0f}, 1, (size_t[]){1}, 1);
}

static void lying_header_lengths_are_refused(void **state) {
  (void)state;
  static const char data[4] = {0};
  const size_t size = sizeof GOOD - 1;
  write_parts(UINT64_MAX, GOOD, size, data, 4);
  expect_refused("x", FILE_TOO_LARGE, "the header has 18446744073709551615 bytes (allowed: up to 25000000)");
  write_parts(25000001, GOOD, size, data, 4);
  expect_refused("x", FILE_TOO_LARGE, "the header has 25000001 bytes");
  write_parts(25000000, GOOD, size, data, 4);
  expect_refused("x", FILE_TRUNCATED, "the header ends at byte 25000008");
  write_parts(0, GOOD, size, data, 4);
  expect_refused("x", FILE_WRONG_FORMAT, "not a .safetensors file (allowed: files whose header begins with '{')");
  write_parts(size - 1, GOOD, size, data, 4);
  expect_refused("x", FILE_BAD_HEADER, "refused as JSON");
  write_parts(size + 1, GOOD, size, "\xff\0\0\0", 4); /* extends into the data */
  expect_refused("x", FILE_BAD_HEADER, "refused as JSON");
}

static void the_longest_header_is_25_million_bytes(void **state) {
  (void)state;
  const size_t most = 25000000;
  char *header = malloc(most + 1);
  assert_non_null(header);
  memset(header, ' ', most + 1);
  memcpy(header, GOOD, sizeof GOOD - 1);
  write_parts(most, header, most, "\0\0\x80\x3f", 4);
  expect_tensor("x", NPY_F4, (float[]){1.0f}, 1, (size_t[]){1}, 1);
  write_parts(most + 1, header, most + 1, "\0\0\x80\x3f", 4);
  expect_refused("x", FILE_TOO_LARGE, "the header has 25000001 bytes");
  free(header);
}

typedef struct hostile {
  const char *header; /* followed by 4 bytes of data */
  file_status status;
  const char *part; /* of the message */
} hostile;

static const hostile bad_json[] = {
    {"[]", FILE_WRONG_FORMAT, "begins with '{'"},
    {" " GOOD, FILE_WRONG_FORMAT, "begins with '{'"},
    {"\xef\xbb\xbf" GOOD, FILE_WRONG_FORMAT, "begins with '{'"},
    {"{", FILE_BAD_HEADER, "refused as JSON"},
    {GOOD GOOD, FILE_BAD_HEADER, "refused as JSON"},
    {GOOD "x", FILE_BAD_HEADER, "refused as JSON"},
    {"{'x':1}", FILE_BAD_HEADER, "refused as JSON"},
    {"{\"x\":" SHAPED("F32", "[1]", "[0,4]") ",}", FILE_BAD_HEADER, "refused as JSON"},
    {"{\"x\":1,\"x\":2}", FILE_BAD_HEADER, "duplicate object key"},
    {"{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", FILE_BAD_HEADER,
     "duplicate"},
    {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"},\"x\":" SHAPED("F32", "[1]", "[0,4]") "}", FILE_BAD_HEADER,
     "duplicate"},
    {"{\"\xff\":1}", FILE_BAD_HEADER, "unable to decode byte 0x"},
    {"{\"\xc0\x80\":1}", FILE_BAD_HEADER, "unable to decode byte 0x"},
    {"{\"\xed\xa0\x80\":1}", FILE_BAD_HEADER, "unable to decode byte 0x"},
    {"{\"\\ud800\":1}", FILE_BAD_HEADER, "refused as JSON"},
    {"{\"\\u0000\":1}", FILE_BAD_HEADER, "refused as JSON"},
    {"{\"\x01\":1}", FILE_BAD_HEADER, "refused as JSON"},
    {"{\"x\":\x1b[31m}", FILE_BAD_HEADER, "near '?'"}, /* must not turn a terminal red */
    {X("[01]", "[0,4]"), FILE_BAD_HEADER, "refused as JSON"},
    {X("[+1]", "[0,4]"), FILE_BAD_HEADER, "refused as JSON"},
    {X("[NaN]", "[0,4]"), FILE_BAD_HEADER, "refused as JSON"},
    {X("[9223372036854775808]", "[0,4]"), FILE_BAD_HEADER, "too big integer"},
};

static const hostile bad_entries[] = {
    {"{\"x\":7}", FILE_BAD_HEADER, "tensor 'x' has no dtype (allowed: dtype, shape and data_offsets, all of them)"},
    {"{\"x\":[\"F32\",[1],[0,4]]}", FILE_BAD_HEADER, "tensor 'x' has no dtype"},
    {"{\"x\":{\"shape\":[1],\"data_offsets\":[0,4]}}", FILE_BAD_HEADER, "tensor 'x' has no dtype"},
    {"{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", FILE_BAD_HEADER, "tensor 'x' has no shape"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1]}}", FILE_BAD_HEADER, "tensor 'x' has no data_offsets"},
    {"{\"x\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", FILE_BAD_HEADER, "the dtype of tensor 'x' is"},
    {"{\"x\":" SHAPED("f32", "[1]", "[0,4]") "}", FILE_BAD_HEADER,
     "the unknown dtype 'f32' (allowed: F32, F16, BF16, F64, BOOL)"},
    {"{\"x\":" SHAPED("", "[1]", "[0,4]") "}", FILE_BAD_HEADER, "the unknown dtype ''"},
    {"{\"x\":" SHAPED("F32\\u001b", "[1]", "[0,4]") "}", FILE_BAD_HEADER, "the unknown dtype 'F32?'"},
    {"{\"\\u009bm\":" SHAPED("F32", "4", "[0,4]") "}", FILE_BAD_HEADER, "?m' is not a list of whole numbers"},
    {X("1", "[0,4]"), FILE_BAD_HEADER, "the shape of tensor 'x' is not a list of whole numbers"},
    {X("null", "[0,4]"), FILE_BAD_HEADER, "the shape of tensor 'x'"},
    {X("[1.0]", "[0,4]"), FILE_BAD_HEADER, "the shape of tensor 'x'"},
    {X("[1e0]", "[0,4]"), FILE_BAD_HEADER, "the shape of tensor 'x'"},
    {X("[\"1\"]", "[0,4]"), FILE_BAD_HEADER, "the shape of tensor 'x'"},
    {X("[true]", "[0,4]"), FILE_BAD_HEADER, "the shape of tensor 'x'"},
    {X("[[1]]", "[0,4]"), FILE_BAD_HEADER, "the shape of tensor 'x'"},
    {X("[-1]", "[0,4]"), FILE_BAD_HEADER, "the shape of tensor 'x' is not a list of whole numbers, 0 or more"},
    {X("[-0]", "[0,4]"), FILE_BAD_HEADER, "the shape of tensor 'x'"},
    {X("[1]", "[-4,0]"), FILE_BAD_HEADER,
     "the data_offsets of tensor 'x' are not a list of two whole numbers, 0 or more"},
    {X("[1]", "[-0,4]"), FILE_BAD_HEADER, "the data_offsets of tensor 'x'"},
    {X("[1]", "[0]"), FILE_BAD_HEADER, "the data_offsets of tensor 'x' are not a list of two whole numbers"},
    {X("[1]", "[0,4,4]"), FILE_BAD_HEADER, "the data_offsets of tensor 'x'"},
    {X("[1]", "[]"), FILE_BAD_HEADER, "the data_offsets of tensor 'x'"},
    {X("[1]", "4"), FILE_BAD_HEADER, "the data_offsets of tensor 'x'"},
    {X("[1]", "[0.0,4]"), FILE_BAD_HEADER, "the data_offsets of tensor 'x'"},
    {X("[1]", "{\"0\":0,\"1\":4}"), FILE_BAD_HEADER, "the data_offsets of tensor 'x'"},
    {"{\"__metadata__\":null}", FILE_BAD_HEADER, "__metadata__"},
    {"{\"__metadata__\":[]}", FILE_BAD_HEADER, "__metadata__"},
    {"{\"__metadata__\":{\"a\":1}}", FILE_BAD_HEADER, "__metadata__"},
    {"{\"__metadata__\":" SHAPED("F32", "[1]", "[0,4]") "}", FILE_BAD_HEADER, "__metadata__"},
};

static const hostile bad_sizes[] = {
    {X("[2]", "[0,4]"), FILE_BAD_HEADER, "2 elements of F32, which is 64 bits, and data_offsets [0, 4] (allowed: "},
    {X("[1]", "[0,3]"), FILE_BAD_HEADER, "data_offsets [0, 3]"},
    {X("[1]", "[4,0]"), FILE_BAD_HEADER, "data_offsets [4, 0]"},
    {X("[0]", "[0,4]"), FILE_BAD_HEADER, "0 elements of F32, which is 0 bits, and data_offsets [0, 4]"},
    {X("[]", "[0,0]"), FILE_BAD_HEADER, "1 elements of F32"},
    {"{\"x\":" SHAPED("F4", "[7]", "[0,4]") "}", FILE_BAD_HEADER, "7 elements of F4, which is 28 bits"},
    {X("[4294967296,4294967296]", "[0,0]"), FILE_TOO_LARGE,
     "the shape of tensor 'x' is too large"}, /* 0 after overflow */
    {X("[4611686018427387904,4]", "[0,0]"), FILE_TOO_LARGE, "too large"},
    {X("[576460752303423488]", "[0,0]"), FILE_TOO_LARGE, "too large"}, /* 2^64 bits */
    {X("[9223372036854775807,3,0]", "[0,0]"), FILE_TOO_LARGE, "too large"},
    {X("[0,9223372036854775807,3]", "[0,0]"), FILE_TOO_LARGE, "too large"},
    {X("[1]", "[4,8]"), FILE_BAD_HEADER,
     "tensor 'x' begins at byte 4 of the data (allowed: 0, the first byte that no other tensor has)"},
    {X("[0]", "[4,4]"), FILE_BAD_HEADER, "tensor 'x' begins at byte 4"},
    {X("[2]", "[0,8]"), FILE_TRUNCATED, "the tensors need 8 bytes of data, the file has 4"},
    {X("[0]", "[0,0]"), FILE_TRAILING_BYTES, "the tensors need 0 bytes of data, the file has 4"},
    {"{}", FILE_TRAILING_BYTES, "the tensors need 0 bytes of data, the file has 4"},
    {"{\"x\":" SHAPED("F16", "[1]", "[0,2]") "}", FILE_TRAILING_BYTES,
     "the tensors need 2 bytes of data, the file has 4"},
    {"{\"x\":" SHAPED("F16", "[2]", "[0,4]") ",\"y\":" SHAPED("U8", "[1]", "[3,4]") "}", FILE_BAD_HEADER,
     "tensor 'y' begins at byte 3 of the data (allowed: 4"}, /* overlap */
    {"{\"x\":" SHAPED("F32", "[1]", "[0,4]") ",\"y\":" SHAPED("F32", "[1]", "[0,4]") "}", FILE_BAD_HEADER,
     "tensor 'y' begins"},
    {"{\"x\":" SHAPED("U8", "[1]", "[0,1]") ",\"y\":" SHAPED("U8", "[1]", "[3,4]") "}", FILE_BAD_HEADER,
     "tensor 'y' begins at byte 3 of the data (allowed: 1"}, /* gap */
    {"{\"x\":" SHAPED("F32", "[1]", "[0,4]") ",\"y\":" SHAPED("U8", "[0]", "[2,2]") "}", FILE_BAD_HEADER,
     "tensor 'y' begins at byte 2"}, /* empty, but inside another tensor */
    {X("[1,1,1,1,1]", "[0,4]"), FILE_UNSUPPORTED, "tensor 'x' has 5 dimensions (allowed: 0 to 4)"},
    {"{\"x\":" SHAPED("I32", "[1]", "[0,4]") "}", FILE_INTEGERS,
     "tensor 'x' has dtype I32 (allowed: F32, F16, BF16, F64, BOOL)"},
    {"{\"x\":" SHAPED("F4", "[8]", "[0,4]") "}", FILE_UNSUPPORTED,
     "tensor 'x' has dtype F4 (allowed: F32, F16, BF16, F64, BOOL)"},
    {"{\"x\":" SHAPED("F8_E4M3", "[4]", "[0,4]") "}", FILE_UNSUPPORTED, "tensor 'x' has dtype F8_E4M3"},
};

static void expect_all_refused(const hostile *cases, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    write_file(cases[i].header, "\0\0\x80\x3f", 4);
    expect_refused("x", cases[i].status, cases[i].part);
  }
}

static void hostile_headers_are_refused(void **state) {
  (void)state;
  write_file(GOOD, "\0\0\x80\x3f", 4);
  expect_tensor("x", NPY_F4, (float[]){1.0f}, 1, (size_t[]){1}, 1);
  expect_all_refused(bad_json, sizeof bad_json / sizeof bad_json[0]);
  expect_all_refused(bad_entries, sizeof bad_entries / sizeof bad_entries[0]);
  expect_all_refused(bad_sizes, sizeof bad_sizes / sizeof bad_sizes[0]);
}

/* Replaces each byte by a NUL, and inserts one before it. */
static void nul_bytes_are_refused_everywhere(void **state) {
  (void)state;
  const size_t size = sizeof GOOD - 1;
  char header[sizeof GOOD];
  for (size_t i = 1; i < size; ++i) {
    memcpy(header, GOOD, size);
    header[i] = '\0';
    write_parts(size, header, size, "\0\0\0\0", 4);
    expect_refused("x", FILE_BAD_HEADER, "the header has a NUL byte");
    memcpy(header + i + 1, &GOOD[i], size - i);
    write_parts(size + 1, header, size + 1, "\0\0\0\0", 4);
    expect_refused("x", FILE_BAD_HEADER, "the header has a NUL byte");
  }
}

static void deep_nesting_is_refused(void **state) {
  (void)state;
  const size_t deep = 1000000;
  char *header = malloc(deep + 6);
  assert_non_null(header);
  memset(header, '[', deep + 5);
  memcpy(header, "{\"x\":", 5);
  write_parts(deep + 5, header, deep + 5, NULL, 0);
  expect_refused("x", FILE_BAD_HEADER, "the header is nested too deeply (allowed: 127 levels)");
  for (size_t lists = 126; lists <= 127; ++lists) { /* plus the object around them */
    memset(header + 5, '[', lists);
    memset(header + 5 + lists, ']', lists);
    header[5 + 2 * lists] = '}';
    write_parts(6 + 2 * lists, header, 6 + 2 * lists, NULL, 0);
    expect_refused("x", FILE_BAD_HEADER, lists == 126 ? "tensor 'x' has no dtype" : "nested too deep");
  }
  free(header);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static void names_that_are_there_are_listed(void **state) {
  (void)state;
  char header[2048] = "{";
  write_file(GOOD, "\0\0\0\0", 4);
  expect_refused("X", FILE_NO_TENSOR, PATH ": there is no tensor 'X' (allowed: 'x')");
  expect_refused("", FILE_NO_TENSOR, PATH ": there is no tensor '' (allowed: 'x')");
  expect_refused(NULL, FILE_NO_TENSOR, PATH ": no tensor is named, as in PATH.safetensors:NAME (allowed: 'x')");
  write_file("{\"__metadata__\":{}}", NULL, 0);
  expect_refused("__metadata__", FILE_NO_TENSOR, "there is no tensor '__metadata__' (allowed: none, it is empty)");
  for (int i = 0; i < 13; ++i) {
    const size_t used = strlen(header);
    snprintf(header + used, sizeof header - used, "%s\"n%d\":" SHAPED("F32", "[0]", "[0,0]"), i > 0 ? "," : "",
             100 - i);
  }
  write_file(strcat(header, "}"), NULL, 0);
  expect_refused("x", FILE_NO_TENSOR,
                 "(allowed: 'n100', 'n88', 'n89', 'n90', 'n91', 'n92', 'n93', 'n94', 'n95', 'n96' and 3 more)");
}

static void long_names_are_cut_in_messages(void **state) {
  (void)state;
  char header[4096] = "{";
  for (int i = 0; i < 11; ++i) {
    const size_t used = strlen(header);
    snprintf(header + used, sizeof header - used, "%s\"%0200d\":" SHAPED("F32", "[0]", "[0,0]"), i > 0 ? "," : "", i);
  }
  write_file(strcat(header, "}"), NULL, 0);
  expect_refused("x", FILE_NO_TENSOR, "00', '00");
  expect_refused("x", FILE_NO_TENSOR, "00' and 1 more)");
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static void expect_argument(const char *argument, file_status expected, const char *part) {
  array a;
  message[0] = '\0';
  const file_status status = tensor_file_read(argument, &a, message, sizeof message);
  if (status != expected || !strstr(message, part)) fail_msg("%d '%s', got %d: %s", expected, part, status, message);
  assert_int_equal(a.data != NULL, status == FILE_OK);
  array_free(&a);
}

static void an_argument_names_file_and_tensor(void **state) {
  (void)state;
  remove(LONG);
  write_file("{\"x\":" SHAPED("F32", "[1]", "[0,4]") ",\"a:b.safetensors\":" SHAPED("F32", "[0]", "[4,4]") "}",
             "\0\0\0\0", 4);
  expect_argument(PATH ":x", FILE_OK, "");
  expect_argument("./" PATH ":a:b.safetensors", FILE_OK, "");
  expect_argument(PATH ":", FILE_NO_TENSOR, PATH ": there is no tensor '' (allowed: 'x', 'a:b.safetensors')");
  expect_argument(PATH, FILE_NO_TENSOR, "no tensor is named, as in PATH.safetensors:NAME (allowed: 'x', ");
  expect_argument("absent.safetensors:x", FILE_CANNOT_OPEN, "absent.safetensors: cannot be opened: ");
  expect_argument("absent.safetensors", FILE_CANNOT_OPEN, "absent.safetensors: cannot be opened: ");
  expect_argument("absent.npy", FILE_CANNOT_OPEN, "absent.npy: cannot be opened: ");
  expect_argument("", FILE_CANNOT_OPEN, ": cannot be opened: ");
  expect_argument(".", FILE_CANNOT_OPEN, ".: ");
}

#define UPPER "Test.SAFETENSORS"
#define INDEX "test.safetensors.index.json"
#define OTHER "other.safetensors"
#define ELSEWHERE "{\"weight_map\":{\"x\":\"" PATH "\",\"y\":\"" PATH "\",\"z\":\"" OTHER "\"}}"

static void endings_are_taken_in_any_case(void **state) {
  (void)state;
  write_file(GOOD, "\0\0\0\0", 4);
  assert_int_equal(rename(PATH, UPPER), 0);
  expect_argument(UPPER ":x", FILE_OK, "");
  expect_argument(UPPER, FILE_NO_TENSOR, UPPER ": no tensor is named");
  expect_argument(UPPER ":X", FILE_NO_TENSOR, UPPER ": there is no tensor 'X' (allowed: 'x')");
  expect_argument("Absent.SafeTensors:x", FILE_CANNOT_OPEN, "Absent.SafeTensors: cannot be opened: ");
  remove(UPPER);
}

static void an_index_leads_to_the_file_of_a_tensor(void **state) {
  (void)state;
  static const char index[] = "{\"metadata\":{\"total_size\":4},\"weight_map\":{\"x\":\"" PATH
                              "\",\"gone\":\"no-such.safetensors\",\"up\":\"../" PATH "\",\"n\":7,\"\":\"\"}}";
  write_file(GOOD, "\0\0\0\0", 4);
  files_write(INDEX, index, sizeof index - 1);
  expect_argument(INDEX ":x", FILE_OK, "");
  expect_argument("./" INDEX ":x", FILE_OK, "");
  expect_argument(INDEX, FILE_NO_TENSOR, INDEX ": no tensor is named, as in PATH.safetensors.index.json:NAME");
  expect_argument(INDEX ":y", FILE_NO_TENSOR,
                  INDEX ": there is no tensor 'y' (allowed: one of the 5 in its weight_map)");
  expect_argument(INDEX ":gone", FILE_CANNOT_OPEN,
                  INDEX ": tensor 'gone' is in 'no-such.safetensors', which is missing (allowed: in the folder of");
  expect_argument(INDEX ":up", FILE_BAD_HEADER,
                  "the file of tensor 'up' is '../" PATH "' (allowed: a name in the same");
  expect_argument(INDEX ":n", FILE_BAD_HEADER, "the file of tensor 'n' is 'not a string'");
  expect_argument(INDEX ":", FILE_BAD_HEADER, "the file of tensor '' is ''");
  assert_true(tensor_file_reads(INDEX ":x", PATH) && tensor_file_reads(INDEX ":x", "./" INDEX));
  assert_true(tensor_file_reads(PATH ":x", "./" PATH) && !tensor_file_reads(PATH ":x", INDEX));
  /* Not where the map says, and in two files. */
  files_write(INDEX, ELSEWHERE, sizeof ELSEWHERE - 1);
  expect_argument(INDEX ":y", FILE_NO_TENSOR,
                  INDEX ": the weight_map says that tensor 'y' is in '" PATH "', which has none of that name");
  expect_argument(INDEX ":x", FILE_OK, ""); /* the other file is missing: only what is there is looked into */
  assert_int_equal(rename(PATH, OTHER), 0);
  write_file(GOOD, "\0\0\0\0", 4);
  expect_argument(INDEX ":x", FILE_BAD_HEADER,
                  INDEX ": tensor 'x' is in '" PATH "', as its weight_map says, and in '" OTHER
                        "' (allowed: one file)");
  remove(OTHER);
  files_write(INDEX, "{\"weight_map\":[]}", 17);
  expect_argument(INDEX ":x", FILE_BAD_HEADER, INDEX ": the index has no weight_map");
  files_write(INDEX, index, 20);
  expect_argument(INDEX ":x", FILE_BAD_HEADER, INDEX ": the index is refused as JSON at byte");
  files_write(INDEX, "", 0);
  expect_argument(INDEX ":x", FILE_BAD_HEADER, INDEX ": the index is refused as JSON at byte");
  remove(INDEX);
  expect_argument(INDEX ":x", FILE_CANNOT_OPEN, INDEX ": cannot be opened: ");
}

static void a_file_of_the_whole_name_wins(void **state) {
  (void)state;
  const float value = 7.0f;
  array a;
  write_file(GOOD, "\0\0\0\0", 4);
  assert_int_equal(npy_write(LONG, NPY_F4, &value, NULL, 0, message, sizeof message), FILE_OK);
  assert_int_equal(tensor_file_read(LONG, &a, message, sizeof message), FILE_OK);
  assert_true(a.rank == 0 && a.data[0] == value);
  array_free(&a);
  remove(LONG);
  assert_int_equal(tensor_file_read(LONG, &a, message, sizeof message), FILE_OK);
  assert_true(a.rank == 1 && a.data[0] == 0.0f);
  array_free(&a);
}

static int tear_down_group(void **state) {
  (void)state;
  remove(PATH);
  remove(LONG);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(types_are_read),
      cmocka_unit_test(ranks_0_to_4_and_empty_tensors_are_read),
      cmocka_unit_test(spellings_of_json_are_read),
      cmocka_unit_test(other_keys_of_a_tensor_are_ignored),
      cmocka_unit_test(a_large_tensor_is_read_from_its_place),
      cmocka_unit_test(every_shorter_file_is_refused),
      cmocka_unit_test(lying_header_lengths_are_refused),
      cmocka_unit_test(the_longest_header_is_25_million_bytes),
      cmocka_unit_test(hostile_headers_are_refused),
      cmocka_unit_test(nul_bytes_are_refused_everywhere),
      cmocka_unit_test(deep_nesting_is_refused),
      cmocka_unit_test(names_that_are_there_are_listed),
      cmocka_unit_test(long_names_are_cut_in_messages),
      cmocka_unit_test(an_argument_names_file_and_tensor),
      cmocka_unit_test(endings_are_taken_in_any_case),
      cmocka_unit_test(an_index_leads_to_the_file_of_a_tensor),
      cmocka_unit_test(a_file_of_the_whole_name_wins),
  };
  return cmocka_run_group_tests_name("safetensors", tests, NULL, tear_down_group);
}
