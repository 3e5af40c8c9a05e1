/* Counts a device's memory. Plans in several threads share the count. */
#include "device/ledger.h"

#include "base/lock.h"
#include "base/status.h"

static clattn_lock counting = CLATTN_LOCK_INIT;

static uint64_t left_of(const clattn_device *device) {
  const uint64_t all = device->info.global_memory_bytes;
  return device->held_bytes < all ? all - device->held_bytes : 0;
}

uint64_t clattn_ledger_left(const clattn_device *device) {
  clattn_lock_take(&counting);
  const uint64_t left = left_of(device);
  clattn_lock_give(&counting);
  return left;
}

clattn_status clattn_ledger_take(clattn_device *device, uint64_t bytes, const char *what, clattn_error *error) {
  clattn_lock_take(&counting);
  const uint64_t left = left_of(device), held = device->held_bytes;
  if (bytes <= left) device->held_bytes += bytes;
  clattn_lock_give(&counting);
  if (bytes <= left) return CLATTN_OK;
  return clattn_fail(error, CLATTN_OUT_OF_DEVICE_MEMORY,
                     "%s takes %llu bytes; '%s' has %llu, of which plans, caches and kept weights hold %llu", what,
                     (unsigned long long)bytes, device->info.name, (unsigned long long)device->info.global_memory_bytes,
                     (unsigned long long)held);
}

void clattn_ledger_give(clattn_device *device, uint64_t bytes) {
  clattn_lock_take(&counting);
  device->held_bytes -= bytes;
  clattn_lock_give(&counting);
}
