/* What all rungs of project share. */
#include "common/stored.cl"
#ifndef W_TRANSPOSED
#define W_TRANSPOSED 0
#endif
#define B_ALONG_DEPTH W_TRANSPOSED
/* STORED_F16 or STORED_BF16 where the kernel stores its results in that type: the output, or q, k and v for a fused
 * kernel that multiplies them so. Rungs 1 and 2 store floats only. */
#ifndef OUT_TYPE
#define OUT_TYPE 0
#endif

/* One of the up to three results of a launch: q, k or v. */
typedef struct result {
  global const float *w, *bias; /* of column 0; bias NULL: no bias */
  global float *out;            /* (rows, columns), of OUT_TYPE */
  size_t w_row;                 /* elements from one row of w to the next */
  int columns, in_panels;
} result;

/* A member of p.part[which]. An index that is not constant would make AMD's and Intel's compilers copy the array to
 * memory of each work-item. */
#define OF_PART(member) (which == 0 ? p.part[0].member : which == 1 ? p.part[1].member : p.part[2].member)

/* Finds the result that the work-item's third dimension selects. */
void find_result(const projection p, global const float *wq, global const float *wk, global const float *wv,
                 global const float *bq, global const float *bk, global const float *bv, global float *q,
                 global float *k, global float *v, result *r) {
  const int which = get_global_id(2);
  global const float *bias = which == 0 ? bq : which == 1 ? bk : bv;
  r->w = (which == 0 ? wq : which == 1 ? wk : wv) + OF_PART(w_offset);
  r->bias = bias ? bias + OF_PART(bias_offset) : 0;
  r->out = which == 0 ? q : which == 1 ? k : v;
  r->w_row = OF_PART(w_row);
  r->columns = OF_PART(columns);
  r->in_panels = OF_PART(in_panels);
}

float bias_of(const result r, int column) {
  return r.bias ? r.bias[column] : 0.0f;
}

/* Where the columns starting at `column` begin in w. */
global const float *w_corner(const result r, int column) {
  return r.w + (W_TRANSPOSED ? column * r.w_row : column);
}
