/* Limits the work of one launch. While a launch runs, a GPU cannot draw the screen, and some
 * systems abort launches that run for seconds. So long launches are split and run one piece after
 * another. */
#ifndef CLATTN_LAUNCH_LIMIT_H
#define CLATTN_LAUNCH_LIMIT_H

#include "clattn_inspect.h"

typedef struct clattn_launch_limit {
  double seconds;      /* 0: no limit, nothing is timed */
  double flops;        /* operations estimated to take that long; 0: no limit */
  size_t groups_least; /* the smallest piece: fewer work-groups would take no less time. 0: never split */
} clattn_launch_limit;

clattn_launch_limit clattn_launch_limit_of(const clattn_device_info *device, const clattn_plan_options *options);

/* Whether launches that take long are split. */
bool clattn_may_split(const clattn_launch_limit *limit);

/* How many of `units` equal parts, which take `flops` operations together, one launch may do: all
 * of them, or fewer but at least `least`. */
size_t clattn_limited(const clattn_launch_limit *limit, double flops, size_t units, size_t least);

#endif
