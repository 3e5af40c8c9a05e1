/* Probe: how many bytes a second the device can read from a working set of a given size. No part of attention.
 *
 *     data      |  chunk 0  |  chunk 1  |  ...      work-group g adds up chunk g, `passes` times
 *     a chunk   | LOCAL vectors | LOCAL vectors ... CHAINS of them are on their way at once
 *
 * Neighbouring work-items read neighbouring vectors. A working set that fits a cache is read from there.
 * clattn_device_probe tries several of these sizes and takes the fastest.
 */
#include "probe/vector.cl"

/* chunk: vectors, a multiple of LOCAL * CHAINS */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void read_again(global const vector *data, const int chunk,
                                                                          const int passes, global int *out) {
  global const vector *mine = data + (size_t)get_group_id(0) * chunk + get_local_id(0);
  vector sum[CHAINS];
#pragma unroll
  for (int c = 0; c < CHAINS; ++c) sum[c] = 0.0f;
  for (int pass = 0; pass < passes; ++pass)
    for (int i = 0; i < chunk; i += LOCAL * CHAINS) {
#pragma unroll
      for (int c = 0; c < CHAINS; ++c) sum[c] += mine[i + c * LOCAL];
    }
  keep(sum, out);
}
