/* Probe: how many bytes per second the device can read from a working set of a given size. Not part of attention.
 *
 *     data      |  chunk 0  |  chunk 1  |  ...      a work-group adds up one chunk in each of the passes (chunk_of)
 *     a chunk   | LOCAL vectors | LOCAL vectors ... CHAINS loads are in flight at once
 *
 * Neighbouring work-items read neighbouring vectors. A working set that fits into a cache is read from there.
 * clattn_device_probe tries several values of LOCAL, CHAINS and WIDTH and keeps the fastest.
 */
#include "probe/vector.cl"

/* data: all 1; chunk: its length in vectors, a multiple of LOCAL * CHAINS */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void
read_again(global const vector *data, const int chunk, const int passes, const float expected, global int *report) {
  vector sum[CHAINS];
#pragma unroll
  for (int c = 0; c < CHAINS; ++c) sum[c] = 0.0f;
  for (int pass = 0; pass < passes; ++pass) {
    global const vector *mine = data + chunk_of(pass) * chunk + get_local_id(0);
    for (int i = 0; i < chunk; i += LOCAL * CHAINS) {
#pragma unroll
      for (int c = 0; c < CHAINS; ++c) sum[c] += mine[i + c * LOCAL];
    }
  }
  check(sum, expected, report);
}
