/* The order of the columns of wqkv and bqkv. Kernels read them side by side: all of q, all of k, all of v. In another
 * order they are copied piece by piece, before a run or when they are uploaded. */
#ifndef CLATTN_FUSED_ORDER_H
#define CLATTN_FUSED_ORDER_H

#include "clattn_inspect.h"

/* Whether the tensor is given in another order than kernels read. */
bool clattn_is_reordered(const clattn_problem *problem, clattn_tensor tensor);

/* Columns that stay together: from column `from` of what is given to column `to` side by side. */
typedef struct clattn_fused_piece {
  size_t from, to, columns;
} clattn_fused_piece;

size_t clattn_fused_piece_count(const clattn_problem *problem);
clattn_fused_piece clattn_fused_piece_at(const clattn_problem *problem, size_t index);

/* A reordered tensor as rows of columns; the bytes of one column in a row. With CLATTN_LAYOUT_XWT it is one row, whose
 * columns are rows of the matrix. */
typedef struct clattn_fused_rows {
  size_t rows, row_bytes, column_bytes;
} clattn_fused_rows;

clattn_fused_rows clattn_fused_rows_of(const clattn_problem *problem, clattn_tensor tensor);

/* Copies a reordered tensor, in the problem's type. */
void clattn_place_side_by_side(const clattn_problem *problem, clattn_tensor tensor, const void *given, void *to);

#endif
