/* Probe: how many multiply-adds a second the device can do. No part of attention.
 *
 * One work-item keeps CHAINS vectors in registers, each multiplied and added to, round after round:
 *
 *     sum[c] = sum[c] * factor + summand
 *
 * Each chain waits for itself alone, so that the others hide its latency; nothing is read from memory. One work-group
 * is LOCAL work-items, each with numbers of its own. clattn_device_probe tries several of these sizes and takes the
 * fastest.
 */
#include "probe/vector.cl"

/* expected: of work-item 0; factor 1 */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void
multiply_add(const int rounds, const float factor, const float summand, const float expected, global int *report) {
  const vector factors = factor, summands = summand;
  vector sum[CHAINS];
#pragma unroll
  for (int c = 0; c < CHAINS; ++c) sum[c] = (float)get_local_id(0) + c;
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int c = 0; c < CHAINS; ++c) sum[c] = fma(sum[c], factors, summands);
  }
  check(sum, expected + CHAINS * (float)get_local_id(0), report);
}
