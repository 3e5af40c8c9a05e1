/* Element types: widening and rounding, each compared with an independent formula, and .npy files
 * of these types.
 *
 * test_npy.c tests what .npy files of all types have in common. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/files/element.h"
#include "files.h"
#include "cli/files/npy.h"

#define PATH "test_element.npy"
#define HEADER(descr, shape) "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }\n"

static char message[512];

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static float widened(npy_type type, uint64_t bits) {
  float value = -1.0f;
  assert_true(element_widen(type, bits, &value));
  return value;
}

/* ---- widening ---------------------------------------------------------------------------------------------------- */

static void every_half_is_widened_exactly(void **state) {
  (void)state;
  for (uint32_t half = 0; half <= 0xffff; ++half) {
    const int exponent = half >> 10 & 0x1f;
    const int fraction = half & 0x3ff;
    const float value = widened(NPY_F2, half);
    assert_int_equal(signbit(value) != 0, half >> 15);
    if (exponent == 31) {
      assert_int_equal(isnan(value) != 0, fraction != 0);
      assert_int_equal(isinf(value) != 0, fraction == 0);
      assert_int_equal(bits_of(value) & 0x7fffff, fraction << 13);
    } else {
      const double magnitude = exponent > 0 ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
      assert_true(fabs((double)value) == magnitude);
    }
  }
}

static void bfloat16_is_the_upper_half_of_a_float(void **state) {
  (void)state;
  for (uint32_t upper = 0; upper <= 0xffff; ++upper) {
    assert_int_equal(bits_of(widened(NPY_BF16, upper)), upper << 16);
  }
}

static void bool_is_zero_or_one(void **state) {
  (void)state;
  float value;
  assert_true(widened(NPY_BOOL, 0) == 0.0f);
  assert_true(widened(NPY_BOOL, 1) == 1.0f);
  for (uint64_t bits = 2; bits <= 255; ++bits) assert_false(element_widen(NPY_BOOL, bits, &value));
}

static void f8_beyond_float_has_no_place(void **state) {
  (void)state;
  float value;
  assert_true(widened(NPY_F8, 0x47efffffe0000000) == FLT_MAX);
  assert_false(element_widen(NPY_F8, 0x47efffffe0000001, &value));
  assert_false(element_widen(NPY_F8, 0xc7efffffe0000001, &value));
  assert_true(widened(NPY_F8, 0xfff0000000000000) == -INFINITY);
}

/* ---- rounding ---------------------------------------------------------------------------------------------------- */

/* A narrow type described by numbers. The expected rounding is computed in double, which represents
 * every step exactly. */
typedef struct narrow {
  npy_type type;
  int fraction_bits;
  int least_exponent; /* of a normal number */
  double largest;
} narrow;

static const narrow half = {NPY_F2, 10, -14, 65504.0};
static const narrow bfloat16 = {NPY_BF16, 7, -126, 0x1.fep127};

static float rounded(const narrow *n, float value) {
  if (value == 0.0f || isinf(value)) return value;
  const int exponent = ilogb((double)value) > n->least_exponent ? ilogb((double)value) : n->least_exponent;
  const double step = ldexp(1.0, exponent - n->fraction_bits);
  const double nearest = nearbyint((double)value / step) * step; /* ties to even */
  return fabs(nearest) > n->largest ? copysignf(INFINITY, value) : copysignf((float)fabs(nearest), value);
}

static void expect_rounded(const narrow *n, uint32_t bits) {
  const float value = float_of(bits);
  const uint32_t got = element_round(n->type, value);
  assert_true(got <= 0xffff);
  if (isnan(value)) {
    assert_true(isnan(widened(n->type, got)));
    assert_int_equal(got >> 15, bits >> 31);
  } else if (bits_of(widened(n->type, got)) != bits_of(rounded(n, value))) {
    fail_msg("%a is rounded to %a instead of %a", (double)value, (double)widened(n->type, got),
             (double)rounded(n, value));
  }
}

static void floats_of_all_sizes_are_rounded(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 1u << 20; ++i) {
    expect_rounded(&half, i * 4099u);
    expect_rounded(&bfloat16, i * 4099u);
  }
}

/* Tests each value of the type, the midpoint to the next value, and the floats next to both. */
static void values_and_the_middles_between_are_rounded(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 0xffff; ++i) {
    for (int d = -1; d <= 1; ++d) {
      expect_rounded(&half, bits_of(widened(NPY_F2, i)) + d);
      expect_rounded(&bfloat16, bits_of(widened(NPY_BF16, i)) + d);
      if ((i & 0x7fff) < 0x7bff) {
        const float middle = widened(NPY_F2, i) / 2 + widened(NPY_F2, i + 1) / 2;
        expect_rounded(&half, bits_of(middle) + d);
      }
      expect_rounded(&bfloat16, (i << 16 | 0x8000) + d);
    }
  }
}

static void what_was_widened_is_rounded_to_itself(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    assert_int_equal(element_round(NPY_F2, widened(NPY_F2, bits)), bits);
    assert_int_equal(element_round(NPY_BF16, widened(NPY_BF16, bits)), bits);
  }
}

static void the_largest_and_the_smallest_are_rounded(void **state) {
  (void)state;
  assert_int_equal(element_round(NPY_F2, 65504.0f), 0x7bff);
  assert_int_equal(element_round(NPY_F2, 65519.996f), 0x7bff);
  assert_int_equal(element_round(NPY_F2, 65520.0f), 0x7c00);
  assert_int_equal(element_round(NPY_F2, -FLT_MAX), 0xfc00);
  assert_int_equal(element_round(NPY_F2, 0x1p-24f), 0x0001);
  assert_int_equal(element_round(NPY_F2, 0x1p-25f), 0x0000);
  assert_int_equal(element_round(NPY_F2, 0x1.000002p-25f), 0x0001);
  assert_int_equal(element_round(NPY_F2, -0x1p-149f), 0x8000);
  assert_int_equal(element_round(NPY_BF16, FLT_MAX), 0x7f80);
  assert_int_equal(element_round(NPY_BF16, float_of(0x7f800001)),
                   0x7fc0); /* the payload is cut, but it must stay a NaN */
  assert_int_equal(element_round(NPY_F2, float_of(0xff800001)), 0xfe00);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void write_file(const char *header, const void *data, size_t size) {
  unsigned char bytes[512] = "\x93NUMPY\x01";
  const size_t length = strlen(header);
  assert_true(10 + length + size <= sizeof bytes);
  bytes[8] = (unsigned char)length;
  memcpy(bytes + 10, header, length);
  memcpy(bytes + 10 + length, data, size);
  files_write(PATH, bytes, 10 + length + size);
}

static void expect_floats(npy_type type, const float *expected, size_t count) {
  array a;
  const file_status status = npy_read(PATH, &a, message, sizeof message);
  if (status != FILE_OK) fail_msg("%s", message);
  assert_int_equal(a.type, type);
  assert_int_equal(a.count, count);
  assert_memory_equal(a.data, expected, count * sizeof *expected);
  array_free(&a);
}

static void expect_refused(file_status expected, const char *part) {
  array a;
  assert_int_equal(npy_read(PATH, &a, message, sizeof message), expected);
  if (!strstr(message, part)) fail_msg("'%s' is not in: %s", part, message);
  assert_null(a.data);
}

static void files_of_every_type_are_read(void **state) {
  (void)state;
  const float numbers[] = {1.5f, -2.0f};
  write_file(HEADER("<f2", "(2,)"), "\x00\x3e\x00\xc0", 4);
  expect_floats(NPY_F2, numbers, 2);
  write_file(HEADER(">f2", "(2,)"), "\x3e\x00\xc0\x00", 4);
  expect_floats(NPY_F2, numbers, 2);
  write_file(HEADER("<u2", "(2,)"), "\xc0\x3f\x00\xc0", 4);
  expect_floats(NPY_BF16, numbers, 2);
  write_file(HEADER("|b1", "(3,)"), "\x01\x00\x01", 3);
  expect_floats(NPY_BOOL, (float[]){1.0f, 0.0f, 1.0f}, 3);
  write_file(HEADER("<f4", "(2,)"), "\x00\x00\xc0\x3f\x00\x00\x00\xc0", 8);
  expect_floats(NPY_F4, numbers, 2);
  write_file(HEADER(">f8", "(1,)"), "\x3f\xf8\0\0\0\0\0\0", 8);
  expect_floats(NPY_F8, numbers, 1);
  write_file("{'descr': '|b1', 'fortran_order': True, 'shape': (2, 3), }\n", "\0\1\0\0\1\1", 6);
  expect_floats(NPY_BOOL, (float[]){0.0f, 0.0f, 1.0f, 1.0f, 0.0f, 1.0f}, 6);
}

static void a_bool_of_two_is_refused_with_its_place(void **state) {
  (void)state;
  write_file(HEADER("|b1", "(2, 2)"), "\x01\x00\x00\x02", 4);
  expect_refused(FILE_BAD_ELEMENT, PATH ": element (1, 1) of type bool is 2 (allowed: 0 or 1)");
  write_file(HEADER("|b1", "(2,)"), "\xff\x00", 2);
  expect_refused(FILE_BAD_ELEMENT, "element (0,) of type bool is 255 (allowed: 0 or 1)");
}

static void sizes_count_in_bytes_of_the_type(void **state) {
  (void)state;
  write_file(HEADER("<f2", "(2,)"), "\0\0\0\0\0", 5);
  expect_refused(FILE_TRAILING_BYTES, "shape (2,) of f2 needs 4 bytes of data, the file has 5");
  write_file(HEADER("<u2", "(2,)"), "\0\0\0", 3);
  expect_refused(FILE_TRUNCATED, "shape (2,) of bfloat16 needs 4 bytes of data, the file has 3");
  write_file(HEADER("|b1", "(2,)"), "\0", 1);
  expect_refused(FILE_TRUNCATED, "shape (2,) of bool needs 2 bytes of data, the file has 1");
  char header[128], expected[128];
  const size_t many = SIZE_MAX / 4 + 1; /* fits as bytes, but not as floats */
  snprintf(header, sizeof header, HEADER("|b1", "(%zu,)"), many);
  snprintf(expected, sizeof expected, "shape (%zu,) of bool is too large", many);
  write_file(header, "\0", 1);
  expect_refused(FILE_TOO_LARGE, expected);
}

static void expect_written(npy_type type, const char *descr, const void *data, const float *back) {
  const float values[] = {1.0f, 65520.0f, 1.0009766f};
  unsigned char bytes[256];
  assert_int_equal(npy_write(PATH, type, values, (size_t[]){3}, 1, message, sizeof message), FILE_OK);
  FILE *file = fopen(PATH, "rb");
  assert_non_null(file);
  assert_int_equal(fread(bytes, 1, sizeof bytes, file), 128 + 3 * element_bytes(type));
  fclose(file);
  assert_memory_equal(bytes + 10, descr, strlen(descr));
  assert_memory_equal(bytes + 128, data, 3 * element_bytes(type));
  expect_floats(type, back, 3);
}

static void files_of_three_types_are_written(void **state) {
  (void)state;
  expect_written(NPY_F4, "{'descr': '<f4', ", "\x00\x00\x80\x3f\x00\xf0\x7f\x47\x00\x20\x80\x3f",
                 (float[]){1.0f, 65520.0f, 1.0009766f});
  expect_written(NPY_F2, "{'descr': '<f2', ", "\x00\x3c\x00\x7c\x01\x3c", (float[]){1.0f, INFINITY, 1.0009765625f});
  expect_written(NPY_BF16, "{'descr': '<u2', ", "\x80\x3f\x80\x47\x80\x3f", (float[]){1.0f, 65536.0f, 1.0f});
}

static void more_than_one_chunk_is_written(void **state) {
  (void)state;
  enum { COUNT = 3 * 4096 + 17 };
  static float values[COUNT];
  for (size_t i = 0; i < COUNT; ++i) values[i] = (float)(i % 2048);
  assert_int_equal(npy_write(PATH, NPY_F2, values, (size_t[]){COUNT}, 1, message, sizeof message), FILE_OK);
  expect_floats(NPY_F2, values, COUNT);
}

static void other_types_are_not_written(void **state) {
  (void)state;
  const float value = 1.0f;
  remove(PATH);
  assert_int_equal(npy_write(PATH, NPY_F8, &value, NULL, 0, message, sizeof message), FILE_UNSUPPORTED);
  assert_string_equal(message, PATH ": element type f8 is not written (allowed: f4, f2 or bfloat16)");
  assert_int_equal(npy_write(PATH, NPY_BOOL, &value, NULL, 0, message, sizeof message), FILE_UNSUPPORTED);
  assert_false(files_exist(PATH));
}

static int tear_down_group(void **state) {
  (void)state;
  remove(PATH);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_half_is_widened_exactly),
      cmocka_unit_test(bfloat16_is_the_upper_half_of_a_float),
      cmocka_unit_test(bool_is_zero_or_one),
      cmocka_unit_test(f8_beyond_float_has_no_place),
      cmocka_unit_test(floats_of_all_sizes_are_rounded),
      cmocka_unit_test(values_and_the_middles_between_are_rounded),
      cmocka_unit_test(what_was_widened_is_rounded_to_itself),
      cmocka_unit_test(the_largest_and_the_smallest_are_rounded),
      cmocka_unit_test(files_of_every_type_are_read),
      cmocka_unit_test(a_bool_of_two_is_refused_with_its_place),
      cmocka_unit_test(sizes_count_in_bytes_of_the_type),
      cmocka_unit_test(files_of_three_types_are_written),
      cmocka_unit_test(more_than_one_chunk_is_written),
      cmocka_unit_test(other_types_are_not_written),
  };
  return cmocka_run_group_tests_name("element", tests, NULL, tear_down_group);
}
