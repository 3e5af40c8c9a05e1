/* Tile sizes: the defaults of the device family, and smaller ones where a device has too little. */
#include "catalog/tiles.h"

#include "base/sizes.h"
#include "base/status.h"
#include "catalog/families.h"

static clattn_status check_limits(const clattn_geometry *g, const clattn_device_info *device, clattn_error *error) {
  const size_t items = clattn_larger(g->local[0], 1) * clattn_larger(g->local[1], 1);
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
  if (row->library) return clattn_fail(error, CLATTN_UNSUPPORTED, "this library was built without CLBlast");
#endif
  clattn_geometry geometry;
  const clattn_status status = clattn_needs_met(row->needs, device, error);
  if (status != CLATTN_OK) return status;
  row->geometry(value, extent, &geometry);
  return check_limits(&geometry, device, error);
}

void clattn_standard_tiles(const clattn_kernel *row, const clattn_extent *extent, const clattn_device_info *device,
                           int value[CLATTN_TILES_MOST]) {
  for (size_t i = 0; i < CLATTN_TILES_MOST; ++i)
    value[i] = row->tile[i].name != NULL ? clattn_default_tile(row, &row->tile[i], extent, device) : 0;
}

/* The largest valid value below the present one; false if there is none. */
static bool make_smaller(const clattn_kernel *row, const clattn_tile *tile, int *value) {
  int smaller = 0;
  if (tile->name == NULL || clattn_tile_is_of_device(row, tile)) return false;
  for (int v = 0; v < CLATTN_VALID_MOST; ++v)
    if (tile->valid[v] < *value && tile->valid[v] > smaller) smaller = tile->valid[v];
  if (smaller == 0) return false;
  *value = smaller;
  return true;
}

/* Sizes that were made smaller without need become the default ones again. */
static void restore_tiles(const clattn_kernel *row, const clattn_extent *extent, const clattn_device_info *device,
                          int value[CLATTN_TILES_MOST]) {
  for (size_t t = 0; row->tile[t].name != NULL; ++t) {
    const int smaller = value[t];
    value[t] = clattn_default_tile(row, &row->tile[t], extent, device);
    if (clattn_row_supported(row, value, extent, device, NULL) != CLATTN_OK) value[t] = smaller;
  }
}

clattn_status clattn_fit_tiles(const clattn_kernel *row, const clattn_extent *extent, const clattn_device_info *device,
                               int value[CLATTN_TILES_MOST], clattn_error *error) {
  clattn_standard_tiles(row, extent, device, value);
  if (clattn_row_supported(row, value, extent, device, error) == CLATTN_OK) return CLATTN_OK;
  /* The last sizes of a row, those of the depth, cost least when they are made smaller. */
  for (int t = CLATTN_TILES_MOST - 1; t >= 0; --t)
    while (make_smaller(row, &row->tile[t], &value[t]))
      if (clattn_row_supported(row, value, extent, device, NULL) == CLATTN_OK) {
        restore_tiles(row, extent, device, value);
        return CLATTN_OK;
      }
  return CLATTN_UNSUPPORTED;
}
