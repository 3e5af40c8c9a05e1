/* Labels of points in a chart: none covers a point or another label, even if points are close
 * together. */
#include <string.h>

#include "cli/ladder/labels.h"
#include "support.h"

static void assert_apart(label *all, size_t count) {
  labels_place(all, count);
  for (size_t i = 0; i < count; ++i)
    for (size_t k = 0; k < count; ++k) {
      const double x = all[i].x + all[i].dx, y = all[i].y + all[i].dy;
      if (labels_overlap(x - all[k].x, y - all[k].y, all[i].width / 2 + LABEL_POINT, LABEL_HEIGHT / 2 + LABEL_POINT) >
          LABEL_HEIGHT)
        fail_msg("label %zu covers point %zu", i, k);
      if (k != i && labels_overlap(x - all[k].x - all[k].dx, y - all[k].y - all[k].dy,
                                   (all[i].width + all[k].width) / 2, LABEL_HEIGHT) > 0.0)
        fail_msg("labels %zu and %zu overlap", i, k);
    }
}

static void a_single_point_has_its_name_at_the_upper_right(void **state) {
  (void)state;
  label one = {.x = 100, .y = 100, .width = 7};
  assert_apart(&one, 1);
  assert_true(one.dx > 0 && one.dy > 0);
}

static void points_in_a_heap(void **state) {
  (void)state;
  label all[] = {{.x = 100, .y = 100, .width = 7}, {.x = 100, .y = 100, .width = 7}, {.x = 103, .y = 98, .width = 7},
                 {.x = 110, .y = 104, .width = 7}, {.x = 100, .y = 112, .width = 7}, {.x = 98, .y = 90, .width = 14}};
  assert_apart(all, sizeof all / sizeof all[0]);
}

static void points_in_a_row_with_long_names(void **state) {
  (void)state;
  label all[7];
  memset(all, 0, sizeof all);
  for (int i = 0; i < 7; ++i) all[i] = (label){.x = 200 + 12 * i, .y = 50 + 3 * i, .width = 63};
  assert_apart(all, 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_single_point_has_its_name_at_the_upper_right),
      cmocka_unit_test(points_in_a_heap),
      cmocka_unit_test(points_in_a_row_with_long_names),
  };
  return cmocka_run_group_tests_name("labels", tests, NULL, NULL);
}
