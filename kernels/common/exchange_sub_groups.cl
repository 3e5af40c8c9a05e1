/* For common/exchange.cl, with sub-groups. */
#include "common/sub_groups.cl"

/* Where the driver lets a kernel ask for the size of its sub-groups, this one asks for a row's, and relies on it: the
 * other way through local memory would cost Intel's compiler so many registers that it puts some into memory. A device
 * that forms sub-groups in another order than that of the work-items fails the self-test. */
#ifdef cl_intel_required_subgroup_size
#define ASK_FOR_STEP , intel_reqd_sub_group_size(LOCAL_X)

int rows_in_step(local int *apart) {
  return 1;
}
#else
#define ASK_FOR_STEP

/* Whether the work-items of each row are the lanes of a sub-group, one by one; the same for the whole work-group.
 * OpenCL lets a device form sub-groups as it likes. `apart` is local memory. */
int rows_in_step(local int *apart) {
  const int x = get_local_id(0), y = get_local_id(1), first_y = sub_group_broadcast(y, 0);
  if (x == 0 && y == 0) *apart = 0;
  barrier(CLK_LOCAL_MEM_FENCE); /* 0 is stored before others store 1 */
  if (get_sub_group_size() != LOCAL_X || get_sub_group_local_id() != x || first_y != y) *apart = 1;
  barrier(CLK_LOCAL_MEM_FENCE);                            /* everyone has looked */
  const int in_step = sub_group_broadcast(*apart, 0) == 0; /* a broadcast value: for the compiler the lanes agree */
  barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read it before it is used for something else */
  return in_step;
}
#endif

void in_step_barrier(void) {
  sub_group_barrier(CLK_LOCAL_MEM_FENCE);
}

float in_step_max(float mine) {
  return sub_group_reduce_max(mine);
}

float in_step_sum(float mine) {
  return sub_group_reduce_add(mine);
}
