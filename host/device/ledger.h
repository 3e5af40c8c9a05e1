/* Counts the device memory that plans, caches and kept weights hold. Drivers report more than is
 * really free, so the library counts what it has allocated itself. */
#ifndef CLATTN_LEDGER_H
#define CLATTN_LEDGER_H

#include "device/device.h"

/* Bytes of the device's reported memory that this library has not yet allocated. */
uint64_t clattn_ledger_left(const clattn_device *device);

/* Reserves bytes. If too few are left: CLATTN_OUT_OF_DEVICE_MEMORY, and the message names
 * `what`. */
clattn_status clattn_ledger_take(clattn_device *device, uint64_t bytes, const char *what, clattn_error *error);
void clattn_ledger_give(clattn_device *device, uint64_t bytes);

#endif
