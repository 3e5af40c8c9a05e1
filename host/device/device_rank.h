/* Selects one of several devices if the caller names none. Pure functions of the devices' reported
 * properties. */
#ifndef CLATTN_DEVICE_RANK_H
#define CLATTN_DEVICE_RANK_H

#include "clattn_inspect.h"

/* Clock frequency assumed if the driver reports none. */
#define CLATTN_CLOCK_UNKNOWN_MHZ 1000.0

/* Whether text contains part; ignores case. */
bool clattn_contains(const char *text, const char *part);

/* Float multiply-adds per clock of one compute unit, by vendor; 0 if unknown. `capability` is
 * NVIDIA's compute capability (86 for 8.6), or 0 if unknown. */
unsigned clattn_unit_lanes(const clattn_device_info *device, unsigned capability);

/* The float lanes of the processor that a driver compiles for. `reported` is the driver's number:
 * PoCL always reports the host's, also where POCL_KERNELLIB_NAME selects an older processor. PoCL's
 * `version` ends in that processor's name. */
unsigned clattn_float_width(const char *version, unsigned reported);

/* The index of the best of `count` devices (1 or more). Compares the type first; then GPUs:
 * discrete before unknown before integrated; then the measured rates, if every device that is still
 * tied has one, else compute units x clock x lanes. The first of equals wins. rate: (count), 0 for
 * a device without a measurement; NULL: no measurements. */
size_t clattn_best_device(const clattn_device_info *const *device, const double *rate, size_t count);

/* Whether the word names a kind of device: "gpu", "cpu", "accelerator", "discrete" or "integrated";
 * ignores case. If so, *fits tells whether the device is of that kind. */
bool clattn_is_kind(const char *word, const clattn_device_info *device, bool *fits);

#endif
