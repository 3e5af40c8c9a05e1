/* Probe: how many multiply-adds per second the device can do. Not part of attention.
 *
 * One work-item keeps CHAINS vectors in registers and multiplies and adds to each of them, round after round:
 *
 *     sum[c] = sum[c] * factor + summand
 *
 * A chain depends only on itself, so the other chains hide its latency. Nothing is read from memory. A work-group has
 * LOCAL work-items, each with its own numbers. clattn_device_probe tries several values of LOCAL, CHAINS and WIDTH and
 * keeps the fastest.
 */
#include "probe/vector.cl"

/* expected: the result of work-item 0; factor: 1 */
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
