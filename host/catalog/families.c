/* The table of families: tile sizes that differ from a kernel's standard ones. `clattn tune` finds the
 * best sizes for one device and length; sizes that are better for a whole family of devices or
 * problems belong here. */
#include "catalog/families.h"

#include <string.h>

#include "base/sizes.h"

#include "../../kernels/common/matrix_units.h"
#include "../../kernels/common/parts.h"

/* CPU kernels are written with vectors of 16 floats. Where the device's own are shorter, the
 * compiler splits each into several, and sums that fit 32 registers of 16 floats fit neither 16
 * of 8 nor 32 of 4. */
#define WIDE_VECTOR 16

static bool has_short_vectors(const clattn_device_info *device, const clattn_extent *extent) {
  (void)extent;
  return device->native_float_width < WIDE_VECTOR;
}

/* AVX2: 6 sums of 16 floats, the 16 floats that they are multiplied by, and a broadcast one take 15
 * of 16 registers. */
static bool has_vectors_of_8(const clattn_device_info *device, const clattn_extent *extent) {
  (void)extent;
  return device->native_float_width == 8;
}

/* Measured on a Zen 4 with AVX-512: docs/performance.md, "How a CPU divides queries". */
static bool has_far_rows(const clattn_device_info *device, const clattn_extent *extent) {
  (void)device;
  return extent->far_rows;
}

/* gfx9: a work-group's local memory leaves room for so few groups that each must have four waves of
 * 64, for two waves a SIMD unit. */
static bool is_gfx9(const clattn_device_info *device, const clattn_extent *extent) {
  (void)extent;
  return strncmp(device->name, "gfx9", 4) == 0;
}

/* gfx90a and later multiply two floats in one instruction; the compiler finds it for two sums. With one
 * it moves two floats for each such instruction. */
static bool multiplies_pairs(const clattn_device_info *device, const clattn_extent *extent) {
  (void)extent;
  return strncmp(device->name, "gfx90a", 6) == 0 || strncmp(device->name, "gfx94", 5) == 0 ||
         strncmp(device->name, "gfx95", 5) == 0;
}

/* With 4 x 4 results a work-item, reading local memory takes twice as long as the multiply-adds on most
 * GPUs. With 8 x 8 it takes as long, and these vendors' GPUs have the registers (docs/compilers.md); on
 * Intel's they spill. 8 x 8 work-items then have the tile of 64 x 64 results that 16 x 16 have
 * elsewhere, so small matrices are divided into as many work-groups. */
static bool has_many_registers(const clattn_device_info *device, const clattn_extent *extent) {
  static const char *const vendors[] = {"NVIDIA", "Advanced Micro Devices", "AMD"};
  (void)extent;
  if (device->type == CLATTN_DEVICE_CPU) return false;
  for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; ++i)
    if (strstr(device->vendor, vendors[i]) != NULL) return true;
  return false;
}

/* Intel's compiler keeps 4 x 2 float4 of context in registers, but puts 4 x 4 of them into memory; where halves are
 * multiplied, also 4 x 2 of them, except on GPUs whose sub-groups have 16 or more. */
static bool is_intel_with_wide_values(const clattn_device_info *device, const clattn_extent *extent) {
  return device->type != CLATTN_DEVICE_CPU && strstr(device->vendor, "Intel") != NULL &&
         (extent->value_dim > 64 || (extent->half_products && device->least_sub_group != 16));
}

/* A lane of AMD's WMMA has 256 registers, and for each fragment twice as many of them as a lane of MFMA. */
static bool has_wmma(const clattn_device_info *device, const clattn_extent *extent) {
  (void)device;
  return extent->matrix_unit == MATRIX_WMMA_11 || extent->matrix_unit == MATRIX_WMMA_12;
}

static bool has_wmma_with_wide_values(const clattn_device_info *device, const clattn_extent *extent) {
  return has_wmma(device, extent) && extent->value_dim > 96;
}

static size_t widest_row(const clattn_extent *extent) {
  return clattn_larger(extent->head_dim, extent->value_dim);
}

/* Where a lane has registers for 32 rows of a sub-group instead of 16, fragments of keys and values are loaded from
 * local memory half as often (docs/compilers.md). */
static bool has_two_row_tiles(const clattn_device_info *device, const clattn_extent *extent) {
  const int unit = extent->matrix_unit;
  if (MATRIX_IS_MMA(unit)) return widest_row(extent) <= 128;
  return (unit == MATRIX_WMMA_12 || (unit == MATRIX_MFMA && multiplies_pairs(device, extent))) &&
         widest_row(extent) <= 64;
}

/* What is copied while the unit multiplies takes registers, too. */
static bool has_two_row_tiles_and_copies(const clattn_device_info *device, const clattn_extent *extent) {
  return widest_row(extent) <= 64 && extent->matrix_unit != MATRIX_WMMA_12 && has_two_row_tiles(device, extent);
}

static bool has_mma_with_wide_rows(const clattn_device_info *device, const clattn_extent *extent) {
  (void)device;
  return MATRIX_IS_MMA(extent->matrix_unit) && widest_row(extent) > 64;
}

/* A sub-group of Intel's has 256 registers of 8 or 16 floats, with which the scores of many keys leave no room for
 * context. */
static bool has_dpas(const clattn_device_info *device, const clattn_extent *extent) {
  (void)device;
  return MATRIX_IS_DPAS(extent->matrix_unit);
}

/* A sub-group of 8 has half of the registers that one of 16 has. */
static bool has_dpas_of_8(const clattn_device_info *device, const clattn_extent *extent) {
  (void)device;
  return extent->matrix_unit == MATRIX_DPAS_8;
}

/* clang-format off */
#define EIGHT_BY_EIGHT(stage, kernel) \
  {has_many_registers, stage, kernel, "LOCAL_X", 8}, {has_many_registers, stage, kernel, "LOCAL_Y", 8}, \
  {has_many_registers, stage, kernel, "ITEM_ROWS", 8}, {has_many_registers, stage, kernel, "ITEM_COLS", 8}
#define MATRIX_SIZES(kernel, two_row_tiles) \
  {two_row_tiles, CLATTN_STAGE_FUSED, kernel, "ROW_TILES", 2}, \
  {has_mma_with_wide_rows, CLATTN_STAGE_FUSED, kernel, "BLOCK_KEYS", 32}, \
  {has_wmma_with_wide_values, CLATTN_STAGE_FUSED, kernel, "BLOCK_KEYS", 16}, \
  {has_wmma, CLATTN_STAGE_FUSED, kernel, "BLOCK_KEYS", 32}, \
  {has_dpas, CLATTN_STAGE_FUSED, kernel, "BLOCK_KEYS", 16}
/* clang-format on */

const clattn_family_tile clattn_family_tiles[] = {
    {has_short_vectors, CLATTN_STAGE_PROJECT, "panel", "VECTORS", 1},
    {has_short_vectors, CLATTN_STAGE_PROJECT, "panel", "TILES", 2},
    {has_vectors_of_8, CLATTN_STAGE_PROJECT, "panel", "ROWS", 6},
    {has_vectors_of_8, CLATTN_STAGE_SCORES, "panel", "ROWS", 6},
    {has_vectors_of_8, CLATTN_STAGE_CONTEXT, "panel", "ROWS", 6},
    {has_short_vectors, CLATTN_STAGE_SCORES, "panel", "VECTORS", 1},
    {has_short_vectors, CLATTN_STAGE_CONTEXT, "panel", "VECTORS", 1},
    {has_short_vectors, CLATTN_STAGE_FUSED, "vector", "VECTORS", 1},
    {has_short_vectors, CLATTN_STAGE_FUSED, "vector", "TILE_KEYS", 6},
    {has_short_vectors, CLATTN_STAGE_FUSED, "vector", "KEYS_FROM", KEYS_FROM_COPY},
    {has_far_rows, CLATTN_STAGE_FUSED, "vector", "KEYS_FROM", KEYS_FROM_COPY},
    EIGHT_BY_EIGHT(CLATTN_STAGE_PROJECT, "wide"),
    EIGHT_BY_EIGHT(CLATTN_STAGE_SCORES, "wide"),
    EIGHT_BY_EIGHT(CLATTN_STAGE_CONTEXT, "register"),
    {is_gfx9, CLATTN_STAGE_FUSED, "register", "LOCAL_X", 16},
    {is_gfx9, CLATTN_STAGE_FUSED, "register", "ITEM_KEYS", 2},
    {multiplies_pairs, CLATTN_STAGE_FUSED, "register", "SUMS", 2},
    {is_intel_with_wide_values, CLATTN_STAGE_FUSED, "register", "LOCAL_X", 16},
    {is_intel_with_wide_values, CLATTN_STAGE_FUSED, "register", "ITEM_KEYS", 2},
    MATRIX_SIZES("matrix", has_two_row_tiles),
    MATRIX_SIZES("async", has_two_row_tiles_and_copies),
    {has_wmma, CLATTN_STAGE_PROJECT, "matrix", "GROUP_COLS", 32},
    {has_dpas_of_8, CLATTN_STAGE_PROJECT, "matrix", "GROUP_ROWS", 16},
    {has_dpas_of_8, CLATTN_STAGE_PROJECT, "matrix", "GROUP_COLS", 32},
    {has_dpas_of_8, CLATTN_STAGE_PROJECT, "matrix", "GROUPS_DOWN", 4},
    {has_dpas_of_8, CLATTN_STAGE_PROJECT, "matrix", "GROUPS_ACROSS", 4},
    {has_wmma_with_wide_values, CLATTN_STAGE_FUSED, "matsplit", "BLOCK_KEYS", 16},
    {has_dpas, CLATTN_STAGE_FUSED, "matsplit", "BLOCK_KEYS", 16},
};

const size_t clattn_family_tiles_count = sizeof clattn_family_tiles / sizeof clattn_family_tiles[0];

int clattn_default_tile(const clattn_kernel *row, const clattn_tile *tile, const clattn_extent *extent,
                        const clattn_device_info *device) {
  if (clattn_tile_is_of_device(row, tile) && extent->matrix_unit != 0) return extent->matrix_unit;
  for (size_t i = 0; i < clattn_family_tiles_count; ++i) {
    const clattn_family_tile *f = &clattn_family_tiles[i];
    if (f->stage == row->stage && strcmp(f->kernel, row->name) == 0 && strcmp(f->tile, tile->name) == 0 &&
        f->family(device, extent))
      return f->value;
  }
  return tile->standard;
}
