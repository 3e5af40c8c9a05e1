/* Which of several devices is taken when the caller leaves the choice. Pure functions of what is known of the devices.
 */
#ifndef CLATTN_DEVICE_RANK_H
#define CLATTN_DEVICE_RANK_H

#include "clattn_inspect.h"

/* What is assumed of a driver that does not tell the clock. */
#define CLATTN_CLOCK_UNKNOWN_MHZ 1000.0

/* Whether text has the part, in any case. */
bool clattn_contains(const char *text, const char *part);

/* Float multiply-adds that a compute unit does in each clock, by vendor; 0 where it is not known. `capability` is
 * NVIDIA's compute capability, 86 for 8.6; 0: not known. */
unsigned clattn_unit_lanes(const clattn_device_info *device, unsigned capability);

/* The index of the device to take of `count`, 1 or more. Order: type; for GPUs discrete before unknown before
 * integrated; then the measured rates, if every device that is still equal has one; else compute units x clock x lanes.
 * Of equals the first. rate: (count), 0 for a device that was not measured; NULL: none was. */
size_t clattn_best_device(const clattn_device_info *const *device, const double *rate, size_t count);

/* Whether the word names a kind of device: "gpu", "cpu", "accelerator", "discrete" or "integrated", in any case. Then
 * *fits says whether the device is of that kind. */
bool clattn_is_kind(const char *word, const clattn_device_info *device, bool *fits);

#endif
