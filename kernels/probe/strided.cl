/* Probe: how many bytes a second the device can read when neighbouring work-items read addresses that are no
 * neighbours. No part of attention.
 *
 *     work-item 0   | 0 1 2 3 ... | line     each walks along a line of its own, one float after the other, CHAINS
 *     work-item 1   | 0 1 2 3 ... | line     lines at once: at each step the work-items are a line apart
 *
 * So read kernels whose work-items take a row each. What a device fetches around the float that it was asked for is of
 * use only if it is still in a cache at the next step.
 */
#define LINE 32 /* floats: 128 bytes, a cache line or two */
#include "probe/vector.cl"

/* data: all 1; chunk: lines, a multiple of LOCAL * CHAINS */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void
read_strided(global const vector *data, const int chunk, const int passes, const float expected, global int *report) {
  vector sum[CHAINS];
#pragma unroll
  for (int c = 0; c < CHAINS; ++c) sum[c] = 0.0f;
  for (int pass = 0; pass < passes; ++pass) {
    global const vector *mine = data + (chunk_of(pass) * chunk + get_local_id(0)) * LINE;
    for (int i = 0; i < chunk; i += LOCAL * CHAINS)
      for (int step = 0; step < LINE; ++step) {
#pragma unroll
        for (int c = 0; c < CHAINS; ++c) sum[c] += mine[(i + c * LOCAL) * LINE + step];
      }
  }
  check(sum, expected, report);
}
