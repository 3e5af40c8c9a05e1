/* softmax, rung 1: the formula, one work-item a row.
 *
 *     largest = max over j of scores[row][j]
 *     sum     = sum over j of exp(scores[row][j] - largest)
 *     weights[row][j] = exp(scores[row][j] - largest) / sum
 *
 * The largest score is subtracted so that exp never overflows; the quotient is the same. Masked keys hold -infinity and
 * get weight exp(-infinity) = 0. A row in which every key is masked gets 0 everywhere, not 0/0.
 *
 * scores and weights (rows, key_len); they may be the same buffer. A NaN in a row makes the whole row NaN: fmax passes
 * over it, the sum does not.
 *
 * Wins nowhere: a GPU has far more lanes than there are rows, and neighbouring work-items read a whole row apart.
 */
kernel void softmax(global const float *scores, global float *weights, int rows, int key_len) {
  const int row = get_global_id(0);
  if (row >= rows) return;
  global const float *from = scores + (size_t)row * key_len;
  global float *to = weights + (size_t)row * key_len;

  float largest = -INFINITY;
  int masked = 1; /* stays 1 only if every score is -infinity; a NaN is not */
  for (int j = 0; j < key_len; ++j) {
    largest = fmax(largest, from[j]);
    masked &= from[j] == -INFINITY;
  }
  float sum = 0.0f;
  for (int j = 0; j < key_len; ++j) sum += exp(from[j] - largest);
  for (int j = 0; j < key_len; ++j) to[j] = masked ? 0.0f : exp(from[j] - largest) / sum;
}
