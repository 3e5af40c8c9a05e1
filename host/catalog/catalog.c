/* Finds rows of the catalogue by index, rung or name, and describes them to callers. */
#include "catalog/catalog.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "problem/sized.h"
#include "catalog/matrix.h"
#include "catalog/tiles.h"

const char *clattn_target_name(clattn_target target) {
  static const char *const names[] = {
      [CLATTN_TARGET_ANY] = "any", [CLATTN_TARGET_CPU] = "cpu", [CLATTN_TARGET_GPU] = "gpu"};
  return names[target];
}

size_t clattn_kernel_count(void) {
  return clattn_kernels_count;
}

const clattn_kernel *clattn_catalog_at(size_t index) {
  return index < clattn_kernels_count ? &clattn_kernels[index] : NULL;
}

static bool is_text(const char *text, const char *part, size_t length) {
  return strlen(text) == length && strncmp(text, part, length) == 0;
}

const clattn_kernel *clattn_catalog_find(clattn_stage stage, const char *rung_or_name, size_t length) {
  for (size_t i = 0; i < clattn_kernels_count; ++i) {
    const clattn_kernel *row = &clattn_kernels[i];
    char rung[16];
    if (row->stage != clattn_stage_kernels(stage)) continue;
    if (is_text(row->name, rung_or_name, length)) return row;
    snprintf(rung, sizeof rung, "%d", row->rung);
    if (row->rung > 0 && is_text(rung, rung_or_name, length)) return row;
  }
  return NULL;
}

bool clattn_kernel_reads_cache(const clattn_kernel *row, const clattn_problem *problem) {
  return row->reads_cache && problem->cache.capacity != 0;
}

/* ---- the public view --------------------------------------------------------------------------------------------- */

bool clattn_kernel_get_info(size_t index, clattn_kernel_info *info) {
  const clattn_kernel *row = clattn_catalog_at(index);
  if (row == NULL) return false;
  clattn_kernel_info own;
  memset(&own, 0, sizeof own); /* also what lies between the fields, which callers get */
  own.size = sizeof own;
  own.stage = row->stage;
  own.rung = row->rung;
  own.name = row->name;
  own.target = clattn_target_name(row->target);
  own.priority = row->priority;
  own.library = row->library;
  own.idea = row->idea;
  own.stored_math = clattn_needs_stored_math(row);
  own.matrix_unit = row->matrix_unit;
  return clattn_give_sized(&clattn_sized_kernel_info, &own, info);
}

bool clattn_tile_is_of_device(const clattn_kernel *row, const clattn_tile *tile) {
  return row->matrix_unit && tile == &row->tile[0];
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
                                .valid_count = count,
                                .of_device = clattn_tile_is_of_device(row, t)};
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
