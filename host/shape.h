/* What follows from a problem alone: sizes, strides, costs. */
#ifndef CLATTN_SHAPE_H
#define CLATTN_SHAPE_H

#include "clattn.h"

/* Elements from one (batch, head, row) to the next; the elements of a row are neighbours. */
typedef struct clattn_strides {
  size_t batch, head, row;
} clattn_strides;

/* The problem must be valid for all of these. */
clattn_strides clattn_tensor_strides(const clattn_problem *problem, clattn_tensor tensor); /* q, k, v, context */
size_t clattn_projection_columns(const clattn_problem *problem, clattn_tensor tensor);     /* of q, k or v */
size_t clattn_live_keys(const clattn_problem *problem, size_t query); /* keys 0 ... n-1 are not masked */

double clattn_stage_flops(const clattn_problem *problem, clattn_stage stage);
double clattn_stage_bytes(const clattn_problem *problem, clattn_stage stage);

/* false if a * b overflows. */
bool clattn_multiply(size_t a, size_t b, size_t *product);

#endif
