/* The catalogue's rows. */
#include "catalog/catalog.h"

#include <string.h>

#include "base/status.h"
#include "problem/sized.h"
#include "catalog/tiles.h"

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
     NO_SIZES, clattn_geometry_naive, NULL},

    {CLATTN_STAGE_PROJECT, 1, "naive", CLATTN_FORM_ANY, "project/1_naive.cl", "project",
     "the formula, one work-item an element", NO_SIZES, clattn_geometry_by_rows, clattn_traffic_by_rows},
    {CLATTN_STAGE_PROJECT, 2, "coalesced", CLATTN_FORM_ANY, "project/2_coalesced.cl", "project",
     "neighbouring work-items read and write neighbouring addresses", NO_SIZES, clattn_geometry_naive,
     clattn_traffic_naive},
    {CLATTN_STAGE_PROJECT, 3, "tiled", CLATTN_FORM_GPU, "project/3_tiled.cl", "project",
     "tiles shared through local memory", TILED_SIZES, clattn_geometry_tiled, clattn_traffic_tiled},
    {CLATTN_STAGE_PROJECT, 4, "column", CLATTN_FORM_GPU, "project/4_column.cl", "project",
     "a column of results in each work-item's registers", COLUMN_SIZES, clattn_geometry_column, clattn_traffic_column},
    {CLATTN_STAGE_PROJECT, 5, "register", CLATTN_FORM_GPU, "project/5_register.cl", "project",
     "a block of results in each work-item's registers", REGISTER_SIZES, clattn_geometry_registers,
     clattn_traffic_register},
    {CLATTN_STAGE_PROJECT, 6, "wide", CLATTN_FORM_GPU, "project/6_wide.cl", "project",
     "four floats in each read and write", WIDE_SIZES, clattn_geometry_wide, clattn_traffic_register},
    {CLATTN_STAGE_PROJECT, 7, "panel", CLATTN_FORM_CPU, "project/7_panel.cl", "project",
     "packed panels, float16, no barriers", PANEL_SIZES(256), clattn_geometry_panel, clattn_traffic_panel},
    {CLATTN_STAGE_PROJECT, 0, "clblast", CLATTN_FORM_LIBRARY, "project/bias.cl", "bias",
     "CLBlast's GEMM, then the bias", NO_SIZES, clattn_geometry_library, NULL},

    {CLATTN_STAGE_ROTARY, 1, "naive", CLATTN_FORM_ANY, "rotary/1_naive.cl", "rotary", "one work-item a pair", NO_SIZES,
     clattn_geometry_naive, NULL},

    {CLATTN_STAGE_CACHE, 1, "naive", CLATTN_FORM_ANY, "cache/1_naive.cl", "cache", "one work-item a vector", NO_SIZES,
     clattn_geometry_naive, NULL},

    {CLATTN_STAGE_SCORES, 1, "naive", CLATTN_FORM_ANY, "scores/1_naive.cl", "scores",
     "the formula, one work-item an element", NO_SIZES, clattn_geometry_naive, clattn_traffic_naive},
    {CLATTN_STAGE_SCORES, 2, "tiled", CLATTN_FORM_GPU, "scores/2_tiled.cl", "scores",
     "tiles shared through local memory", TILED_SIZES, clattn_geometry_tiled, clattn_traffic_tiled},
    {CLATTN_STAGE_SCORES, 3, "column", CLATTN_FORM_GPU, "scores/3_column.cl", "scores",
     "a column of results in each work-item's registers", COLUMN_SIZES, clattn_geometry_column, clattn_traffic_column},
    {CLATTN_STAGE_SCORES, 4, "register", CLATTN_FORM_GPU, "scores/4_register.cl", "scores",
     "a block of results in each work-item's registers", REGISTER_SIZES, clattn_geometry_registers,
     clattn_traffic_register},
    {CLATTN_STAGE_SCORES, 5, "wide", CLATTN_FORM_GPU, "scores/5_wide.cl", "scores",
     "four floats in each read and write", WIDE_SIZES, clattn_geometry_wide, clattn_traffic_register},
    {CLATTN_STAGE_SCORES, 6, "panel", CLATTN_FORM_CPU, "scores/6_panel.cl", "scores",
     "packed panels, float16, no barriers", PANEL_SIZES(256), clattn_geometry_panel, clattn_traffic_panel},
    {CLATTN_STAGE_SCORES, 0, "clblast", CLATTN_FORM_LIBRARY, "scores/finish.cl", "finish",
     "CLBlast's GEMM, then softcap, bias and mask", NO_SIZES, clattn_geometry_library, NULL},

    {CLATTN_STAGE_SOFTMAX, 1, "naive", CLATTN_FORM_ANY, "softmax/1_naive.cl", "softmax",
     "the formula, one work-item a row", NO_SIZES, clattn_geometry_naive, clattn_traffic_softmax_naive},
    {CLATTN_STAGE_SOFTMAX, 2, "online", CLATTN_FORM_ANY, "softmax/2_online.cl", "softmax",
     "maximum and sum in one read of the row", NO_SIZES, clattn_geometry_online_row, clattn_traffic_softmax_online},
    {CLATTN_STAGE_SOFTMAX,
     3,
     "tiled",
     CLATTN_FORM_GPU,
     "softmax/3_tiled.cl",
     "softmax",
     "a work-group a row, joined through local memory",
     {{"LOCAL_X", 128, {32, 64, 128, 256}}},
     clattn_geometry_row_group,
     clattn_traffic_softmax_tiled},
    {CLATTN_STAGE_SOFTMAX,
     4,
     "pairs",
     CLATTN_FORM_GPU,
     "softmax/4_pairs.cl",
     "softmax",
     "a work-group a row, maximum and sum joined together",
     {{"LOCAL_X", 128, {32, 64, 128, 256}}},
     clattn_geometry_online_group,
     clattn_traffic_softmax_pairs},
    {CLATTN_STAGE_SOFTMAX,
     5,
     "register",
     CLATTN_FORM_GPU,
     "softmax/5_register.cl",
     "softmax",
     "the row stays in registers: one read, one exp",
     {{"LOCAL_X", 128, {32, 64, 128, 256}}, {"ITEM_KEYS", 16, {4, 8, 16, 32}}},
     clattn_geometry_row_group,
     clattn_traffic_softmax_register},
    {CLATTN_STAGE_SOFTMAX,
     6,
     "vector",
     CLATTN_FORM_CPU,
     "softmax/6_vector.cl",
     "softmax",
     "float16, no barriers",
     {{"ITEM_ROWS", 16, {1, 4, 16, 64}}},
     clattn_geometry_vector_rows,
     clattn_traffic_softmax_vector},

    {CLATTN_STAGE_CONTEXT, 1, "naive", CLATTN_FORM_ANY, "context/1_naive.cl", "context",
     "the formula, one work-item an element", NO_SIZES, clattn_geometry_naive, clattn_traffic_naive},
    {CLATTN_STAGE_CONTEXT, 2, "tiled", CLATTN_FORM_GPU, "context/2_tiled.cl", "context",
     "tiles shared through local memory", TILED_SIZES, clattn_geometry_tiled, clattn_traffic_tiled},
    {CLATTN_STAGE_CONTEXT, 3, "register", CLATTN_FORM_GPU, "context/3_register.cl", "context",
     "a block of results in each work-item's registers", REGISTER_SIZES, clattn_geometry_registers,
     clattn_traffic_register},
    {CLATTN_STAGE_CONTEXT, 4, "panel", CLATTN_FORM_CPU, "context/4_panel.cl", "context",
     "packed panels, float16, no barriers", PANEL_SIZES(128), clattn_geometry_panel, clattn_traffic_panel},
    {CLATTN_STAGE_CONTEXT, 0, "clblast", CLATTN_FORM_LIBRARY, "context/1_naive.cl", "context",
     "CLBlast's GEMM, then NaN behind the mask repaired", NO_SIZES, clattn_geometry_library, NULL},

    {CLATTN_STAGE_FUSED, 1, "row", CLATTN_FORM_ANY, "fused/1_row.cl", "fused",
     "the formula, one work-item a row, each score three times", NO_SIZES, clattn_geometry_naive,
     clattn_traffic_fused_row},
    {CLATTN_STAGE_FUSED, 2, "online", CLATTN_FORM_ANY, "fused/2_online.cl", "fused",
     "a running maximum and sum: each score once", NO_SIZES, clattn_geometry_naive, clattn_traffic_fused_online},
    {CLATTN_STAGE_FUSED, 3, "tiled", CLATTN_FORM_GPU, "fused/3_tiled.cl", "fused",
     "tiles of keys and values shared through local memory", TILED_SIZES, clattn_geometry_fused_tiled,
     clattn_traffic_fused_tiled},
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
     clattn_geometry_fused_block,
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
     clattn_geometry_fused_vector,
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
     clattn_geometry_fused_split,
     clattn_traffic_fused_split},
    {CLATTN_STAGE_FUSED,
     7,
     "stream",
     CLATTN_FORM_CPU,
     "fused/7_stream.cl",
     "fused",
     "keys and values read once, where they lie, for few rows",
     {{"PARTS", 32, {8, 16, 32, 64}}, {"HEADS", 8, {1, 2, 4, 8}}},
     clattn_geometry_fused_stream,
     clattn_traffic_fused_stream},

    {CLATTN_STAGE_PRODUCTS, 1, "naive", CLATTN_FORM_ANY, "trace/products.cl", "products",
     "the formula without its scale, to look at", NO_SIZES, clattn_geometry_naive, NULL},
    {CLATTN_STAGE_EXPS, 1, "naive", CLATTN_FORM_ANY, "trace/softmax.cl", "exps",
     "softmax's maximum, exps and sum, to look at", NO_SIZES, clattn_geometry_naive, NULL},
};
/* clang-format on */

size_t clattn_kernel_count(void) {
  return sizeof catalog / sizeof catalog[0];
}

const clattn_kernel *clattn_catalog_at(size_t index) {
  return index < clattn_kernel_count() ? &catalog[index] : NULL;
}

const clattn_kernel *clattn_catalog_find(clattn_stage stage, const char *rung_or_name, size_t length) {
  for (size_t i = 0; i < clattn_kernel_count(); ++i) {
    const clattn_kernel *row = &catalog[i];
    if (row->stage != clattn_stage_kernels(stage)) continue;
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
  const clattn_kernel_info own = {.size = sizeof(clattn_kernel_info),
                                  .stage = row->stage,
                                  .rung = row->rung,
                                  .name = row->name,
                                  .form = forms[row->form],
                                  .idea = row->idea};
  return clattn_give_sized(&clattn_sized_kernel_info, &own, info);
}

bool clattn_kernel_get_tile(size_t index, size_t tile, clattn_tile_info *info) {
  const clattn_kernel *row = clattn_catalog_at(index);
  if (row == NULL || tile >= CLATTN_TILES_MOST || row->tile[tile].name == NULL) return false;
  const clattn_tile *t = &row->tile[tile];
  size_t count = 0;
  while (count < CLATTN_VALID_MOST && t->valid[count] != 0) ++count;
  const clattn_tile_info own = {.size = sizeof(clattn_tile_info),
                                .name = t->name,
                                .standard = t->standard,
                                .valid = t->valid,
                                .valid_count = count};
  return clattn_give_sized(&clattn_sized_tile_info, &own, info);
}

clattn_status clattn_kernel_supported(size_t index, const clattn_device_info *device, clattn_error *error) {
  const clattn_kernel *row = clattn_catalog_at(index);
  if (row == NULL)
    return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "kernel %zu (allowed: below %zu)", index, clattn_kernel_count());
  if (device == NULL) return clattn_fail(error, CLATTN_INVALID_ARGUMENT, "the device is NULL");
  static const clattn_extent least = {.terms = 1, .head_dim = 1, .value_dim = 1};
  int value[CLATTN_TILES_MOST];
  return clattn_finish(error, clattn_fit_tiles(row, &least, device, value, error));
}
