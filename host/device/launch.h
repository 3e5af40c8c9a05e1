/* Launches a kernel over a result, in one piece or several. */
#ifndef CLATTN_LAUNCH_H
#define CLATTN_LAUNCH_H

#include "catalog/geometry.h"
#include "device/queue.h"

/* Launches kernel over a result of cols x rows x pairs elements, in work-groups as the geometry
 * defines. `flops` estimates its operations; if they exceed the queue's limit, splits the launch. */
clattn_status clattn_launch(clattn_queue *queue, int slot, cl_kernel kernel, const clattn_geometry *geometry,
                            const size_t size[3], double flops, clattn_error *error);

#endif
