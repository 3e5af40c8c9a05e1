/* What plans and caches hold of a device's memory. Drivers promise more than there is, so the library keeps count of
 * what it has asked for itself. */
#ifndef CLATTN_LEDGER_H
#define CLATTN_LEDGER_H

#include "device/device.h"

/* Bytes of what the driver reports that nothing of this library's holds yet. */
uint64_t clattn_ledger_left(const clattn_device *device);

/* Takes so many of them. CLATTN_OUT_OF_DEVICE_MEMORY, with what they are for, where they are not left. */
clattn_status clattn_ledger_take(clattn_device *device, uint64_t bytes, const char *what, clattn_error *error);
void clattn_ledger_give(clattn_device *device, uint64_t bytes);

#endif
