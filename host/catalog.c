/* The catalogue's rows and the geometry of each family of kernels. */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "status.h"

#include "../kernels/common/parts.h"

/* ---- geometry ---------------------------------------------------------------------------------------------------- */

static size_t max_of(size_t a, size_t b) {
  return a > b ? a : b;
}

static size_t groups_of(size_t terms, size_t part) {
  return (terms + part - 1) / part;
}

static void naive(const int *value, const clattn_extent *e, clattn_geometry *g) {
  (void)value;
  *g = (clattn_geometry){.cols = 1, .rows = 1, .longest_addition = e->terms};
}

/* A launch over (row, column) instead of (column, row). */
static void by_rows(const int *value, const clattn_extent *e, clattn_geometry *g) {
  naive(value, e, g);
  g->rows_first = true;
}

/* value: TILE */
static void tiled(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t tile = (size_t)value[0];
  *g = (clattn_geometry){.local = {tile, tile},
                         .cols = tile,
                         .rows = tile,
                         .local_bytes = 2 * tile * (tile + 1) * sizeof(float),
                         .longest_addition = e->terms};
}

/* value: TILE, ITEM_ROWS */
static void column(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t tile = (size_t)value[0], rows = tile * (size_t)value[1];
  *g = (clattn_geometry){.local = {tile, tile},
                         .cols = tile,
                         .rows = rows,
                         .local_bytes = (rows + tile) * (tile + 1) * sizeof(float),
                         .longest_addition = e->terms};
}

/* value: LOCAL_X, LOCAL_Y, ITEM_ROWS, ITEM_COLS, TILE_DEPTH */
static void registers(const int *value, const clattn_extent *e, clattn_geometry *g) {
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
static void wide(const int *value, const clattn_extent *e, clattn_geometry *g) {
  registers(value, e, g);
  g->local_bytes = (size_t)value[4] * (g->rows + g->cols + 8) * sizeof(float); /* 4 more in each row */
}

/* value: ITEM_ROWS, ROWS, VECTORS, STRIP */
static void panel(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t vectors = (size_t)value[2], strip = (size_t)value[3];
  *g = (clattn_geometry){.local = {1, 1},
                         .cols = vectors * 16,
                         .rows = (size_t)value[0],
                         .local_bytes = strip * vectors * 16 * sizeof(float),
                         .longest_addition = max_of(e->terms < strip ? e->terms : strip, groups_of(e->terms, strip))};
}

/* value: LOCAL_X, and ITEM_KEYS of the register rung */
static void row_group(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t lanes = (size_t)value[0];
  *g =
      (clattn_geometry){.local = {lanes, 1},
                        .cols = 1,
                        .rows = 1,
                        .local_bytes = lanes * sizeof(float),
                        .longest_addition = max_of(groups_of(e->terms, lanes), 8)}; /* 8: the tree, log2 of the lanes */
}

/* A running sum shrinks with each new maximum: two roundings a key. */
static void online_row(const int *value, const clattn_extent *e, clattn_geometry *g) {
  naive(value, e, g);
  g->longest_addition *= 2;
}

/* value: LOCAL_X */
static void online_group(const int *value, const clattn_extent *e, clattn_geometry *g) {
  row_group(value, e, g);
  g->local_bytes *= 2;
  g->longest_addition *= 2;
}

/* value: ITEM_ROWS */
static void vector_rows(const int *value, const clattn_extent *e, clattn_geometry *g) {
  *g = (clattn_geometry){
      .local = {1, 1}, .cols = (size_t)value[0], .rows = 1, .longest_addition = e->terms / 16 + 4 + e->terms % 16};
}

/* value: VECTORS, TILE_KEYS, TILE_DIMS, STRIP. Besides queries, strip and sums of values five numbers a row; and of
 * keys or values that are no floats a strip in whole vectors, or of floats one vector. */
static void fused_vector(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t rows = (size_t)value[0] * 16, strip = (size_t)value[3] / (size_t)value[1] * (size_t)value[1];
  const size_t vectors = e->stored ? strip * groups_of(max_of(e->head_dim, e->value_dim), 16) : 1;
  *g =
      (clattn_geometry){.local = {1, 1},
                        .cols = 1,
                        .rows = rows,
                        .local_bytes = (rows * (strip + e->head_dim + e->value_dim + 5) + vectors * 16) * sizeof(float),
                        .longest_addition = e->terms};
}

/* value: TILE. Tiles of Q, K and V, of scores and of weights. */
static void fused_tiled(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t tile = (size_t)value[0];
  *g = (clattn_geometry){.local = {tile, tile},
                         .cols = 1,
                         .rows = tile,
                         .local_bytes = tile * (2 * (e->head_dim + 1) + e->value_dim + 2 * (tile + 1)) * sizeof(float),
                         .longest_addition = e->terms};
}

/* A block of rows of fused, in float4s, as kernels/common/fused_block.cl has it. */
typedef struct block {
  size_t local[2], item_rows, item_keys, tile_depth;
} block;

static size_t block_vectors(const block *b, const clattn_extent *e) {
  const size_t rows = b->local[1] * b->item_rows, keys = b->local[0] * b->item_keys;
  const bool q_stays = b->tile_depth >= e->head_dim;
  const size_t depth_row = (q_stays ? groups_of(e->head_dim, 4) : b->tile_depth / 4) | 1;
  const size_t value_row = groups_of(e->value_dim, 4 * b->local[0]) * b->local[0];
  const size_t q = rows * depth_row, tile = max_of(q + keys * depth_row, (q_stays ? q : 0) + keys * value_row);
  return tile + rows * ((keys / 4 | 1) + b->local[0] / 4);
}

/* value: LOCAL_X, LOCAL_Y, ITEM_ROWS, ITEM_KEYS, TILE_DEPTH */
static void fused_block(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const block b = {{(size_t)value[0], (size_t)value[1]}, (size_t)value[2], (size_t)value[3], (size_t)value[4]};
  *g = (clattn_geometry){.local = {b.local[0], b.local[1]},
                         .cols = 1,
                         .rows = b.local[1] * b.item_rows,
                         .local_bytes = block_vectors(&b, e) * 4 * sizeof(float) + sizeof(int), /* note of a NaN */
                         .longest_addition = e->terms,
                         .longest_first = true};
}

/* value: LOCAL_X, ITEM_ROWS, TILE_DEPTH; what it is launched over follows from the others (host/fused.c) */
static void fused_split(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const int same[] = {value[0], SPLIT_LOCAL_Y, value[1], 1, value[2]};
  fused_block(same, e, g);
  g->rows = 1;
}

/* value: PARTS, HEADS; what it is launched over follows from them (host/fused.c). The keys of a part, then parts. */
static void fused_stream(const int *value, const clattn_extent *e, clattn_geometry *g) {
  const size_t part = (size_t)part_len((int)e->terms, value[0]), rows = (size_t)value[1] * STREAM_ROWS;
  const size_t row_floats = e->head_dim + 2 + STREAM_STRIP + groups_of(e->value_dim, 16) * 16;
  *g = (clattn_geometry){.local = {1, 1},
                         .cols = 1,
                         .rows = 1,
                         .local_bytes = rows * row_floats * sizeof(float),
                         .longest_addition = max_of(e->terms < STREAM_STRIP ? e->terms : part, (size_t)value[0])};
}

/* CLBlast does not say how it adds; the worst is one after the other. */
static void library(const int *value, const clattn_extent *e, clattn_geometry *g) {
  naive(value, e, g);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

#define TILED_SIZES                                                                                                    \
  {                                                                                                                    \
    {                                                                                                                  \
      "TILE", 16, {                                                                                                    \
        8, 16                                                                                                          \
      }                                                                                                                \
    }                                                                                                                  \
  }
#define REGISTER_SIZES                                                                                                 \
  {                                                                                                                    \
    {"LOCAL_X", 16, {8, 16}}, {"LOCAL_Y", 16, {8, 16}}, {"ITEM_ROWS", 4, {1, 2, 4, 8}},                                \
        {"ITEM_COLS", 4, {1, 2, 4, 8}}, {                                                                              \
      "TILE_DEPTH", 16, {                                                                                              \
        8, 16, 32                                                                                                      \
      }                                                                                                                \
    }                                                                                                                  \
  }
#define COLUMN_SIZES                                                                                                   \
  {                                                                                                                    \
    {"TILE", 16, {8, 16}}, {                                                                                           \
      "ITEM_ROWS", 8, {                                                                                                \
        2, 4, 8                                                                                                        \
      }                                                                                                                \
    }                                                                                                                  \
  }
#define WIDE_SIZES                                                                                                     \
  {                                                                                                                    \
    {"LOCAL_X", 16, {8, 16}}, {"LOCAL_Y", 16, {8, 16}}, {"ITEM_ROWS", 4, {4, 8}}, {"ITEM_COLS", 4, {4, 8}}, {          \
      "TILE_DEPTH", 16, {                                                                                              \
        8, 16, 32                                                                                                      \
      }                                                                                                                \
    }                                                                                                                  \
  }
#define PANEL_SIZES(item_rows)                                                                                         \
  {                                                                                                                    \
    {"ITEM_ROWS", item_rows, {64, 128, 256, 512, 1024}}, {"ROWS", 4, {1, 2, 4, 8}}, {"VECTORS", 4, {1, 2, 4}}, {       \
      "STRIP", 256, {                                                                                                  \
        64, 128, 256, 512                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }

#define NO_SIZES                                                                                                       \
  {                                                                                                                    \
    { 0 }                                                                                                              \
  }

/* clang-format off: a table is read by its columns */
static const clattn_kernel catalog[] = {
    {CLATTN_STAGE_CONVERT, 1, "naive", CLATTN_FORM_ANY, "convert/1_naive.cl", "convert", "one work-item an element",
     NO_SIZES, naive, NULL},

    {CLATTN_STAGE_PROJECT, 1, "naive", CLATTN_FORM_ANY, "project/1_naive.cl", "project",
     "the formula, one work-item an element", NO_SIZES, by_rows, clattn_traffic_by_rows},
    {CLATTN_STAGE_PROJECT, 2, "coalesced", CLATTN_FORM_ANY, "project/2_coalesced.cl", "project",
     "neighbouring work-items read and write neighbouring addresses", NO_SIZES, naive, clattn_traffic_naive},
    {CLATTN_STAGE_PROJECT, 3, "tiled", CLATTN_FORM_GPU, "project/3_tiled.cl", "project",
     "tiles shared through local memory", TILED_SIZES, tiled, clattn_traffic_tiled},
    {CLATTN_STAGE_PROJECT, 4, "column", CLATTN_FORM_GPU, "project/4_column.cl", "project",
     "a column of results in each work-item's registers", COLUMN_SIZES, column, clattn_traffic_column},
    {CLATTN_STAGE_PROJECT, 5, "register", CLATTN_FORM_GPU, "project/5_register.cl", "project",
     "a block of results in each work-item's registers", REGISTER_SIZES, registers, clattn_traffic_register},
    {CLATTN_STAGE_PROJECT, 6, "wide", CLATTN_FORM_GPU, "project/6_wide.cl", "project",
     "four floats in each read and write", WIDE_SIZES, wide, clattn_traffic_register},
    {CLATTN_STAGE_PROJECT, 7, "panel", CLATTN_FORM_CPU, "project/7_panel.cl", "project",
     "packed panels, float16, no barriers", PANEL_SIZES(256), panel, clattn_traffic_panel},
    {CLATTN_STAGE_PROJECT, 0, "clblast", CLATTN_FORM_LIBRARY, "project/bias.cl", "bias",
     "CLBlast's GEMM, then the bias", NO_SIZES, library, NULL},

    {CLATTN_STAGE_ROTARY, 1, "naive", CLATTN_FORM_ANY, "rotary/1_naive.cl", "rotary", "one work-item a pair", NO_SIZES,
     naive, NULL},

    {CLATTN_STAGE_CACHE, 1, "naive", CLATTN_FORM_ANY, "cache/1_naive.cl", "cache", "one work-item a vector", NO_SIZES,
     naive, NULL},

    {CLATTN_STAGE_SCORES, 1, "naive", CLATTN_FORM_ANY, "scores/1_naive.cl", "scores",
     "the formula, one work-item an element", NO_SIZES, naive, clattn_traffic_naive},
    {CLATTN_STAGE_SCORES, 2, "tiled", CLATTN_FORM_GPU, "scores/2_tiled.cl", "scores",
     "tiles shared through local memory", TILED_SIZES, tiled, clattn_traffic_tiled},
    {CLATTN_STAGE_SCORES, 3, "column", CLATTN_FORM_GPU, "scores/3_column.cl", "scores",
     "a column of results in each work-item's registers", COLUMN_SIZES, column, clattn_traffic_column},
    {CLATTN_STAGE_SCORES, 4, "register", CLATTN_FORM_GPU, "scores/4_register.cl", "scores",
     "a block of results in each work-item's registers", REGISTER_SIZES, registers, clattn_traffic_register},
    {CLATTN_STAGE_SCORES, 5, "wide", CLATTN_FORM_GPU, "scores/5_wide.cl", "scores",
     "four floats in each read and write", WIDE_SIZES, wide, clattn_traffic_register},
    {CLATTN_STAGE_SCORES, 6, "panel", CLATTN_FORM_CPU, "scores/6_panel.cl", "scores",
     "packed panels, float16, no barriers", PANEL_SIZES(256), panel, clattn_traffic_panel},
    {CLATTN_STAGE_SCORES, 0, "clblast", CLATTN_FORM_LIBRARY, "scores/finish.cl", "finish",
     "CLBlast's GEMM, then softcap, bias and mask", NO_SIZES, library, NULL},

    {CLATTN_STAGE_SOFTMAX, 1, "naive", CLATTN_FORM_ANY, "softmax/1_naive.cl", "softmax",
     "the formula, one work-item a row", NO_SIZES, naive, clattn_traffic_softmax_naive},
    {CLATTN_STAGE_SOFTMAX, 2, "online", CLATTN_FORM_ANY, "softmax/2_online.cl", "softmax",
     "maximum and sum in one read of the row", NO_SIZES, online_row, clattn_traffic_softmax_online},
    {CLATTN_STAGE_SOFTMAX,
     3,
     "tiled",
     CLATTN_FORM_GPU,
     "softmax/3_tiled.cl",
     "softmax",
     "a work-group a row, joined through local memory",
     {{"LOCAL_X", 128, {32, 64, 128, 256}}},
     row_group,
     clattn_traffic_softmax_tiled},
    {CLATTN_STAGE_SOFTMAX,
     4,
     "pairs",
     CLATTN_FORM_GPU,
     "softmax/4_pairs.cl",
     "softmax",
     "a work-group a row, maximum and sum joined together",
     {{"LOCAL_X", 128, {32, 64, 128, 256}}},
     online_group,
     clattn_traffic_softmax_pairs},
    {CLATTN_STAGE_SOFTMAX,
     5,
     "register",
     CLATTN_FORM_GPU,
     "softmax/5_register.cl",
     "softmax",
     "the row stays in registers: one read, one exp",
     {{"LOCAL_X", 128, {32, 64, 128, 256}}, {"ITEM_KEYS", 16, {4, 8, 16, 32}}},
     row_group,
     clattn_traffic_softmax_register},
    {CLATTN_STAGE_SOFTMAX,
     6,
     "vector",
     CLATTN_FORM_CPU,
     "softmax/6_vector.cl",
     "softmax",
     "float16, no barriers",
     {{"ITEM_ROWS", 16, {1, 4, 16, 64}}},
     vector_rows,
     clattn_traffic_softmax_vector},

    {CLATTN_STAGE_CONTEXT, 1, "naive", CLATTN_FORM_ANY, "context/1_naive.cl", "context",
     "the formula, one work-item an element", NO_SIZES, naive, clattn_traffic_naive},
    {CLATTN_STAGE_CONTEXT, 2, "tiled", CLATTN_FORM_GPU, "context/2_tiled.cl", "context",
     "tiles shared through local memory", TILED_SIZES, tiled, clattn_traffic_tiled},
    {CLATTN_STAGE_CONTEXT, 3, "register", CLATTN_FORM_GPU, "context/3_register.cl", "context",
     "a block of results in each work-item's registers", REGISTER_SIZES, registers, clattn_traffic_register},
    {CLATTN_STAGE_CONTEXT, 4, "panel", CLATTN_FORM_CPU, "context/4_panel.cl", "context",
     "packed panels, float16, no barriers", PANEL_SIZES(128), panel, clattn_traffic_panel},
    {CLATTN_STAGE_CONTEXT, 0, "clblast", CLATTN_FORM_LIBRARY, "context/1_naive.cl", "context",
     "CLBlast's GEMM, then NaN behind the mask repaired", NO_SIZES, library, NULL},

    {CLATTN_STAGE_FUSED, 1, "row", CLATTN_FORM_ANY, "fused/1_row.cl", "fused",
     "the formula, one work-item a row, each score three times", NO_SIZES, naive, clattn_traffic_fused_row},
    {CLATTN_STAGE_FUSED, 2, "online", CLATTN_FORM_ANY, "fused/2_online.cl", "fused",
     "a running maximum and sum: each score once", NO_SIZES, naive, clattn_traffic_fused_online},
    {CLATTN_STAGE_FUSED, 3, "tiled", CLATTN_FORM_GPU, "fused/3_tiled.cl", "fused",
     "tiles of keys and values shared through local memory", TILED_SIZES, fused_tiled, clattn_traffic_fused_tiled},
    {CLATTN_STAGE_FUSED,
     4,
     "register",
     CLATTN_FORM_GPU,
     "fused/4_register.cl",
     "fused",
     "scores, weights and context of a block of rows in registers",
     {{"LOCAL_X", 8, {8, 16}},
      {"LOCAL_Y", 16, {8, 16, 32}},
      {"ITEM_ROWS", 4, {1, 2, 4, 8}},
      {"ITEM_KEYS", 4, {1, 2, 4, 8}},
      {"TILE_DEPTH", 32, {16, 32, 64, 128, 256}}},
     fused_block,
     clattn_traffic_fused_register},
    {CLATTN_STAGE_FUSED,
     5,
     "vector",
     CLATTN_FORM_CPU,
     "fused/5_vector.cl",
     "fused",
     "a query a lane, keys and values read where they lie, float16, no barriers",
     {{"VECTORS", 4, {1, 2, 4}},
      {"TILE_KEYS", 4, {4, 6, 8}},
      {"TILE_DIMS", 6, {4, 6, 8}},
      {"STRIP", 128, {64, 128, 256, 512}}},
     fused_vector,
     clattn_traffic_fused_vector},
    {CLATTN_STAGE_FUSED,
     6,
     "split",
     CLATTN_FORM_GPU,
     "fused/6_split.cl",
     "fused",
     "a row's keys in parts, for few rows and many keys",
     {{"LOCAL_X", 32, {16, 32}},
      {"ITEM_ROWS", 2, {1, 2, 4}},
      {"TILE_DEPTH", 128, {32, 64, 128, 256}},
      {"PART_KEYS", 128, {16, 32, 64, 128, 256, 512}},
      {"GROUPS", 512, {128, 256, 512, 1024, 2048}}},
     fused_split,
     clattn_traffic_fused_split},
    {CLATTN_STAGE_FUSED,
     7,
     "stream",
     CLATTN_FORM_CPU,
     "fused/7_stream.cl",
     "fused",
     "keys and values read once, where they lie, for few rows",
     {{"PARTS", 32, {8, 16, 32, 64}}, {"HEADS", 8, {1, 2, 4, 8}}},
     fused_stream,
     clattn_traffic_fused_stream},

    {CLATTN_STAGE_PRODUCTS, 1, "naive", CLATTN_FORM_ANY, "trace/products.cl", "products",
     "the formula without its scale, to look at", NO_SIZES, naive, NULL},
    {CLATTN_STAGE_EXPS, 1, "naive", CLATTN_FORM_ANY, "trace/softmax.cl", "exps",
     "softmax's maximum, exps and sum, to look at", NO_SIZES, naive, NULL},
};
/* clang-format on */

size_t clattn_kernel_count(void) {
  return sizeof catalog / sizeof catalog[0];
}

const clattn_kernel *clattn_catalog_at(size_t index) {
  return index < clattn_kernel_count() ? &catalog[index] : NULL;
}

clattn_stage clattn_catalog_stage(clattn_stage stage) {
  return stage == CLATTN_STAGE_OUTPUT ? CLATTN_STAGE_PROJECT : stage;
}

const clattn_kernel *clattn_catalog_find(clattn_stage stage, const char *rung_or_name, size_t length) {
  for (size_t i = 0; i < clattn_kernel_count(); ++i) {
    const clattn_kernel *row = &catalog[i];
    if (row->stage != clattn_catalog_stage(stage)) continue;
    if (strlen(row->name) == length && strncmp(row->name, rung_or_name, length) == 0) return row;
    if (length == 1 && row->rung > 0 && rung_or_name[0] == '0' + row->rung) return row;
  }
  return NULL;
}

/* ---- the public view --------------------------------------------------------------------------------------------- */

bool clattn_kernel_get_info(size_t index, clattn_kernel_info *info) {
  static const char *const forms[] = {"any", "gpu", "cpu", "library"};
  const clattn_kernel *row = clattn_catalog_at(index);
  if (row == NULL) return false;
  *info = (clattn_kernel_info){
      .stage = row->stage, .rung = row->rung, .name = row->name, .form = forms[row->form], .idea = row->idea};
  return true;
}

bool clattn_kernel_get_tile(size_t index, size_t tile, clattn_tile_info *info) {
  const clattn_kernel *row = clattn_catalog_at(index);
  if (row == NULL || tile >= CLATTN_TILES_MOST || row->tile[tile].name == NULL) return false;
  const clattn_tile *t = &row->tile[tile];
  size_t count = 0;
  while (count < CLATTN_VALID_MOST && t->valid[count] != 0) ++count;
  *info = (clattn_tile_info){.name = t->name, .standard = t->standard, .valid = t->valid, .valid_count = count};
  return true;
}

static clattn_status check_limits(const clattn_geometry *g, const clattn_device_info *device, clattn_error *error) {
  const size_t items = max_of(g->local[0], 1) * max_of(g->local[1], 1);
  if (items > device->max_work_group)
    return clattn_fail(error, CLATTN_UNSUPPORTED, "needs work-groups of %zu work-items; '%s' has at most %llu", items,
                       device->name, (unsigned long long)device->max_work_group);
  for (int i = 0; i < 2; ++i)
    if (g->local[i] > device->max_work_item_sizes[i])
      return clattn_fail(error, CLATTN_UNSUPPORTED,
                         "needs %zu work-items along dimension %d of a work-group; '%s' has at most %llu", g->local[i],
                         i, device->name, (unsigned long long)device->max_work_item_sizes[i]);
  if (g->local_bytes > device->local_memory_bytes)
    return clattn_fail(error, CLATTN_UNSUPPORTED, "needs %zu bytes of local memory; '%s' has %llu", g->local_bytes,
                       device->name, (unsigned long long)device->local_memory_bytes);
  return CLATTN_OK;
}

clattn_status clattn_row_supported(const clattn_kernel *row, const int *value, const clattn_extent *extent,
                                   const clattn_device_info *device, clattn_error *error) {
#ifndef CLATTN_WITH_CLBLAST
  if (row->form == CLATTN_FORM_LIBRARY)
    return clattn_fail(error, CLATTN_UNSUPPORTED, "this library was built without CLBlast");
#endif
  clattn_geometry geometry;
  row->geometry(value, extent, &geometry);
  return check_limits(&geometry, device, error);
}

/* Kernels of CPUs speak of vectors of 16 floats. Where the device's own are shorter the compiler makes several of one,
 * and sums that fit 32 registers of 16 fit neither 16 of 8 nor 32 of 4. */
#define WIDE_VECTOR 16
static const struct {
  const char *tile;
  int value;
} narrow[] = {{"VECTORS", 1}, {"TILE_KEYS", 6}};

static int standard_value(const clattn_tile *tile, const clattn_device_info *device) {
  for (size_t i = 0; i < sizeof narrow / sizeof narrow[0] && device->native_float_width < WIDE_VECTOR; ++i)
    if (strcmp(tile->name, narrow[i].tile) == 0) return narrow[i].value;
  return tile->standard;
}

void clattn_standard_tiles(const clattn_kernel *row, const clattn_device_info *device, int value[CLATTN_TILES_MOST]) {
  for (size_t i = 0; i < CLATTN_TILES_MOST; ++i)
    value[i] = row->tile[i].name != NULL ? standard_value(&row->tile[i], device) : 0;
}

/* The largest valid value below the present one; false if there is none. */
static bool make_smaller(const clattn_tile *tile, int *value) {
  int smaller = 0;
  for (int v = 0; v < CLATTN_VALID_MOST; ++v)
    if (tile->valid[v] < *value && tile->valid[v] > smaller) smaller = tile->valid[v];
  if (smaller == 0) return false;
  *value = smaller;
  return true;
}

/* Sizes that were made smaller without need become the standard ones again. */
static void restore_tiles(const clattn_kernel *row, const clattn_extent *extent, const clattn_device_info *device,
                          int value[CLATTN_TILES_MOST]) {
  for (size_t t = 0; row->tile[t].name != NULL; ++t) {
    const int smaller = value[t];
    value[t] = standard_value(&row->tile[t], device);
    if (clattn_row_supported(row, value, extent, device, NULL) != CLATTN_OK) value[t] = smaller;
  }
}

clattn_status clattn_fit_tiles(const clattn_kernel *row, const clattn_extent *extent, const clattn_device_info *device,
                               int value[CLATTN_TILES_MOST], clattn_error *error) {
  clattn_standard_tiles(row, device, value);
  if (clattn_row_supported(row, value, extent, device, error) == CLATTN_OK) return CLATTN_OK;
  /* The last sizes of a row, those of the depth, cost least when they are made smaller. */
  for (int t = CLATTN_TILES_MOST - 1; t >= 0; --t)
    while (row->tile[t].name != NULL && make_smaller(&row->tile[t], &value[t]))
      if (clattn_row_supported(row, value, extent, device, NULL) == CLATTN_OK) {
        restore_tiles(row, extent, device, value);
        return CLATTN_OK;
      }
  return CLATTN_UNSUPPORTED;
}

clattn_status clattn_kernel_supported(size_t index, const clattn_device_info *device, clattn_error *error) {
  const clattn_kernel *row = clattn_catalog_at(index);
  if (row == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "kernel %zu (allowed: below %zu)", index, clattn_kernel_count());
  if (device == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device is NULL");
  static const clattn_extent least = {.terms = 1, .head_dim = 1, .value_dim = 1};
  int value[CLATTN_TILES_MOST];
  return clattn_fit_tiles(row, &least, device, value, error);
}
