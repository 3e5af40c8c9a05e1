/* Probe: how many bytes per second the device can read when it reads two buffers in turn, as a decoding step reads keys
 * and values. Not part of attention.
 *
 *     keys      |  chunk 0  |  chunk 1  |  ...      a work-group adds up one chunk of both buffers in each of the
 * passes values    |  chunk 0  |  chunk 1  |  ...      (chunk_of) a chunk   |  strip 0 of keys, of values  |  strip 1
 * of keys, of values  |  ...
 *
 * fused/7_stream.cl reads in this order: for a strip of keys it needs all scores before it reads the strip's values.
 * CHAINS loads are in flight at once. The host tries several LOCAL, CHAINS and WIDTH.
 */
#include "probe/vector.cl"
#define STEP (LOCAL * CHAINS) /* vectors that are loaded at once */
#define STRIP (64 * STEP)     /* with 16 floats and 16 chains 64 KiB */

void add_strip(global const vector *strip, int length, vector *sum) {
  for (int i = 0; i < length; i += STEP) {
#pragma unroll
    for (int c = 0; c < CHAINS; ++c) sum[c] += strip[i + c * LOCAL];
  }
}

/* keys, values: all 1; chunk: its length in vectors, a multiple of STEP */
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void read_pair(global const vector *keys,
                                                                         global const vector *values, const int chunk,
                                                                         const int passes, const float expected,
                                                                         global int *report) {
  vector sum[CHAINS];
#pragma unroll
  for (int c = 0; c < CHAINS; ++c) sum[c] = 0.0f;
  for (int pass = 0; pass < passes; ++pass) {
    const size_t mine = chunk_of(pass) * chunk + get_local_id(0);
    for (int strip = 0; strip < chunk; strip += STRIP) {
      const int length = min(chunk - strip, STRIP);
      add_strip(keys + mine + strip, length, sum);
      add_strip(values + mine + strip, length, sum);
    }
  }
  check(sum, expected, report);
}
