/* How much a launch may do, before anything is measured: the first must not be too long either. */
#include "device/launch_limit.h"

#include <math.h>

#include "device/device_rank.h"

/* What a kernel that is not the plain formula is taken to do in each cycle of a compute unit, of which GPUs can do 16
 * to 256. Nobody has measured it on one. Too low a guess costs little: a piece still has several groups for each unit.
 */
#define FLOPS_A_CYCLE 4.0

/* Groups for each compute unit: with fewer in a launch some units have nothing to do. */
#define GROUPS_A_UNIT 2

#define GPU_SECONDS 1.0

clattn_launch_limit clattn_launch_limit_of(const clattn_device_info *device, const clattn_plan_options *options) {
  const double standard = device->type == CLATTN_DEVICE_GPU ? GPU_SECONDS : (double)INFINITY;
  const double seconds = options->launch_seconds > 0.0 ? options->launch_seconds : standard;
  const double mhz = device->clock_mhz > 0 ? device->clock_mhz : CLATTN_CLOCK_UNKNOWN_MHZ;
  const double units = device->compute_units > 0 ? device->compute_units : 1.0;
  clattn_launch_limit limit = {.groups_least = GROUPS_A_UNIT * (size_t)units};
  if (options->kernel_dir != NULL) return (clattn_launch_limit){.groups_least = 0};
  if (!isfinite(seconds)) return limit;
  limit.seconds = seconds;
  limit.flops = seconds * mhz * 1e6 * units * FLOPS_A_CYCLE;
  return limit;
}

size_t clattn_limited(const clattn_launch_limit *limit, double flops, size_t units, size_t least) {
  if (limit->flops == 0.0 || flops <= limit->flops || units <= least) return units;
  const double most = limit->flops / flops * (double)units;
  return most > (double)least ? (size_t)most : least;
}
