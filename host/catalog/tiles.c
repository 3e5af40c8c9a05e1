/* Tile sizes: the standard ones, and smaller ones where a device has too little. */
#include "catalog/tiles.h"

#include <string.h>

#include "base/sizes.h"
#include "base/status.h"

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
