/* Traffic: the launches of a stage, and the formulas of products and softmax. */
#include "catalog/traffic.h"

#include "catalog/catalog.h"
#include "reference/linear.h"
#include "problem/shape.h"
#include "base/sizes.h"
#include "problem/facts.h"
#include "problem/stages.h"
#include "problem/tensors.h"

#include "../../kernels/common/matrix_units.h"

/* The formulas count how often a kernel's source reads a float. This shows what sharing a tile
 * saves over reading one float for each operation. A float that one expression uses twice counts
 * once: a compiler reads it once. */

/* A typical GPU's. */
#define SUB_GROUP_ITEMS 32.0

static double tiles_of(size_t elements, size_t tile) {
  const size_t tiles = (elements + tile - 1) / tile;
  return (double)tiles;
}

static double padded(size_t elements, size_t tile) {
  return tiles_of(elements, tile) * (double)tile;
}

/* ---- products: (rows, terms) . (terms, columns) ------------------------------------------------------------------ */

/* Two floats for each multiply-add. */
static double add_plain_products(const clattn_sizes *s, clattn_traffic *t) {
  const double results = (double)s->pairs * (double)s->rows * (double)s->columns;
  const double products = results * (double)s->terms;
  t->flops += 2.0 * products;
  t->global_read += 2.0 * products;
  t->global_written += results;
  return products;
}

/* Neighbouring work-items have neighbouring rows. Their floats of A and of the result are a whole
 * row apart; their floats of B are the same. */
void clattn_traffic_by_rows(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  (void)value;
  t->global_strided += add_plain_products(s, t);
  t->global_scattered += (double)s->pairs * (double)s->rows * (double)s->columns;
}

/* Neighbouring work-items have neighbouring columns. They read the same float of A, and
 * neighbouring floats of B; if B is contiguous along the terms, these are a whole row apart. */
void clattn_traffic_naive(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  (void)value;
  const double products = add_plain_products(s, t);
  if (s->b_along_depth) t->global_strided += products;
}

/* Reads of A and B by tiles of `rows` x `columns` results. A float is read once for each tile whose
 * results need it. */
static double read_by_tiles(const clattn_sizes *s, size_t rows, size_t columns) {
  const double of_a = (double)s->rows * tiles_of(s->columns, columns);
  const double of_b = (double)s->columns * tiles_of(s->rows, rows);
  return (double)s->pairs * (of_a + of_b) * (double)s->terms;
}

/* value: TILE. Two floats of local memory for each multiply-add; tiles are filled as a whole. */
void clattn_traffic_tiled(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const size_t tile = (size_t)value[0];
  const double places = (double)s->pairs * padded(s->columns, tile) * padded(s->rows, tile);
  const double products = places * (double)s->terms;
  t->flops += 2.0 * products;
  t->global_read += read_by_tiles(s, tile, tile);
  t->global_written += (double)s->pairs * (double)s->rows * (double)s->columns * s->result_floats;
  t->local_written += 2.0 * places * tiles_of(s->terms, tile);
  t->local_read += 2.0 * products;
}

/* value: TILE, ITEM_ROWS. 1 + ITEM_ROWS floats of local memory for ITEM_ROWS multiply-adds. */
void clattn_traffic_column(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const size_t tile = (size_t)value[0], rows = tile * (size_t)value[1];
  const double blocks = (double)s->pairs * tiles_of(s->rows, rows) * tiles_of(s->columns, tile);
  const double items = (double)(tile * tile), item_rows = (double)value[1];
  t->flops += 2.0 * blocks * items * item_rows * (double)s->terms;
  t->global_read += read_by_tiles(s, rows, tile);
  t->global_written += (double)s->pairs * (double)s->rows * (double)s->columns * s->result_floats;
  t->local_written += blocks * tiles_of(s->terms, tile) * items * (item_rows + 1.0);
  t->local_read += blocks * items * (double)s->terms * (1.0 + item_rows);
}

/* For register, and for wide, which moves as much with fewer instructions.
 * value: LOCAL_X, LOCAL_Y, ITEM_ROWS, ITEM_COLS, TILE_DEPTH. ITEM_ROWS + ITEM_COLS floats of local
 * memory for ITEM_ROWS * ITEM_COLS multiply-adds, including those on a tile's padding. */
void clattn_traffic_register(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const size_t rows = (size_t)value[1] * (size_t)value[2], columns = (size_t)value[0] * (size_t)value[3];
  const size_t depth = (size_t)value[4];
  const double items = (double)value[0] * value[1], steps = tiles_of(s->terms, depth), terms = steps * (double)depth;
  const double blocks = (double)s->pairs * tiles_of(s->rows, rows) * tiles_of(s->columns, columns);
  t->flops += 2.0 * blocks * (double)(rows * columns) * terms;
  t->global_read += read_by_tiles(s, rows, columns);
  t->global_written += (double)s->pairs * (double)s->rows * (double)s->columns * s->result_floats;
  t->local_written += blocks * terms * (double)(rows + columns);
  t->local_read += blocks * terms * items * (double)(value[2] + value[3]);
  if (!s->a_is_weights) return;
  t->local_written += blocks; /* the flag for NaN, read at each step */
  t->local_read += blocks * items * steps;
}

/* value: ITEM_ROWS, ROWS, VECTORS, STRIP; project's kernel also has TILES. A is read once for the
 * panels of each tile, and they once for each ROWS rows. After the last row the kernel reads that
 * row again, and it also computes the tile's columns after the last. */
void clattn_traffic_panel(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const size_t rows = (size_t)value[1], columns = (size_t)value[2] * 16, tiles = clattn_larger((size_t)value[4], 1);
  const double pairs = (double)s->pairs, terms = (double)s->terms, strips = tiles_of(s->terms, (size_t)value[3]);
  const double places = pairs * tiles_of(s->columns, columns), read = terms * (double)columns;
  const double items = tiles_of(s->rows, clattn_groups_of((size_t)value[0], rows) * rows),
               all_rows = padded(s->rows, rows);
  const double packed = pairs * items * padded(s->columns, columns * tiles) * terms;
  const double results = pairs * (double)s->rows * (double)s->columns;
  t->flops += 2.0 * places * all_rows * read;
  t->global_read += pairs * items * (double)s->columns * terms + places * all_rows * terms;
  t->global_written += results * s->result_floats;
  t->local_written += packed;
  t->local_read += places * all_rows / (double)rows * read;
  /* Sums of the earlier strips: in the result, or, if that is not of floats, beside the panels. */
  if (s->result_floats == 1.0) {
    t->global_read += results * (strips - 1.0);
    t->global_written += results * (strips - 1.0);
  } else {
    const double sums = pairs * (double)s->rows * padded(s->columns, columns);
    t->local_read += sums * (strips - 1.0);
    t->local_written += sums * (strips - 1.0);
  }
  if (s->a_is_weights) t->local_read += packed; /* the test for finite values */
}

/* Products of a part of x and a part of w that kernels/common/product_matrix.cl computes for each term. */
static double products_of(clattn_matrix_parts parts) {
  int count = 0;
  for (int x = 0; x < parts.x; ++x)
    for (int w = 0; w < parts.w && x + w < 3; ++w) ++count;
  return (double)count;
}

/* value: MATRIX_UNIT, GROUPS_DOWN, GROUPS_ACROSS, GROUP_ROWS, GROUP_COLS, TILE_DEPTH. Of a unit in hardware; tiles in
 * local memory are of 2 bytes for each part. A sub-group reads its rows and its columns of a tile once, in WMMA_11
 * twice. */
void clattn_traffic_project_matrix(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const size_t rows = (size_t)value[1] * (size_t)value[3], columns = (size_t)value[2] * (size_t)value[4];
  const double groups = (double)value[1] * value[2],
               of_group = (double)value[3] * s->parts.x + (double)value[4] * s->parts.w;
  const double blocks = (double)s->pairs * tiles_of(s->rows, rows) * tiles_of(s->columns, columns);
  const double tiles = blocks * tiles_of(s->terms, (size_t)value[5]), terms = tiles * (double)value[5];
  const double of_tile = (double)rows * s->parts.x + (double)columns * s->parts.w;
  t->flops += 2.0 * terms * (double)(rows * columns) * products_of(s->parts) + tiles * (double)(rows * columns);
  t->global_read += read_by_tiles(s, rows, columns);
  t->global_written += (double)s->pairs * (double)s->rows * (double)s->columns * s->result_floats;
  t->local_written += 0.5 * terms * of_tile;
  t->local_read += 0.5 * terms * groups * of_group * (double)MATRIX_COPIES(value[0]);
  /* the flags for numbers that are not regular */
  t->local_written += blocks + tiles;
  t->local_read += tiles * groups * (double)MATRIX_LANES(value[0]);
}

/* ---- softmax: rows of `columns` scores --------------------------------------------------------------------------- */

/* For each score: difference and exp twice, a sum and a quotient. Neighbouring work-items are a row
 * apart. */
void clattn_traffic_softmax_naive(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  (void)value;
  const double scores = (double)s->pairs * (double)s->rows * (double)s->columns;
  t->flops += 6.0 * scores;
  t->global_read += 3.0 * scores;
  t->global_strided += 3.0 * scores;
  t->global_written += scores;
  t->global_scattered += scores;
}

/* Difference, exp, product and sum, then difference, exp and quotient: the row is read twice. */
static void add_online(const clattn_sizes *s, clattn_traffic *t) {
  const double scores = (double)s->pairs * (double)s->rows * (double)s->columns;
  t->flops += 7.0 * scores;
  t->global_read += 2.0 * scores;
  t->global_written += scores;
}

void clattn_traffic_softmax_online(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  (void)value;
  const double scores = (double)s->pairs * (double)s->rows * (double)s->columns;
  add_online(s, t);
  t->global_strided += 2.0 * scores;
  t->global_scattered += scores;
}

/* Joins maxima and sums within a work-group: each work-item writes its own two numbers, a tree
 * joins LOCAL_X - 1 pairs, and each work-item reads the root. */
static void join_row(size_t lanes, double rows, clattn_traffic *t) {
  t->local_written += rows * 2.0 * (double)(lanes + lanes - 1);
  t->local_read += rows * 2.0 * (double)(2 * (lanes - 1) + lanes);
}

/* value: LOCAL_X */
void clattn_traffic_softmax_tiled(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const double rows = (double)s->pairs * (double)s->rows, scores = rows * (double)s->columns;
  t->flops += 6.0 * scores;
  t->global_read += 3.0 * scores;
  t->global_written += scores;
  join_row((size_t)value[0], rows, t);
}

/* value: LOCAL_X */
void clattn_traffic_softmax_pairs(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  add_online(s, t);
  join_row((size_t)value[0], (double)s->pairs * (double)s->rows, t);
}

/* One read and one exp for each score kept in registers; the other scores are read and computed as in
 * tiled. */
static void add_register(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const size_t places = (size_t)value[0] * (size_t)value[1], kept = clattn_smaller(s->columns, places);
  const double rows = (double)s->pairs * (double)s->rows, behind = (double)(s->columns - kept);
  t->flops += rows * (3.0 * (double)places + (double)kept + 6.0 * behind);
  t->global_read += rows * ((double)kept + 3.0 * behind);
  t->global_written += rows * (double)s->columns;
}

/* value: LOCAL_X, ITEM_KEYS */
void clattn_traffic_softmax_register(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  add_register(value, s, t);
  join_row((size_t)value[0], (double)s->pairs * (double)s->rows, t);
}

/* value: LOCAL_X, ITEM_KEYS. Each sub-group writes two numbers, and each work-item reads those of all
 * sub-groups, which are taken to have SUB_GROUP_ITEMS. */
void clattn_traffic_softmax_subgroup(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  const double rows = (double)s->pairs * (double)s->rows, lanes = (double)value[0];
  add_register(value, s, t);
  t->local_written += rows * 2.0 * lanes / SUB_GROUP_ITEMS;
  t->local_read += rows * 2.0 * lanes * lanes / SUB_GROUP_ITEMS;
}

/* value: ITEM_ROWS. Three passes; two of them write, because the result holds exp in between. */
void clattn_traffic_softmax_vector(const int *value, const clattn_sizes *s, clattn_traffic *t) {
  (void)value;
  const double scores = (double)s->pairs * (double)s->rows * (double)s->columns;
  t->flops += 4.0 * scores;
  t->global_read += 3.0 * scores;
  t->global_written += 2.0 * scores;
}

/* ---- a stage's launches ------------------------------------------------------------------------------------------ */

static bool is_plain(const clattn_problem *p) {
  return p->cache.capacity == 0 && p->lengths == CLATTN_LENGTHS_FULL && !clattn_hides_keys(p) &&
         clattn_has_plain_scores(p) && !p->sinks;
}

static clattn_sizes projection_sizes(const clattn_problem *p, clattn_stage stage, clattn_tensor result) {
  const clattn_linear l = clattn_linear_of(p, result);
  return (clattn_sizes){.pairs = 1,
                        .rows = l.rows,
                        .columns = l.columns.count,
                        .terms = l.terms,
                        .result_floats = 1.0,
                        .parts = clattn_matrix_parts_of(p, stage),
                        .b_along_depth = l.transposed};
}

/* Size of an element in floats. Most stages read floats, whatever the problem's type. */
static double floats_of(const clattn_problem *p, clattn_stage stage, clattn_tensor tensor) {
  const bool stored = clattn_stage_facts_of(stage)->reads_stored && clattn_fused_reads_stored(p, tensor);
  return stored ? (double)clattn_type_bytes(p->type) / sizeof(float) : 1.0;
}

/* Sizes of a launch for `rows` queries. */
static clattn_sizes attention_sizes(const clattn_problem *p, clattn_stage stage, size_t rows) {
  clattn_sizes s = {.pairs = p->batch * p->heads,
                    .group = p->heads / clattn_kv_heads(p),
                    .rows = rows,
                    .columns = p->key_len,
                    .terms = 1,
                    .head_dim = p->head_dim,
                    .qk_floats = floats_of(p, stage, CLATTN_Q),
                    .v_floats = floats_of(p, stage, CLATTN_V),
                    .result_floats = 1.0,
                    .b_along_depth = stage == CLATTN_STAGE_SCORES,
                    .a_is_weights = stage == CLATTN_STAGE_CONTEXT};
  if (stage == CLATTN_STAGE_SCORES) s.terms = p->head_dim;
  if (stage != CLATTN_STAGE_CONTEXT && stage != CLATTN_STAGE_FUSED) return s;
  s.columns = p->value_dim;
  s.terms = p->key_len;
  return s;
}

static void in_bytes(clattn_traffic *t) {
  double *const memory[] = {&t->global_read,      &t->global_strided, &t->global_written,
                            &t->global_scattered, &t->local_read,     &t->local_written};
  for (size_t i = 0; i < sizeof memory / sizeof memory[0]; ++i) *memory[i] *= sizeof(float);
}

clattn_traffic clattn_stage_traffic(const clattn_kernel *row, const int *value, const clattn_problem *p,
                                    clattn_stage stage, size_t group_rows, size_t block_rows) {
  clattn_traffic t = {.flops = 0.0};
  const double type_floats = (double)clattn_type_bytes(p->type) / sizeof(float);
  const bool typed = row->stores_types && clattn_makes_stored(p, stage);
  if (row->traffic == NULL || !is_plain(p)) return t;
  if (stage == CLATTN_STAGE_PROJECT) {
    for (size_t i = 0; i < CLATTN_QKV; ++i) {
      clattn_sizes sizes = projection_sizes(p, stage, clattn_qkv[i]);
      if (typed) sizes.result_floats = type_floats;
      row->traffic(value, &sizes, &t);
    }
  } else if (stage == CLATTN_STAGE_OUTPUT) {
    clattn_sizes sizes = projection_sizes(p, stage, CLATTN_OUTPUT);
    if (typed) sizes.result_floats = type_floats;
    row->traffic(value, &sizes, &t);
  } else {
    const size_t step = block_rows != 0 ? block_rows : p->query_len;
    for (size_t row0 = 0; row0 < p->query_len; row0 += step) {
      clattn_sizes sizes = attention_sizes(p, stage, clattn_smaller(step, p->query_len - row0));
      sizes.group_rows = group_rows;
      if (typed) sizes.result_floats = type_floats;
      row->traffic(value, &sizes, &t);
    }
  }
  in_bytes(&t);
  return t;
}
