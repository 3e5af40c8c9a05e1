/* Pictures of matrix units: which lane holds which element, by the functions of kernels/common/matrix_units.h. */
#ifndef CLATTN_ACCESS_UNIT_H
#define CLATTN_ACCESS_UNIT_H

#include <stdint.h>
#include <stdio.h>

typedef struct unit_view {
  int64_t unit; /* a number of matrix_units.h; 0: no picture of a unit is wanted */
  int64_t lane; /* the one that stands out */
  int handed;   /* 0: left, right and sum of a product; 1: how sums become the next product's left */
} unit_view;

void unit_picture(const unit_view *view, FILE *to);

#endif
