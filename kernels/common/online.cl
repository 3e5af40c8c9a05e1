/* Maximum and sum of a row in one read of it ("online softmax", Milakov and Gimelshein 2018): of what was read so far
 * m is the largest score and s the sum of exp(score - m). A larger score changes what s is relative to, so s shrinks:
 *
 *     s * exp(m - new m)
 *
 * Two parts of a row, each with its m and s, are joined in the same way. A pair is (m, s); a part without any live
 * score is (-infinity, 0).
 *
 * As in common/softmax.cl a NaN is passed over by the maximum and stays in the sum.
 */

/* By what a sum shrinks when the maximum grows. */
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
