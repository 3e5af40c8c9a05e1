/* The geometry of a kernel, computed from its tile values. */
#ifndef CLATTN_GEOMETRY_H
#define CLATTN_GEOMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/group_rows.h"
#include "catalog/matrix.h"
#include "clattn_problem.h"

typedef struct clattn_geometry {
  size_t local[2];         /* work-items of a work-group: columns, rows; 0: the launch chooses a shape */
  size_t items;            /* local 0: work-items of a work-group, a power of two; 0 before the kernel is built */
  size_t cols, rows;       /* results of one work-group, local 0: of one work-item; for softmax, cols are whole rows */
  size_t local_bytes;      /* local memory of one work-group */
  size_t longest_addition; /* summation depth: most additions one after the other into one sum */
  clattn_type rounded_weights; /* of fused: the type to which weights are rounded; CLATTN_F32: they are not */
  size_t half_addition;        /* most products added up in half; 0: sums are float from the first term on */
  bool rows_first;             /* rows run along the launch's first dimension, columns along its second */
  bool longest_first;          /* in a causal problem the first work-groups do the most work, not the last */
} clattn_geometry;

/* Sizes of the problem on which geometry depends, besides the tile values. */
typedef struct clattn_extent {
  size_t terms;               /* length of the stage's sums: model_dim, head_dim or key_len */
  size_t head_dim, value_dim; /* fused only */
  bool k_stored, v_stored;    /* the kernel reads keys, or values, that are not float */
  bool half_products;         /* clattn_multiplies_halves() */
  int matrix_unit;            /* clattn_matrix_unit_of() */
  clattn_type matrix_type;    /* clattn_matrix_type_of() */
  clattn_matrix_parts parts;  /* clattn_matrix_parts_of(); project and output only */
  bool far_rows;              /* clattn_has_far_rows() */
  bool pages;                 /* keys and values are in the pages of a cache */
  bool makes_stored;          /* clattn_makes_stored() */
  bool w_transposed;          /* rows of w run along the terms */
  clattn_row_work work;       /* fused only */
} clattn_extent;

/* `value`: the tile values in the order of the catalogue's row. */
typedef void clattn_geometry_formula(const int *value, const clattn_extent *extent, clattn_geometry *geometry);
clattn_geometry_formula clattn_geometry_naive;
clattn_geometry_formula clattn_geometry_by_rows;
clattn_geometry_formula clattn_geometry_by_16;
clattn_geometry_formula clattn_geometry_tiled;
clattn_geometry_formula clattn_geometry_column;
clattn_geometry_formula clattn_geometry_registers;
clattn_geometry_formula clattn_geometry_wide;
clattn_geometry_formula clattn_geometry_panel;
clattn_geometry_formula clattn_geometry_panels;
clattn_geometry_formula clattn_geometry_row_group;
clattn_geometry_formula clattn_geometry_online_row;
clattn_geometry_formula clattn_geometry_online_group;
clattn_geometry_formula clattn_geometry_sub_groups;
clattn_geometry_formula clattn_geometry_vector_rows;
clattn_geometry_formula clattn_geometry_fused_vector;
clattn_geometry_formula clattn_geometry_fused_tiled;
clattn_geometry_formula clattn_geometry_fused_block;
clattn_geometry_formula clattn_geometry_fused_split;
clattn_geometry_formula clattn_geometry_fused_stream;
clattn_geometry_formula clattn_geometry_fused_matrix;
clattn_geometry_formula clattn_geometry_fused_async;
clattn_geometry_formula clattn_geometry_fused_matrix_split;
clattn_geometry_formula clattn_geometry_project_matrix;
clattn_geometry_formula clattn_geometry_library;

#endif
