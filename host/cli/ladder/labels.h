/* Places the names of a chart's points so that they cover no point and no other name. */
#ifndef CLATTN_CLI_LABELS_H
#define CLATTN_CLI_LABELS_H

#include <stddef.h>

/* All lengths in pixels, y upwards. */
typedef struct label {
  double x, y;   /* the point */
  double width;  /* of its name */
  double dx, dy; /* set by labels_place: from the point to the middle of the name */
} label;

#define LABEL_HEIGHT 12.0
#define LABEL_POINT 10.0 /* half of a point's width */

void labels_place(label *all, size_t count);

/* The area that two rectangles share. dx, dy: distance of their middles; half_...: sums of their
 * half sizes. */
double labels_overlap(double dx, double dy, double half_width, double half_height);

#endif
