/* Which tile sizes fit a device. */
#ifndef CLATTN_TILES_H
#define CLATTN_TILES_H

#include "catalog/catalog.h"

/* Whether the device meets the row's needs with these tile values: CLATTN_OK, or CLATTN_UNSUPPORTED with the reason. */
clattn_status clattn_row_supported(const clattn_kernel *row, const int *value, const clattn_extent *extent,
                                   const clattn_device_info *device, clattn_error *error);

/* The sizes that plans take without a record, as long as they fit. */
void clattn_standard_tiles(const clattn_kernel *row, const clattn_device_info *device, int value[CLATTN_TILES_MOST]);

/* The standard tile values, made smaller as far as the device needs it. CLATTN_UNSUPPORTED, with what the standard
 * values lack, if no valid values fit. */
clattn_status clattn_fit_tiles(const clattn_kernel *row, const clattn_extent *extent, const clattn_device_info *device,
                               int value[CLATTN_TILES_MOST], clattn_error *error);

#endif
