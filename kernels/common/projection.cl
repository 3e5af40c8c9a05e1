/* What all rungs of project share. */
#include "common/attention.h"
#ifndef W_TRANSPOSED
#define W_TRANSPOSED 0
#endif
#define B_ALONG_DEPTH W_TRANSPOSED

float bias_of(const projection p, global const float *bias, int column) {
  return bias ? bias[p.bias_offset + column] : 0.0f;
}

/* Where the columns from `column` on begin in w. */
size_t w_corner(const projection p, int column) {
  return p.w_offset + (W_TRANSPOSED ? column * p.w_row : column);
}
