/* Transposes an 8 x 8 matrix. The shuffles of the first two rounds stay within halves of 4 lanes, which is fast on
 * CPUs. 16 x 16 would not fit 16 registers of 8 floats. */
static __attribute__((always_inline)) void transpose8(float8 row[8]) {
  float8 pair[8], quad[8];
#pragma unroll
  for (int i = 0; i < 8; i += 2) {
    const float8 a = row[i], b = row[i + 1];
    pair[i] = (float8)(a.s0, b.s0, a.s1, b.s1, a.s4, b.s4, a.s5, b.s5);
    pair[i + 1] = (float8)(a.s2, b.s2, a.s3, b.s3, a.s6, b.s6, a.s7, b.s7);
  }
#pragma unroll
  for (int i = 0; i < 8; i += 4)
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const float8 a = pair[i + j], b = pair[i + j + 2];
      quad[i + 2 * j] = (float8)(a.s0, a.s1, b.s0, b.s1, a.s4, a.s5, b.s4, b.s5);
      quad[i + 2 * j + 1] = (float8)(a.s2, a.s3, b.s2, b.s3, a.s6, a.s7, b.s6, b.s7);
    }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float8 a = quad[i], b = quad[i + 4];
    row[i] = (float8)(a.s0, a.s1, a.s2, a.s3, b.s0, b.s1, b.s2, b.s3);
    row[i + 4] = (float8)(a.s4, a.s5, a.s6, a.s7, b.s4, b.s5, b.s6, b.s7);
  }
}
