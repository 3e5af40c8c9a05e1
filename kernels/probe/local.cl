/* Probe: how many bytes of local memory per second all work-items together can read. Not part of attention.
 *
 * The work-items of a group fill a tile, then read it again and again. Neighbouring work-items read neighbouring
 * vectors, from a different place in each round, so that no vector can stay in a register.
 */
#include "probe/vector.cl"
#define LENGTH (LOCAL > 64 ? 2 * LOCAL : 128) /* vectors in the tile; a power of two */

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void read_local(const int rounds, const float one,
                                                                          const float expected, global int *report) {
  local vector tile[LENGTH + CHAINS];
  const int me = get_local_id(0);
  for (int i = me; i < LENGTH + CHAINS; i += LOCAL) tile[i] = one;
  barrier(CLK_LOCAL_MEM_FENCE); /* the tile is complete before anyone reads it */
  vector sum[CHAINS];
#pragma unroll
  for (int c = 0; c < CHAINS; ++c) sum[c] = 0.0f;
  for (int round = 0; round < rounds; ++round) {
    local const vector *from = tile + ((me + round * CHAINS) & (LENGTH - 1));
#pragma unroll
    for (int c = 0; c < CHAINS; ++c) sum[c] += from[c];
  }
  check(sum, expected, report);
}
