/* Projection matrices in panels, as kernels with reads_panels take them: projection_part in
 * kernels/common/attention.h describes the order of elements. */
#ifndef CLATTN_PANELS_H
#define CLATTN_PANELS_H

#include "plan/plan.h"

/* Whether a handle on this device should hold matrix `w` in panels: whether the kernel that plans
 * select by themselves reads them, and each projection's part of the matrix begins with a panel. */
bool clattn_panels_wanted(const clattn_device *device, const clattn_problem *problem, clattn_tensor w);

/* Whether the plan's kernel can read `w` in panels. */
bool clattn_panels_fit(const clattn_plan *plan, clattn_tensor w);

size_t clattn_panels_elements(const clattn_problem *problem, clattn_tensor w);

/* Elements first ... first + count of the panels, multiples of PANEL_COLUMNS, from the matrix as
 * the caller gave it. */
void clattn_panels_pack(const clattn_problem *problem, clattn_tensor w, const void *matrix, size_t first, size_t count,
                        float *to);

/* The reverse: fills `to` with the whole matrix, in float, as the problem lays it out. Waits. */
clattn_status clattn_panels_unpack(const clattn_device *device, const clattn_problem *problem, clattn_tensor w,
                                   cl_mem panels, cl_mem to, clattn_error *error);

#endif
