/* Default tile sizes for families of devices and problems. */
#ifndef CLATTN_FAMILIES_H
#define CLATTN_FAMILIES_H

#include "catalog/catalog.h"

/* A tile size of a kernel that differs from the standard one, for all devices and problems of a
 * family. */
typedef struct clattn_family_tile {
  bool (*family)(const clattn_device_info *device, const clattn_extent *extent); /* whether they belong to it */
  clattn_stage stage;
  const char *kernel, *tile;
  int value;
} clattn_family_tile;

/* The table of host/catalog/families.c; the first row that fits counts. */
extern const clattn_family_tile clattn_family_tiles[];
extern const size_t clattn_family_tiles_count;

/* The default of a tile size on this device for a problem of this extent: their family's where the
 * table has one, else the standard value. Of a tile that the device decides: the device's. */
int clattn_default_tile(const clattn_kernel *row, const clattn_tile *tile, const clattn_extent *extent,
                        const clattn_device_info *device);

#endif
