/* Maximum and sum of a row in one read of it ("online softmax", Milakov and Gimelshein 2018). Of the scores read so
 * far, m is the largest and s is the sum of exp(score - m). When a larger score arrives, s must become relative to it:
 *
 *     s * exp(m - new m)
 *
 * Two parts of a row, each with its own m and s, are joined in the same way. A pair is (m, s); a part without any
 * unmasked score is (-infinity, 0).
 *
 * As in common/softmax.cl, the maximum ignores a NaN and the sum keeps it.
 */

/* The factor by which a sum shrinks when the maximum grows. */
float shrink(float largest, float larger) {
  return larger > largest ? exp(largest - larger) : 1.0f;
}

float2 join_pair(float2 a, float2 b) {
  const float largest = fmax(a.x, b.x);
  return (float2)(largest, a.y * shrink(a.x, largest) + b.y * shrink(b.x, largest));
}

float2 add_score(float2 pair, float score) {
  const float largest = fmax(pair.x, score);
  return (float2)(largest, pair.y * shrink(pair.x, largest) + live_exp(score, largest));
}
