/* Each name in turn takes the place around its point where it covers least; among equals the
 * nearest. */
#include "cli/ladder/labels.h"

#include <math.h>

double labels_overlap(double dx, double dy, double half_width, double half_height) {
  const double width = half_width - fabs(dx), height = half_height - fabs(dy);
  return width > 0.0 && height > 0.0 ? width * height : 0.0;
}

/* The area of points, and of names placed before it, that the name would cover. */
static double covered(const label *all, size_t count, size_t i, double x, double y) {
  double area = 0.0;
  for (size_t k = 0; k < count; ++k) {
    const label *l = &all[k];
    area += labels_overlap(x - l->x, y - l->y, all[i].width / 2 + LABEL_POINT, LABEL_HEIGHT / 2 + LABEL_POINT);
    if (k < i) area += labels_overlap(x - l->x - l->dx, y - l->y - l->dy, (all[i].width + l->width) / 2, LABEL_HEIGHT);
  }
  return area;
}

/* Tries places around the point, clockwise from the upper right; then rings farther out. */
void labels_place(label *all, size_t count) {
  static const struct { int x, y; } ways[] = {{1, 1}, {1, 0}, {1, -1}, {0, -1}, {-1, -1}, {-1, 0}, {-1, 1}, {0, 1}};
  for (size_t i = 0; i < count; ++i) {
    double least = INFINITY;
    for (int ring = 1; ring <= 3 && least > 0.0; ++ring)
      for (size_t w = 0; w < sizeof ways / sizeof ways[0] && least > 0.0; ++w) {
        const double far_x = all[i].width / 2 + LABEL_POINT + 8.0 * (ring - 1);
        const double far_y = LABEL_HEIGHT / 2 + LABEL_POINT + 8.0 * (ring - 1);
        const double dx = ways[w].x * far_x, dy = ways[w].y * (ways[w].x == 0 ? far_y : far_y / 2);
        const double area = covered(all, count, i, all[i].x + dx, all[i].y + dy);
        if (area >= least) continue;
        least = area;
        all[i].dx = dx;
        all[i].dy = dy;
      }
  }
}
