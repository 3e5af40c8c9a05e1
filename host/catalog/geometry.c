/* Geometry of each family of kernels: shape and local memory of its work-groups, and the summation
 * depth. */
#include "catalog/geometry.h"

#include "base/sizes.h"
#include "../../kernels/common/matrix_units.h"
#include "../../kernels/common/parts.h"

void clattn_geometry_naive(const int *value, const clattn_extent *e, clattn_geometry *g) {
  (void)value;
  *g = (clattn_geometry){.cols = 1, .rows = 1, .longest_addition = e->terms};
}

/* A launch over (row, column) instead of (column, row). */
void clattn_geometry_by_rows(const int *value, const clattn_extent *e, clattn_geometry *g) {
  clattn_geometry_naive(value, e, g);
  g->rows_first = true;
}

/* A work-item has 16 neighbouring columns. */
void clattn_geometry_by_16(const int *value, const clattn_extent *e, clattn_geometry *g) {
  clattn_geometry_naive(value, e, g);
  g->cols = 16;
}

/* value: TILE */
void clattn_geometry_tiled(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t tile = (size_t)value[0];
  *g = (clattn_geometry){.local = {tile, tile},
                         .cols = tile,
                         .rows = tile,
                         .local_bytes = 2 * tile * (tile + 1) * sizeof(float),
                         .longest_addition = e->terms};
}

/* value: TILE, ITEM_ROWS */
void clattn_geometry_column(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t tile = (size_t)value[0], rows = tile * (size_t)value[1];
  *g = (clattn_geometry){.local = {tile, tile},
                         .cols = tile,
                         .rows = rows,
                         .local_bytes = (rows + tile) * (tile + 1) * sizeof(float),
                         .longest_addition = e->terms};
}

/* value: LOCAL_X, LOCAL_Y, ITEM_ROWS, ITEM_COLS, TILE_DEPTH */
void clattn_geometry_registers(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t x = (size_t)value[0], y = (size_t)value[1], depth = (size_t)value[4];
  const size_t rows = y * (size_t)value[2], cols = x * (size_t)value[3];
  *g =
      (clattn_geometry){.local = {x, y},
                        .cols = cols,
                        .rows = rows,
                        .local_bytes = (depth * (rows + cols + 2) + 1) * sizeof(float), /* 1: context's note of a NaN */
                        .longest_addition = e->terms};
}

/* value: as registers */
void clattn_geometry_wide(const int *value, const clattn_extent *e, clattn_geometry *g) {
  clattn_geometry_registers(value, e, g);
  g->local_bytes = (size_t)value[4] * (g->rows + g->cols + 8) * sizeof(float); /* 4 more in each row */
}

/* value: ITEM_ROWS, ROWS, VECTORS, STRIP */
void clattn_geometry_panel(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t rows = (size_t)value[1], vectors = (size_t)value[2], strip = (size_t)value[3];
  *g = (clattn_geometry){.local = {1, 1},
                         .cols = vectors * 16,
                         .rows = clattn_groups_of((size_t)value[0], rows) * rows,
                         .local_bytes = strip * vectors * 16 * sizeof(float),
                         .longest_addition =
                             clattn_larger(e->terms < strip ? e->terms : strip, clattn_groups_of(e->terms, strip))};
}

/* value: as panel, and TILES. A stored output has no room for the sums of earlier strips, which are floats. */
void clattn_geometry_panels(const int *value, const clattn_extent *e, clattn_geometry *g) {
  clattn_geometry_panel(value, e, g);
  g->cols *= (size_t)value[4];
  g->local_bytes *= (size_t)value[4];
  if (e->makes_stored) g->local_bytes += g->rows * g->cols * sizeof(float);
}

/* value: LOCAL_X, and ITEM_KEYS of the register rung */
void clattn_geometry_row_group(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t lanes = (size_t)value[0];
  *g = (clattn_geometry){.local = {lanes, 1},
                         .cols = 1,
                         .rows = 1,
                         .local_bytes = lanes * sizeof(float),
                         .longest_addition =
                             clattn_larger(clattn_groups_of(e->terms, lanes), 8)}; /* 8: the tree, log2 of the lanes */
}

/* Each new maximum rescales the running sum: two roundings per key. */
void clattn_geometry_online_row(const int *value, const clattn_extent *e, clattn_geometry *g) {
  clattn_geometry_naive(value, e, g);
  g->longest_addition *= 2;
}

/* value: LOCAL_X */
void clattn_geometry_online_group(const int *value, const clattn_extent *e, clattn_geometry *g) {
  clattn_geometry_row_group(value, e, g);
  g->local_bytes *= 2;
  g->longest_addition *= 2;
}

/* value: LOCAL_X, ITEM_KEYS. How a sub-group joins its lanes and how many sub-groups there are is
 * unknown: at worst all work-items are joined one after the other. */
void clattn_geometry_sub_groups(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t lanes = (size_t)value[0];
  clattn_geometry_row_group(value, e, g);
  g->local_bytes *= 2;
  g->longest_addition = clattn_larger(clattn_groups_of(e->terms, lanes), lanes);
}

/* value: ITEM_ROWS */
void clattn_geometry_vector_rows(const int *value, const clattn_extent *e, clattn_geometry *g) {
  *g = (clattn_geometry){
      .local = {1, 1}, .cols = (size_t)value[0], .rows = 1, .longest_addition = e->terms / 16 + 4 + e->terms % 16};
}

/* value: VECTORS, TILE_KEYS, TILE_DIMS, STRIP, QUERIES, KEYS_FROM. Local memory for each query: itself,
 * its sums of values and five numbers. For the group: the scores of a block for a strip of keys, and
 * copies of the strip's keys and values where kernels/common/vector_block.cl makes them, else one
 * vector. */
void clattn_geometry_fused_vector(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t block = (size_t)value[0] * 16, strip = (size_t)value[3] / (size_t)value[1] * (size_t)value[1];
  const size_t most = clattn_larger((size_t)value[4], block);
  const bool copied = value[5] == KEYS_FROM_COPY;
  const size_t k_copy = e->k_stored || copied ? strip * clattn_groups_of(e->head_dim, 16) : 1;
  const size_t v_copy = e->v_stored || copied ? strip * clattn_groups_of(e->value_dim, 16) : 1;
  const size_t floats = most * (e->head_dim + e->value_dim + 5) + strip * block + 16 * (k_copy + v_copy);
  *g = (clattn_geometry){.local = {1, 1},
                         .cols = 1,
                         .rows = clattn_group_rows(&e->work, block, most),
                         .local_bytes = floats * sizeof(float),
                         .longest_addition = e->terms};
}

/* value: TILE. Local memory holds tiles of Q, K, V, scores and weights. */
void clattn_geometry_fused_tiled(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t tile = (size_t)value[0];
  *g = (clattn_geometry){.local = {tile, tile},
                         .cols = 1,
                         .rows = tile,
                         .local_bytes = tile * (2 * (e->head_dim + 1) + e->value_dim + 2 * (tile + 1)) * sizeof(float),
                         .longest_addition = e->terms};
}

/* A tile of rows of a fused kernel, counted in vectors of 4 as in kernels/common/fused_block.cl. */
typedef struct block {
  size_t local[2], item_rows, item_keys, tile_depth;
} block;

/* Bytes of its tiles, of the values that work-items exchange, and of its flags. */
static size_t block_bytes(const block *b, const clattn_extent *e) {
  const size_t rows = b->local[1] * b->item_rows, keys = b->local[0] * b->item_keys;
  const bool q_stays = b->tile_depth >= e->head_dim;
  const size_t depth_row = (q_stays ? clattn_groups_of(e->head_dim, 4) : b->tile_depth / 4) | 1;
  const size_t value_row = clattn_groups_of(e->value_dim, 4 * b->local[0]) * b->local[0];
  const size_t q = rows * depth_row, tile = clattn_larger(q + keys * depth_row, (q_stays ? q : 0) + keys * value_row);
  const size_t element = e->half_products ? sizeof(uint16_t) : sizeof(float);
  return (tile + rows * (keys / 4 | 1)) * 4 * element + rows * b->local[0] * sizeof(float) +
         (e->half_products ? 2 : 1) * sizeof(int32_t);
}

/* value: LOCAL_X, LOCAL_Y, ITEM_ROWS, ITEM_KEYS, TILE_DEPTH */
void clattn_geometry_fused_block(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const block b = {{(size_t)value[0], (size_t)value[1]}, (size_t)value[2], (size_t)value[3], (size_t)value[4]};
  *g = (clattn_geometry){.local = {b.local[0], b.local[1]},
                         .cols = 1,
                         .rows = b.local[1] * b.item_rows,
                         .local_bytes = block_bytes(&b, e),
                         .longest_addition = e->terms,
                         .half_addition = e->half_products ? HALF_CHAIN : 0,
                         .longest_first = true};
}

/* value: LOCAL_X, ITEM_ROWS, TILE_DEPTH; host/catalog/fused.c computes the launch size from the
 * others */
void clattn_geometry_fused_split(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const int same[] = {value[0], SPLIT_LOCAL_Y, value[1], 1, value[2]};
  clattn_geometry_fused_block(same, e, g);
  g->rows = 1;
  if (e->pages) g->local_bytes += (size_t)value[0] * sizeof(uint64_t);
}

/* value: HEADS, UNIT_GROUPS; host/catalog/fused.c computes the launch size from them. Each strip is
 * summed by itself, then added to the total, which is rescaled first; parts are at most as many as
 * strips. */
void clattn_geometry_fused_stream(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t lines = (size_t)value[0] * STREAM_ROWS, strips = clattn_groups_of(e->terms, STREAM_STRIP);
  const size_t line_floats = e->head_dim + 4 + STREAM_STRIP + 2 * clattn_groups_of(e->value_dim, 16) * 16;
  *g = (clattn_geometry){
      .local = {1, 1},
      .cols = 1,
      .rows = 1,
      .local_bytes = lines * line_floats * sizeof(float) + (e->pages ? STREAM_STRIP * sizeof(uint64_t) : 0),
      .longest_addition = clattn_larger(e->terms < STREAM_STRIP ? e->terms : STREAM_STRIP, 2 * strips)};
}

/* Local memory of a sub-group that kernels/common/matrix_unit.cl takes, in bytes. */
static size_t unit_scratch(int unit, bool software) {
  const size_t operands = (size_t)((MATRIX_ROWS(unit) + MATRIX_COLUMNS(unit)) * MATRIX_DEPTH(unit)) * sizeof(uint16_t);
  return software ? operands + (size_t)MATRIX_LANES(unit) * sizeof(float) : sizeof(uint32_t);
}

/* value: MATRIX_UNIT, SUB_GROUPS, ROW_TILES, BLOCK_KEYS. Local memory holds tiles of keys and of values, whose rows are
 * 8 elements longer, in one place or in two, a weight of each row, and a flag for each place. How a unit adds up its
 * products is not documented, and it may truncate, which errs twice as much as rounding does. */
static void matrix_geometry(const int *value, bool in_two_places, const clattn_extent *e, clattn_geometry *g) {
  const int unit = value[0];
  const size_t groups = (size_t)value[1], keys = (size_t)value[3];
  const size_t rows = groups * (size_t)value[2] * (size_t)MATRIX_ROWS(unit);
  const size_t step = (size_t)MATRIX_DEPTH(unit), columns = (size_t)(MATRIX_COLUMNS(unit) * MATRIX_STRIP(unit));
  const size_t depth = clattn_groups_of(e->head_dim, step) * step;
  const size_t width = clattn_groups_of(e->value_dim, columns) * columns;
  const size_t of_keys = keys * (depth + 8);
  const size_t of_values = MATRIX_IS_MMA(unit) ? keys * (width + 8) : width * (keys + 8);
  const size_t tiles = in_two_places ? of_keys + of_values : clattn_larger(of_keys, of_values);
  *g = (clattn_geometry){.local = {groups * (size_t)MATRIX_LANES(unit), 1},
                         .cols = 1,
                         .rows = rows,
                         .local_bytes = tiles * sizeof(uint16_t) + groups * unit_scratch(unit, unit != e->matrix_unit) +
                                        rows * sizeof(float) + (in_two_places ? 2 : 1) * sizeof(int32_t),
                         .longest_addition = 2 * e->terms,
                         .rounded_weights = e->matrix_type,
                         .longest_first = true};
}

void clattn_geometry_fused_matrix(const int *value, const clattn_extent *e, clattn_geometry *g) {
  matrix_geometry(value, false, e, g);
}

void clattn_geometry_fused_async(const int *value, const clattn_extent *e, clattn_geometry *g) {
  matrix_geometry(value, true, e, g);
}

/* value: MATRIX_UNIT, SUB_GROUPS, ROW_TILES, BLOCK_KEYS; host/catalog/fused.c computes the launch size from the others
 */
void clattn_geometry_fused_matrix_split(const int *value, const clattn_extent *e, clattn_geometry *g) {
  matrix_geometry(value, false, e, g);
  g->rows = 1;
}

/* value: MATRIX_UNIT, GROUPS_DOWN, GROUPS_ACROSS, GROUP_ROWS, GROUP_COLS, TILE_DEPTH. Local memory holds two tiles, one
 * for each part of x and of w, whose rows are 8 elements longer, and two flags. A unit adds up the products of a tile,
 * where it may truncate, as above. The products of smaller parts count little: they are added first, and are less than
 * 2^-6 of the others. */
void clattn_geometry_project_matrix(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const int unit = value[0];
  const size_t groups = (size_t)value[1] * (size_t)value[2], depth = (size_t)value[5];
  const size_t rows = (size_t)value[1] * (size_t)value[3], cols = (size_t)value[2] * (size_t)value[4];
  const size_t x_tile = (size_t)e->parts.x * rows * (depth + 8);
  const size_t across = depth * (cols + 8), along = cols * (depth + 8);
  const size_t w_tile = (size_t)e->parts.w * (MATRIX_IS_MMA(unit) && !e->w_transposed ? across : along);
  *g = (clattn_geometry){.local = {groups * (size_t)MATRIX_LANES(unit), 1},
                         .cols = cols,
                         .rows = rows,
                         .local_bytes = (x_tile + w_tile) * sizeof(uint16_t) +
                                        groups * unit_scratch(unit, unit != e->matrix_unit) + 2 * sizeof(int32_t),
                         .longest_addition =
                             clattn_larger(2 * clattn_smaller(e->terms, depth), clattn_groups_of(e->terms, depth))};
}

/* CLBlast does not document its order of additions: assume the worst, one after the other. */
void clattn_geometry_library(const int *value, const clattn_extent *e, clattn_geometry *g) {
  clattn_geometry_naive(value, e, g);
}
