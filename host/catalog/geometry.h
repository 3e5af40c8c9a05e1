/* What follows from the tile values of a kernel. */
#ifndef CLATTN_GEOMETRY_H
#define CLATTN_GEOMETRY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct clattn_geometry {
  size_t local[2];         /* work-items of a work-group: columns, rows; 0: the launch chooses a shape */
  size_t items;            /* local 0: work-items of a work-group, a power of two; 0 before the kernel is built */
  size_t cols, rows;       /* results of one work-group; of softmax, cols counts whole rows */
  size_t local_bytes;      /* of local memory */
  size_t longest_addition; /* longest chain of additions into one accumulator */
  bool rows_first;         /* rows run along the launch's first dimension, columns along its second */
  bool longest_first;      /* of a causal problem the first work-groups have the most to do, not the last */
} clattn_geometry;

/* What geometry follows from besides the tile values. */
typedef struct clattn_extent {
  size_t terms;               /* of the stage's sums: model_dim, head_dim, key_len */
  size_t head_dim, value_dim; /* of fused */
  bool stored;                /* it reads keys or values that are no floats */
} clattn_extent;

/* Of the tile values, in the order of the catalogue's row. */
typedef void clattn_geometry_formula(const int *value, const clattn_extent *extent, clattn_geometry *geometry);
clattn_geometry_formula clattn_geometry_naive;
clattn_geometry_formula clattn_geometry_by_rows;
clattn_geometry_formula clattn_geometry_tiled;
clattn_geometry_formula clattn_geometry_column;
clattn_geometry_formula clattn_geometry_registers;
clattn_geometry_formula clattn_geometry_wide;
clattn_geometry_formula clattn_geometry_panel;
clattn_geometry_formula clattn_geometry_row_group;
clattn_geometry_formula clattn_geometry_online_row;
clattn_geometry_formula clattn_geometry_online_group;
clattn_geometry_formula clattn_geometry_vector_rows;
clattn_geometry_formula clattn_geometry_fused_vector;
clattn_geometry_formula clattn_geometry_fused_tiled;
clattn_geometry_formula clattn_geometry_fused_block;
clattn_geometry_formula clattn_geometry_fused_split;
clattn_geometry_formula clattn_geometry_fused_stream;
clattn_geometry_formula clattn_geometry_library;

#endif
