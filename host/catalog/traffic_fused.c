/* Traffic: the formulas of the fused stage. How often a row's maximum grows depends on the data;
 * work that is done only then counts once for each row, for its first key or strip. */
#include "catalog/traffic.h"

#include <limits.h>

#include "../../kernels/common/matrix_units.h"
#include "../../kernels/common/parts.h"

/* Operations of exp2_16 in kernels/common/exp2.cl for each number: three to split it, five
 * multiply-adds, a product. */
#define EXP2_FLOPS 14.0

static double tiles_of(size_t elements, size_t tile) {
  const size_t tiles = (elements + tile - 1) / tile;
  return (double)tiles;
}

static double all_rows(const clattn_sizes *s) {
  return (double)s->pairs * (double)s->rows;
}

/* Reads with one work-item per row: `own` floats belong to the row, `shared` ones are keys and
 * values. Neighbouring work-items are neighbouring pairs, a head apart in all memory. With only one
 * pair they are rows, which share keys and values. */
static void read_by_row(const clattn_sizes *s, double own, double shared, clattn_traffic *t) {
  t->global_read += own + shared;
  t->global_strided += own + (s->pairs > 1 ? shared : 0.0);
}

static void write_by_row(double floats, clattn_traffic *t) {
  t->global_written += floats;
  t->global_scattered += floats;
}

/* For each key: three products with q; the result is read and written once. */
void clattn_traffic_fused_row(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  (void)value;
  const double rows = all_rows(s), keys = rows * (double)s->terms, d = (double)s->head_dim, e = (double)s->columns;
  t->flops += keys * (6.0 * d + 2.0 * e + 9.0); /* 9: three times the scale, difference and exp twice, sum, quotient */
  read_by_row(s, keys * (3.0 * d * s->qk_floats + e), keys * (3.0 * d * s->qk_floats + e * s->v_floats), t);
  write_by_row(keys * e + rows * e, t);
}

/* For each key: one product with q; the result is read and written, and divided at the end. */
void clattn_traffic_fused_online(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  (void)value;
  const double rows = all_rows(s), keys = rows * (double)s->terms, d = (double)s->head_dim, e = (double)s->columns;
  t->flops += keys * (2.0 * d + 3.0 * e + 6.0); /* 6: scale, difference, exp, power of two, product and sum */
  read_by_row(s, keys * (d * s->qk_floats + e) + rows * e, keys * (d * s->qk_floats + e * s->v_floats), t);
  write_by_row(keys * e + 2.0 * rows * e, t);
}

/* value: TILE. Each multiply-add of a score reads two floats of local memory; context reads a
 * weight and a row of values; and each work-item reads its row's scores and weights. */
void clattn_traffic_fused_tiled(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const size_t tile = (size_t)value[0];
  const double groups = (double)s->pairs * tiles_of(s->rows, tile), square = (double)(tile * tile);
  const double places = groups * tiles_of(s->terms, tile) * square; /* (row, key), including a tile's padding */
  const double rows = all_rows(s), keys = rows * (double)s->terms, d = (double)s->head_dim, e = (double)s->columns;
  t->flops += places * (2.0 * d + 2.0 + tiles_of(s->columns, tile)) + keys * (3.0 + (double)tile + 2.0 * e);
  t->global_read += rows * d * s->qk_floats + groups * (double)s->terms * (d * s->qk_floats + e * s->v_floats);
  t->global_written += rows * e * s->result_floats;
  t->local_written += groups * (double)tile * d + places * ((d + e) / (double)tile + 2.0);
  t->local_read += places * 2.0 * (d + (double)tile) + keys * e;
}

/* ---- a block of rows, as in kernels/common/fused_block.cl -------------------------------------------------------- */

typedef struct block {
  size_t local[2], item_rows, item_keys, tile_depth;
  bool in_step; /* a row's work-items are a sub-group: maxima and sums take no local memory */
} block;

/* Adds the traffic of `blocks` blocks that share `rows` rows and go through all keys in `parts`
 * parts. */
static void add_blocks(const block *b, const clattn_sizes *s, double blocks, double rows, double parts,
                       clattn_traffic *t) {
  const size_t block_rows = b->local[1] * b->item_rows, block_keys = b->local[0] * b->item_keys;
  const bool q_stays = b->tile_depth >= s->head_dim;
  const size_t depth = q_stays ? (s->head_dim + 3) / 4 * 4 : b->tile_depth;
  const double depths = tiles_of(s->head_dim, depth) * (double)depth, lanes = (double)b->local[0];
  const double vectors = tiles_of(s->columns, 4 * b->local[0]); /* float4s of context of a work-item and row */
  const double items = lanes * (double)b->local[1], item_rows = (double)b->item_rows, item_keys = (double)b->item_keys;
  const double tiles = blocks * tiles_of(s->terms, block_keys), q_loads = q_stays ? parts : tiles / blocks;
  const double places = tiles * items * item_rows * item_keys, live = rows * (double)s->terms;
  const double context = tiles * items * item_rows * vectors * 4.0; /* floats, once for each tile */

  t->flops += places * (2.0 * depths + 2.0) + live * 3.0; /* 3: difference, exp, power of two */
  t->flops += tiles * items * item_rows + context * (1.0 + 2.0 * (double)block_keys);
  t->flops += blocks * parts * items * item_rows * lanes; /* joining sums */
  t->global_read += q_loads * rows * (double)s->head_dim * s->qk_floats;
  t->global_read += blocks * (double)s->terms * ((double)s->head_dim * s->qk_floats + (double)s->columns * s->v_floats);
  t->local_written += q_loads * blocks * (double)block_rows * depths;
  t->local_written += tiles * (double)block_keys * (depths + vectors * lanes * 4.0);
  t->local_read += tiles * items * depths * (item_rows + item_keys);
  /* the flag for NaN, weights */
  t->local_written += tiles + places;
  t->local_read += tiles * items;
  t->local_read += tiles * items * (double)block_keys * (item_rows + 4.0 * vectors);
  if (b->in_step) return;
  /* maxima, and sums, joined at the end */
  t->local_written += (tiles + blocks * parts) * items * item_rows;
  t->local_read += (tiles + blocks * parts) * items * item_rows * lanes;
}

/* value: LOCAL_X, LOCAL_Y, ITEM_ROWS, ITEM_KEYS, TILE_DEPTH */
static void add_block_kernel(const int *value, bool in_step, const clattn_sizes *s, clattn_traffic *t) {
  const block b = {{(size_t)value[0], (size_t)value[1]}, (size_t)value[2], (size_t)value[3], (size_t)value[4], in_step};
  add_blocks(&b, s, (double)s->pairs * tiles_of(s->rows, b.local[1] * b.item_rows), all_rows(s), 1.0, t);
  t->global_written += all_rows(s) * (double)s->columns * s->result_floats;
}

void clattn_traffic_fused_register(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  add_block_kernel(value, false, s, t);
}

void clattn_traffic_fused_subgroup(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  add_block_kernel(value, true, s, t);
}

/* Rows and keys divided into blocks and parts (kernels/common/split_join.cl). */
typedef struct division {
  double blocks;      /* of rows, each of all heads that share a KV head */
  double parts, full; /* of the keys, and those of them that have any */
} division;

static division divide(const clattn_sizes *s, size_t block_rows, size_t block_keys, int part_keys, int groups) {
  const size_t lines = s->group * s->rows, blocks = s->pairs / s->group * ((lines + block_rows - 1) / block_rows);
  const size_t parts = (size_t)parts_of(blocks < INT_MAX ? (int)blocks : INT_MAX, (int)s->terms, groups, part_keys);
  const size_t part_tiles = (s->terms + parts * block_keys - 1) / (parts * block_keys);
  return (division){(double)blocks, (double)parts, tiles_of(s->terms, part_tiles * block_keys)};
}

/* Each part writes its sums of values, a maximum and a sum of weights to the workspace; for an empty
 * part the join reads only the last two. */
static void add_join(const division *d, const clattn_sizes *s, clattn_traffic *t) {
  const double results = all_rows(s) * (double)s->columns;
  t->flops += results * 6.0 * d->full; /* difference, exp, two multiply-adds */
  t->global_read += results * (2.0 * d->parts + 2.0 * d->full);
  t->global_written += all_rows(s) * d->parts * (double)(s->columns + 2) + results * s->result_floats;
}

/* value: LOCAL_X, ITEM_ROWS, TILE_DEPTH, PART_KEYS, GROUPS */
static void add_split_kernel(const int *value, bool in_step, const clattn_sizes *s, clattn_traffic *t) {
  const block b = {{(size_t)value[0], SPLIT_LOCAL_Y}, (size_t)value[1], 1, (size_t)value[2], in_step};
  const division d = divide(s, b.local[1] * b.item_rows, b.local[0], value[3], value[4]);
  add_blocks(&b, s, d.blocks, all_rows(s), d.parts, t);
  add_join(&d, s, t);
}

void clattn_traffic_fused_split(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  add_split_kernel(value, false, s, t);
}

void clattn_traffic_fused_subsplit(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  add_split_kernel(value, true, s, t);
}

/* ---- in a matrix unit -------------------------------------------------------------------------------------------- */

/* Rows that a work-group computes. */
static size_t matrix_rows(const int *value) {
  return (size_t)value[1] * (size_t)value[2] * (size_t)MATRIX_ROWS(value[0]);
}

/* value: MATRIX_UNIT, SUB_GROUPS, ROW_TILES, BLOCK_KEYS. Of a unit in hardware; tiles in local memory are halves. A
 * sub-group reads each key and value of a tile once, in WMMA_11 twice. queries: rows of q that the blocks read, each
 * for every part; `parts` have keys. */
static void add_matrix_blocks(const int *value, const clattn_sizes *s, double blocks, double queries, double parts,
                              clattn_traffic *t) {
  const int unit = value[0];
  const double groups = (double)value[1], tile_keys = (double)value[3], rows = (double)matrix_rows(value);
  const double depth = tiles_of(s->head_dim, (size_t)MATRIX_DEPTH(unit)) * (double)MATRIX_DEPTH(unit);
  const size_t columns = (size_t)(MATRIX_COLUMNS(unit) * MATRIX_STRIP(unit));
  const double width = tiles_of(s->columns, columns) * (double)columns;
  const double tiles = blocks * tiles_of(s->terms, (size_t)value[3]), places = tiles * rows * tile_keys;
  const double loads = 0.5 * (double)MATRIX_COPIES(unit), stored = (double)s->head_dim * s->qk_floats;
  t->flops += places * (2.0 * depth + 2.0 + 2.0 * width) + all_rows(s) * (double)s->terms * 3.0;
  t->flops += tiles * rows * (width + 1.0);
  t->global_read += queries * parts * stored + blocks * (double)s->terms * (stored + (double)s->columns * s->v_floats);
  t->local_written += 0.5 * (blocks * parts * rows * depth + tiles * tile_keys * (depth + width));
  t->local_read += loads * (blocks * parts * rows * depth + tiles * groups * tile_keys * (depth + width));
  /* the flag for NaN */
  t->local_written += tiles;
  t->local_read += tiles * groups * (double)MATRIX_LANES(unit);
}

void clattn_traffic_fused_matrix(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  add_matrix_blocks(value, s, (double)s->pairs * tiles_of(s->rows, matrix_rows(value)), all_rows(s), 1.0, t);
  t->global_written += all_rows(s) * (double)s->columns * s->result_floats;
}

/* value: MATRIX_UNIT, SUB_GROUPS, ROW_TILES, BLOCK_KEYS, PART_KEYS, GROUPS */
void clattn_traffic_fused_matrix_split(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const division d = divide(s, matrix_rows(value), (size_t)value[3], value[4], value[5]);
  add_matrix_blocks(value, s, d.blocks, d.blocks * (double)matrix_rows(value), d.full, t);
  add_join(&d, s, t);
}

/* ---- for CPUs ---------------------------------------------------------------------------------------------------- */

/* value: VECTORS, TILE_KEYS, TILE_DIMS, STRIP, QUERIES, KEYS_FROM. Assumes that the scale is folded into the
 * queries, as with all but a very small head_dim. The queries are read from local memory as vectors,
 * again for each tile. A float of keys or values serves all queries of a block. It is read in place,
 * or from a copy that a work-group makes for all its blocks (kernels/common/vector_block.cl). */
void clattn_traffic_fused_vector(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const size_t rows = (size_t)value[0] * 16, tile_keys = (size_t)value[1];
  const double d = (double)s->head_dim, e = (double)s->columns, keys = (double)s->terms;
  const double blocks = (double)s->pairs * tiles_of(s->rows, rows), lanes = blocks * (double)rows;
  const double groups = (double)s->pairs * tiles_of(s->rows, s->group_rows);
  const double live = 16.0 * (double)s->pairs * tiles_of(s->rows, 16); /* lanes of vectors that hold a query */
  const double strips = tiles_of(s->terms, (size_t)value[3] / tile_keys * tile_keys);
  const double tiles = tiles_of(s->terms, tile_keys), scores = tiles * (double)tile_keys;
  const double dim_tiles = tiles_of(s->columns, (size_t)value[2]);
  const bool copied = value[5] == KEYS_FROM_COPY;
  const bool k_copied = copied || s->qk_floats < 1.0, v_copied = copied || s->v_floats < 1.0;
  t->flops += lanes * d + live * (scores * 2.0 * d + keys * (1.0 + EXP2_FLOPS + 2.0 * e) + e);
  t->global_read += lanes * d * s->qk_floats;
  t->global_read += (k_copied ? groups * keys : blocks * scores) * d * s->qk_floats;
  t->global_read += (v_copied ? groups * keys : blocks * keys) * e * s->v_floats;
  t->global_written += all_rows(s) * e * s->result_floats;
  if (k_copied) {
    t->local_written += groups * keys * d;
    t->local_read += blocks * scores * d;
  }
  if (v_copied) {
    t->local_written += groups * keys * e;
    t->local_read += blocks * keys * e;
  }
  /* queries and initial sums; scores, their maximum, weights; sums */
  t->local_written += lanes * (d + e) + live * (scores + tiles + keys + strips * e);
  t->local_read += live * (tiles * (d + 1.0) + keys * (1.0 + dim_tiles) + strips * e) + lanes * 2.0 * e;
  /* for each lane also: its visible keys, maxima, sums of weights */
  t->local_written += lanes * (4.0 + strips) + live * (1.0 + strips);
  t->local_read += lanes * (1.0 + 2.0 * strips) + live * (2.0 + 2.0 * strips);
  t->local_read += groups * 2.0 + blocks * 3.0 * strips * value[0];
  if (s->terms % tile_keys != 0)
    t->local_read += live * 2.0 * (double)tile_keys; /* which keys of the last tile exist */
}

/* value: HEADS, UNIT_GROUPS. Counts one sequence whose heads lie side by side, and one part of the
 * keys. A key or value is read for each row. Strips are whole, but keys after the last are not
 * read. The sums of each strip are added to totals, which go through the workspace. */
void clattn_traffic_fused_stream(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  enum { TILE = 4, STEP = 2 }; /* lines that are scored by key; keys whose values are added together */
  const size_t heads = s->pairs / s->group, together = heads < (size_t)value[0] ? heads : (size_t)value[0];
  const size_t own_rows = s->group * s->rows, lines = together * (own_rows < STREAM_ROWS ? own_rows : STREAM_ROWS);
  const double rows = all_rows(s), d = (double)s->head_dim, e = (double)s->columns, keys = (double)s->terms;
  const double strips = tiles_of(s->terms, STREAM_STRIP), scores = strips * STREAM_STRIP;
  const double wide = tiles_of(s->columns, 16) * 16.0, tail = (double)(s->columns % 16);
  const double by_key = own_rows == 1 ? keys : tiles_of(s->terms, STEP), steps = lines < TILE ? strips : by_key;
  const double sums = steps * (e - tail) + keys * tail; /* columns that fill no vector: for each key */
  t->flops += rows * (keys * (2.0 * d + 16.0 + 2.0 * e) + scores * (4.0 + EXP2_FLOPS)); /* 16: joins lanes, scale */
  t->flops += rows * (strips * wide + 4.0 + 2.0 * e);
  t->global_read += rows * ((1.0 + keys) * d * s->qk_floats + keys * e * s->v_floats + 3.0 + e);
  t->global_written += rows * (e + 2.0 + e * s->result_floats);
  /* query, sums and totals; products, scores, weights; the totals once more for the first strip */
  t->local_written += rows * (d + 2.0 * wide + 2.0 + keys + 2.0 * scores + wide + sums + strips * (2.0 * wide + 2.0));
  t->local_read += rows * (keys * d + 3.0 * scores + keys + wide + sums + strips * (2.0 * wide + 2.0) + e + 2.0);
}
