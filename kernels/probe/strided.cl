/* Probe: how many bytes per second the device can read when neighbouring work-items read addresses that are far apart.
 * Not part of attention.
 *
 *     work-item 0   | 0 1 2 3 ... | line     each work-item walks along its own line, one float after another, CHAINS
 *     work-item 1   | 0 1 2 3 ... | line     lines at once: at each step the work-items are a line apart
 *
 * Kernels whose work-items each process a row read like this. The device fetches more than the requested float; the
 * rest is useful only if it is still in a cache at the next step.
 */
#define LINE 32 /* floats: 128 bytes, a cache line or two */
#include "probe/vector.cl"

/* data: all 1; chunk: its length in lines, a multiple of LOCAL * CHAINS */
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
