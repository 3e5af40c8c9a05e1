/* fused, rung 8: rung 4 with sub-groups (target: GPU with sub-groups). Formula and arguments as in rung 1.
 *
 * In rung 4 the LOCAL_X work-items of a row pass their maxima through local memory for each tile of keys: each stores
 * one value and loads LOCAL_X of them. Here they are a sub-group, and join their maxima within registers. The weights,
 * which only the row's own work-items read, need no barrier of the work-group either, only one of the sub-group: 4
 * barriers of the work-group for each tile instead of 5. See common/exchange.cl, which is all that differs.
 *
 * On GPUs of Intel the kernel asks for sub-groups of LOCAL_X work-items. Elsewhere it takes what it gets: where rows
 * are not sub-groups, it does what rung 4 does, and gains nothing.
 *
 * Wins over rung 4 where rows are sub-groups. Loses with few rows (rung 9), and on CPU devices.
 */
#define SUB_GROUPS 1
#include "fused/4_register.cl"
