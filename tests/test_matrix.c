/* Matrix units: the tables of which lane holds which element, and the software unit with each vendor's table. Built
 * for the devices of an OpenCL loader, and for the recorder's, which reports lanes that race. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/matrix.h"
#include "support.h"

#include "../kernels/common/matrix_units.h"

enum { MOST = 64 * 16 };

/* How many lanes hold each element of a matrix. */
typedef int place_function(int unit, int lane, int i);
static void assert_held(int unit, int rows, int columns, int each, int copies, place_function *row_of,
                        place_function *column_of) {
  int held[MOST] = {0};
  for (int lane = 0; lane < MATRIX_LANES(unit); ++lane)
    for (int i = 0; i < each; ++i) {
      const int row = row_of(unit, lane, i), column = column_of(unit, lane, i);
      assert_in_range(row, 0, rows - 1);
      assert_in_range(column, 0, columns - 1);
      ++held[row * columns + column];
    }
  for (int i = 0; i < rows * columns; ++i)
    if (held[i] != copies)
      fail_msg("%s: %d lanes hold row %d, column %d; %d should", clattn_matrix_name(unit), held[i], i / columns,
               i % columns, copies);
}

static void every_element_is_held(void **state) {
  (void)state;
  for (int u = 1; u < MATRIX_UNITS; ++u) {
    assert_non_null(clattn_matrix_name(u));
    assert_held(u, MATRIX_ROWS(u), MATRIX_DEPTH(u), MATRIX_LEFT(u), MATRIX_COPIES(u), left_row, left_depth);
    assert_held(u, MATRIX_COLUMNS(u), MATRIX_DEPTH(u), MATRIX_RIGHT(u), MATRIX_COPIES(u), right_row, right_depth);
    assert_held(u, MATRIX_ROWS(u), MATRIX_COLUMNS(u), MATRIX_SUM(u), 1, sum_row, sum_column);
  }
  assert_null(clattn_matrix_name(MATRIX_UNITS));
}

/* Whether a lane has elements of this row of sum. */
static int has_row(int unit, int lane, int row) {
  for (int i = 0; i < MATRIX_SUM(unit); ++i)
    if (sum_row(unit, lane, i) == row) return 1;
  return 0;
}

/* row_max and row_sum join the lanes whose numbers differ in some bits: these must be the row's. */
static void lanes_of_a_row_are_joined(void **state) {
  (void)state;
  for (int u = 1; u < MATRIX_UNITS; ++u) {
    int bits = 0;
    for (int bit = MATRIX_FIRST_BIT(u); bit < MATRIX_END_BIT(u); bit *= 2) bits |= bit;
    for (int lane = 0; lane < MATRIX_LANES(u); ++lane)
      for (int i = 0; i < MATRIX_SUM(u); ++i) {
        const int row = sum_row(u, lane, i);
        assert_in_range(MATRIX_LANE_ROW(u, i), 0, MATRIX_LANE_ROWS(u) - 1);
        for (int other = 0; other < MATRIX_LANES(u); ++other)
          assert_int_equal(has_row(u, other, row), ((lane ^ other) & ~bits) == 0);
        for (int j = 0; j < MATRIX_SUM(u); ++j)
          assert_int_equal(sum_row(u, lane, j) == row, MATRIX_LANE_ROW(u, j) == MATRIX_LANE_ROW(u, i));
      }
  }
}

/* What common/matrix_unit.cl says of sums that become left. */
static void sums_become_left(void **state) {
  (void)state;
  for (int u = 1; u < MATRIX_UNITS; ++u) {
    if (MATRIX_COPIES(u) > 1) continue;
    for (int lane = 0; lane < MATRIX_LANES(u); ++lane)
      for (int i = 0; i < MATRIX_LEFT(u); ++i) {
        const int in_sum = i % MATRIX_SUM(u), sum = i / MATRIX_SUM(u);
        assert_int_equal(left_row(u, lane, i), sum_row(u, lane, in_sum));
        assert_int_equal(left_depth(u, lane, i), sum * MATRIX_COLUMNS(u) + sum_column(u, lane, in_sum));
      }
  }
}

static void software_units_are_right(void **state) {
  (void)state;
  for (int u = 1; u < MATRIX_UNITS; ++u)
    for (int bfloat16 = 0; bfloat16 < 2; ++bfloat16) {
      const clattn_matrix_form form = {.unit = u, .type = bfloat16 ? CLATTN_BF16 : CLATTN_F16, .software = true};
      clattn_error error;
      assert_ok(clattn_matrix_probe(support_opened, &form, getenv("CLATTN_KERNEL_DIR"), &error), &error);
      support_assert_quiet(clattn_matrix_name(u));
    }
}

/* On a GPU, its own units; the compiler refuses those that it does not have. tests/emulator runs this. */
static void offered_units_are_right(void **state) {
  (void)state;
  const clattn_device_info *device = clattn_device_get_info(support_opened);
  for (int u = 1; u < MATRIX_UNITS; ++u)
    for (int type = CLATTN_F16; type <= CLATTN_BF16; ++type) {
      const clattn_matrix_form form = {.unit = u, .type = (clattn_type)type};
      clattn_error error;
      if (!clattn_matrix_is_likely(u, form.type, device)) continue;
      const clattn_status status = clattn_matrix_probe(support_opened, &form, getenv("CLATTN_KERNEL_DIR"), &error);
      if (status == CLATTN_OK)
        printf("%s, %s: right\n", clattn_matrix_name(u), clattn_type_name(form.type));
      else if (status != CLATTN_UNSUPPORTED)
        fail_msg("%s", error.message);
    }
}

static void the_first_that_is_built_is_named(void **state) {
  (void)state;
  const char *name = "";
  clattn_error error;
  assert_ok(clattn_device_matrix_unit(support_opened, CLATTN_F16, &name, &error), &error);
  if (clattn_device_get_info(support_opened)->type == CLATTN_DEVICE_CPU) assert_null(name);
  assert_int_equal(clattn_device_matrix_unit(support_opened, CLATTN_F32, &name, &error), CLATTN_INVALID_ARGUMENT);
  assert_says(&error, "allowed: CLATTN_F16 and CLATTN_BF16");
  assert_int_equal(clattn_device_matrix_unit(NULL, CLATTN_F16, &name, &error), CLATTN_INVALID_ARGUMENT);
  assert_int_equal(clattn_device_matrix_unit(support_opened, CLATTN_F16, NULL, &error), CLATTN_INVALID_ARGUMENT);
}

#define FOLDER "broken_matrix"
static const struct {
  int unit; /* with which it is noticed */
  const char *file, *find, *replace;
} broken[] = {
    {MATRIX_MMA_16, "common/matrix_units.h", "i / 2 % 2 * 8", "i / 4 % 2 * 8"}, /* rows 8 below swapped */
    {MATRIX_MMA_8, "common/matrix_unit.cl", "bit *= 2", "bit *= 4"},            /* a lane is not joined */
    {MATRIX_MFMA, "common/matrix_unit.cl", "from_lane(unit, mine, bit)",
     "from_lane(unit, mine, 1)"},                                                          /* the neighbour's */
    {MATRIX_DPAS_16, "common/matrix_unit_software.cl", "sums[i / SUM_VALUES]", "sums[0]"}, /* a stale fragment */
    {MATRIX_WMMA_11, "common/matrix_unit_software.cl", "2 * i + odd", "2 * i + 1 - odd"},  /* halves swapped */
    {MATRIX_MMA_16, "common/matrix_unit.cl", "*= factor[MATRIX_LANE_ROW(MATRIX_UNIT, i)]", "*= factor[0]"},
    {MATRIX_DPAS_8, "common/matrix_unit_software.cl", "right_depth(MATRIX_UNIT, unit.lane, i) * row + right_row",
     "right_row(MATRIX_UNIT, unit.lane, i) * row + right_depth"}, /* transposed */
    {MATRIX_WMMA_12, "common/matrix_unit_software.cl", "d < UNIT_DEPTH", "d < UNIT_DEPTH - 1"},
    {MATRIX_MFMA, "common/matrix_unit_software.cl", "return vload_half(",
     "return (*from & 0x7c00) == 0 ? 0.0f : vload_half("}, /* numbers below 2^-14 are lost */
};

static void broken_units_are_found_out(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; ++i) {
    const clattn_matrix_form form = {.unit = broken[i].unit, .software = true, .type = CLATTN_F16};
    clattn_error error;
    support_copy_kernels(FOLDER);
    support_break_kernel(FOLDER, broken[i].file, broken[i].find, broken[i].replace);
    if (clattn_matrix_probe(support_opened, &form, FOLDER, &error) != CLATTN_BUILD_FAILED)
      fail_msg("%s: '%s' in %s is not noticed", clattn_matrix_name(broken[i].unit), broken[i].replace, broken[i].file);
  }
  assert_int_equal(system("rm -rf " FOLDER), 0);
}

static void only_its_vendor_is_likely(void **state) {
  (void)state;
  clattn_device_info device = {.type = CLATTN_DEVICE_GPU, .vendor = "Intel(R) Corporation", .least_sub_group = 8};
  assert_true(clattn_matrix_is_likely(MATRIX_DPAS_8, CLATTN_BF16, &device));
  assert_false(clattn_matrix_is_likely(MATRIX_DPAS_16, CLATTN_F16, &device));
  assert_false(clattn_matrix_is_likely(MATRIX_MMA_16, CLATTN_F16, &device));
  assert_false(clattn_matrix_is_likely(MATRIX_DPAS_8, CLATTN_F32, &device));
  device.type = CLATTN_DEVICE_CPU;
  assert_false(clattn_matrix_is_likely(MATRIX_DPAS_8, CLATTN_F16, &device));
  snprintf(device.vendor, sizeof device.vendor, "NVIDIA Corporation");
  device.type = CLATTN_DEVICE_GPU;
  assert_true(clattn_matrix_is_likely(MATRIX_MMA_8, CLATTN_F16, &device));
  assert_false(clattn_matrix_is_likely(MATRIX_MMA_8, CLATTN_BF16, &device));
  assert_false(clattn_matrix_is_likely(MATRIX_UNITS, CLATTN_F16, &device));
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_element_is_held),    cmocka_unit_test(lanes_of_a_row_are_joined),
      cmocka_unit_test(sums_become_left),         cmocka_unit_test(only_its_vendor_is_likely),
      cmocka_unit_test(offered_units_are_right),  cmocka_unit_test(the_first_that_is_built_is_named),
      cmocka_unit_test(software_units_are_right), cmocka_unit_test(broken_units_are_found_out),
  };
  return support_run_group("matrix", tests, sizeof tests / sizeof tests[0], support_open, support_close, argc, argv);
}
