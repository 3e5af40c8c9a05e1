/* Limits the work of a launch by an estimate, because even the first launch must not run too
 * long. */
#include "device/launch_limit.h"

#include <math.h>

#include "device/device_rank.h"

/* Operations that a kernel is assumed to do per compute unit and cycle, except for the naive
 * kernels. GPUs reach 16 to 256; this value has not been measured on one. A value that is too low
 * costs little, because a piece still has several work-groups for each compute unit. */
#define FLOPS_A_CYCLE 4.0

/* Work-groups per compute unit. With fewer, some compute units would be idle. */
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

bool clattn_may_split(const clattn_launch_limit *limit) {
  return limit->flops > 0.0 && limit->groups_least > 0;
}

size_t clattn_limited(const clattn_launch_limit *limit, double flops, size_t units, size_t least) {
  if (limit->flops == 0.0 || flops <= limit->flops || units <= least) return units;
  const double most = limit->flops / flops * (double)units;
  return most > (double)least ? (size_t)most : least;
}
