/* Operations and memory traffic of kernels, counted from their source: one formula for each family
 * of kernels. */
#ifndef CLATTN_TRAFFIC_H
#define CLATTN_TRAFFIC_H

#include "clattn_inspect.h"
#include "catalog/matrix.h"

/* Sizes of the launches of a plain problem: full lengths, no cache, every query sees every key, and
 * nothing is added to the scores. */
typedef struct clattn_sizes {
  size_t pairs;         /* (batch, head) pairs; 1 for a projection */
  size_t group;         /* fused: query heads that share a KV head */
  size_t rows, columns; /* of each pair's result; fused: queries, value_dim */
  size_t terms;         /* of its sums; softmax: 1; fused: keys */
  size_t head_dim;      /* fused only */
  size_t group_rows;    /* fused: rows of a work-group (clattn_geometry.rows) */
  double qk_floats;     /* fused: size of a stored element of q and k, and of v, in floats: 1 or 1/2 */
  double v_floats;
  double result_floats;      /* fused, project: of a result, where the kernel stores the problem's type; else 1 */
  clattn_matrix_parts parts; /* project, in a matrix unit: of x and of w */
  bool b_along_depth;        /* products: whether B is contiguous along the terms */
  bool a_is_weights;         /* products: whether A holds weights, whose masked keys are left out */
} clattn_sizes;

/* Adds the operations and memory traffic of such launches to *traffic, in floats, not bytes.
 * `value` holds the row's tile sizes in the order of the catalogue. */
typedef void clattn_traffic_formula(const int *value, const clattn_sizes *sizes, clattn_traffic *traffic);

/* project, scores and context */
clattn_traffic_formula clattn_traffic_by_rows, clattn_traffic_naive, clattn_traffic_tiled, clattn_traffic_column,
    clattn_traffic_register, clattn_traffic_panel, clattn_traffic_project_matrix;
/* softmax */
clattn_traffic_formula clattn_traffic_softmax_naive, clattn_traffic_softmax_online, clattn_traffic_softmax_tiled,
    clattn_traffic_softmax_pairs, clattn_traffic_softmax_register, clattn_traffic_softmax_vector,
    clattn_traffic_softmax_subgroup;
/* fused */
clattn_traffic_formula clattn_traffic_fused_row, clattn_traffic_fused_online, clattn_traffic_fused_tiled,
    clattn_traffic_fused_register, clattn_traffic_fused_vector, clattn_traffic_fused_split, clattn_traffic_fused_stream,
    clattn_traffic_fused_subgroup, clattn_traffic_fused_subsplit, clattn_traffic_fused_matrix,
    clattn_traffic_fused_matrix_split;

struct clattn_kernel;

/* Traffic of all launches of the stage in one run, in bytes. group_rows: the rows of a work-group of
 * fused. block_rows: queries in one block; 0: all of them. Everything is 0 if the kernel has no formula or the problem
 * is not plain. */
clattn_traffic clattn_stage_traffic(const struct clattn_kernel *row, const int *value, const clattn_problem *problem,
                                    clattn_stage stage, size_t group_rows, size_t block_rows);

#endif
