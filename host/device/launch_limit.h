/* How much one launch may do. A GPU that shows a screen shows nothing else while a launch runs, and some systems end a
 * launch that runs for seconds: long ones are launched in pieces, one behind the other. */
#ifndef CLATTN_LAUNCH_LIMIT_H
#define CLATTN_LAUNCH_LIMIT_H

#include "clattn_inspect.h"

typedef struct clattn_launch_limit {
  double seconds;      /* 0: nothing is measured */
  double flops;        /* what takes that long, by estimate; 0: no limit */
  size_t groups_least; /* a piece of fewer work-groups would take no less time; 0: nothing may be cut */
} clattn_launch_limit;

clattn_launch_limit clattn_launch_limit_of(const clattn_device_info *device, const clattn_plan_options *options);

/* How many of `units` parts, which do `flops` together, one launch may take: all of them, or at least `least`. */
size_t clattn_limited(const clattn_launch_limit *limit, double flops, size_t units, size_t least);

#endif
