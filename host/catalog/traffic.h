/* What kernels ask for on paper, counted from their text: one formula for each family of rows of the catalogue. */
#ifndef CLATTN_TRAFFIC_H
#define CLATTN_TRAFFIC_H

#include "clattn_inspect.h"

/* What launches of a plain problem compute. Plain: of full length, without a cache, and every query sees every key with
 * nothing added to its score. */
typedef struct clattn_sizes {
  size_t pairs;         /* (batch, head) pairs; of a projection 1 */
  size_t group;         /* of fused: query heads that share a key head */
  size_t rows, columns; /* of each pair's result; of fused: queries, value_dim */
  size_t terms;         /* of its sums; of softmax 1; of fused: keys */
  size_t head_dim;      /* of fused */
  double qk_floats; /* of fused: floats that an element of q and k, and of v, takes as stored: 1, or 1/2 of halves */
  double v_floats;
  bool b_along_depth; /* of products: whether the right-hand side is contiguous along the terms */
  bool a_is_weights;  /* likewise: whether the left-hand side is, of which masked keys are left out */
} clattn_sizes;

/* Each adds to *traffic what such launches ask for: operations, and floats (not yet bytes) of memory. `value` are the
 * row's tile sizes in the order of the catalogue. */
typedef void clattn_traffic_formula(const int *value, const clattn_sizes *sizes, clattn_traffic *traffic);

/* project, scores and context */
clattn_traffic_formula clattn_traffic_by_rows, clattn_traffic_naive, clattn_traffic_tiled, clattn_traffic_column,
    clattn_traffic_register, clattn_traffic_panel;
/* softmax */
clattn_traffic_formula clattn_traffic_softmax_naive, clattn_traffic_softmax_online, clattn_traffic_softmax_tiled,
    clattn_traffic_softmax_pairs, clattn_traffic_softmax_register, clattn_traffic_softmax_vector;
/* fused */
clattn_traffic_formula clattn_traffic_fused_row, clattn_traffic_fused_online, clattn_traffic_fused_tiled,
    clattn_traffic_fused_register, clattn_traffic_fused_vector, clattn_traffic_fused_split, clattn_traffic_fused_stream;

struct clattn_kernel;

/* Traffic of all launches of the stage in one run, in bytes. block_rows: queries in one block; 0: all
 * of them. Everything is 0 if the kernel has no formula or the problem is not plain. */
clattn_traffic clattn_stage_traffic(const struct clattn_kernel *row, const int *value, const clattn_problem *problem,
                                    clattn_stage stage, size_t block_rows);

#endif
