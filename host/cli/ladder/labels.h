/* Where the names of a chart's points go, so that they lie on no point and on no other name. */
#ifndef CLATTN_CLI_LABELS_H
#define CLATTN_CLI_LABELS_H

#include <stddef.h>

/* All lengths in pixels, y upwards. */
typedef struct label {
  double x, y;   /* the point */
  double width;  /* of its name */
  double dx, dy; /* what labels_place finds: from the point to the middle of the name */
} label;

#define LABEL_HEIGHT 12.0
#define LABEL_POINT 10.0 /* half of a point's width */

void labels_place(label *all, size_t count);

/* Of two rectangles given by their middles and half sizes, the area that both cover. */
double labels_overlap(double dx, double dy, double half_width, double half_height);

#endif
