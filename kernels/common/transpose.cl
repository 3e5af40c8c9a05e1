/* Transposes a 16 x 16 matrix. */

/* Alternates lanes of a and b: zip_first takes their first halves, zip_second their second halves. */
float16 zip_first(float16 a, float16 b) {
  return (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7);
}

float16 zip_second(float16 a, float16 b) {
  return (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf);
}

/* Like perfect card shuffles: each round zips row i with row i + 8, so that lanes 2^round apart become
 * neighbours. */
static __attribute__((always_inline)) void transpose(float16 row[16]) {
#pragma unroll
  for (int round = 0; round < 4; ++round) {
    float16 zipped[16];
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      zipped[2 * i] = zip_first(row[i], row[i + 8]);
      zipped[2 * i + 1] = zip_second(row[i], row[i + 8]);
    }
#pragma unroll
    for (int i = 0; i < 16; ++i) row[i] = zipped[i];
  }
}
