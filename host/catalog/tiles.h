/* Which tile sizes fit a device. */
#ifndef CLATTN_TILES_H
#define CLATTN_TILES_H

#include "catalog/catalog.h"

/* Whether the device meets the row's needs with these tile values: CLATTN_OK, or
 * CLATTN_UNSUPPORTED with the reason. */
clattn_status clattn_row_supported(const clattn_kernel *row, const int *value, const clattn_extent *extent,
                                   const clattn_device_info *device, clattn_error *error);

/* The sizes that plans take without a tuning record, as long as they fit: those of the device
 * and problem's family. */
void clattn_standard_tiles(const clattn_kernel *row, const clattn_extent *extent, const clattn_device_info *device,
                           int value[CLATTN_TILES_MOST]);

/* The sizes of clattn_standard_tiles, made smaller as far as the device needs it. If no valid
 * values fit: CLATTN_UNSUPPORTED, with what those of clattn_standard_tiles lack. */
clattn_status clattn_fit_tiles(const clattn_kernel *row, const clattn_extent *extent, const clattn_device_info *device,
                               int value[CLATTN_TILES_MOST], clattn_error *error);

#endif
