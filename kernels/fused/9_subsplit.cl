/* fused, rung 9: rung 6 with sub-groups (target: GPU with sub-groups). Formula and arguments as in rung 1.
 *
 * What rung 8 is to rung 4, this is to rung 6: the work-items of a row join their maxima and sums as a sub-group, where
 * the device makes sub-groups of LOCAL_X work-items. See common/exchange.cl, which is all that differs.
 *
 * Wins over rung 6 where rows are sub-groups. Loses with many rows (rung 8), and on CPU devices.
 */
#define SUB_GROUPS 1
#include "fused/6_split.cl"
