/* The rule by which kernels for CPUs divide rows. */
#include "catalog/group_rows.h"

#include "base/sizes.h"

/* What a work-group costs besides its queries: it copies or fetches all keys and values. In units of
 * the time for one query; measured: docs/performance.md, "How a CPU divides queries". */
#define GROUP_COST 4.0

/* The time of a launch with groups of `rows` queries, in units of the time for one query.
 *
 * Even groups run in rounds, one group on each compute unit. Uneven groups are about half as long on
 * average as the longest; units that are done take the next, and at worst all wait for one of the
 * longest at the end. */
static double launch_cost(const clattn_row_work *work, size_t rows) {
  const size_t groups = work->pairs * clattn_groups_of(work->rows, rows);
  const size_t units = clattn_larger(work->compute_units, 1);
  const double group = (double)rows + GROUP_COST, share = 1.0 / (double)units;
  if (work->uneven) return (0.5 * (double)groups * share + 1.0 - share) * group;
  return (double)clattn_groups_of(groups, units) * group;
}

size_t clattn_group_rows(const clattn_row_work *work, size_t block, size_t most) {
  const size_t most_blocks = clattn_larger(most / block, 1), all_blocks = clattn_groups_of(work->rows, block);
  size_t best = block;
  double least = launch_cost(work, block);
  for (size_t blocks = 2; blocks <= clattn_smaller(most_blocks, all_blocks); ++blocks) {
    const double cost = launch_cost(work, blocks * block);
    if (cost > least) continue;
    least = cost;
    best = blocks * block;
  }
  return best;
}
