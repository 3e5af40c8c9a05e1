/* Pieces of wqkv and bqkv: see fused_order.h. */
#include "problem/fused_order.h"

#include <string.h>

#include "problem/shape.h"
#include "problem/tensors.h"

enum { PARTS = 3 }; /* q, k and v */

bool clattn_is_reordered(const clattn_problem *p, clattn_tensor tensor) {
  return (tensor == CLATTN_WQKV || tensor == CLATTN_BQKV) && p->fused_qkv &&
         p->fused_order != CLATTN_FUSED_SIDE_BY_SIDE;
}

size_t clattn_fused_piece_count(const clattn_problem *p) {
  return PARTS * clattn_kv_heads(p);
}

clattn_fused_piece clattn_fused_piece_at(const clattn_problem *p, size_t index) {
  const size_t groups = clattn_kv_heads(p), group = index / PARTS;
  clattn_fused_piece piece = {0, 0, 0};
  for (size_t part = 0; part < PARTS; ++part) {
    const size_t columns = clattn_tensor_columns(p, clattn_qkv[part]) / groups;
    piece.from += group * columns; /* the groups before this one */
    if (part == index % PARTS) {
      piece.columns = columns;
      piece.to += group * columns;
    } else if (part < index % PARTS) {
      piece.from += columns;
      piece.to += groups * columns;
    }
  }
  return piece;
}

clattn_fused_rows clattn_fused_rows_of(const clattn_problem *p, clattn_tensor tensor) {
  const size_t bytes = clattn_input_bytes(p, tensor);
  const bool by_terms = tensor == CLATTN_WQKV && p->layout == CLATTN_LAYOUT_XW;
  const size_t rows = by_terms ? p->model_dim : 1;
  size_t columns = 0;
  for (size_t part = 0; part < PARTS; ++part) columns += clattn_tensor_columns(p, clattn_qkv[part]);
  return (clattn_fused_rows){.rows = rows, .row_bytes = bytes / rows, .column_bytes = bytes / rows / columns};
}

void clattn_place_side_by_side(const clattn_problem *p, clattn_tensor tensor, const void *given, void *to) {
  const clattn_fused_rows r = clattn_fused_rows_of(p, tensor);
  for (size_t i = 0; i < clattn_fused_piece_count(p); ++i) {
    const clattn_fused_piece piece = clattn_fused_piece_at(p, i);
    for (size_t row = 0; row < r.rows; ++row)
      memcpy((char *)to + row * r.row_bytes + piece.to * r.column_bytes,
             (const char *)given + row * r.row_bytes + piece.from * r.column_bytes, piece.columns * r.column_bytes);
  }
}
