/* softmax, rung 2: one work-group a row, maximum and sum through local memory (GPU form). Formula and arguments as in
 * rung 1.
 *
 *      item 0   1   2   3  |  0   1   2   3  | ...     Neighbouring work-items read neighbouring scores; each first
 *      key  0   1   2   3  |  4   5   6   7  | ...     reduces its own, then a tree of log2(LOCAL_X) steps joins
 *                                                      the partial results:  0+2 1+3  ->  0+1
 *
 * Wins over rung 1 on GPUs: LOCAL_X lanes work on a row, with contiguous reads. It still reads the row three times and
 * computes exp twice. Loses on CPU devices: barriers.
 */
#ifndef LOCAL_X
#define LOCAL_X 128 /* a power of two, 32 ... 256 */
#endif

kernel __attribute__((reqd_work_group_size(LOCAL_X, 1, 1))) void softmax(global const float *scores,
                                                                         global float *weights, int rows, int key_len) {
  local float part[LOCAL_X];
  const int me = get_local_id(0), row = get_group_id(0);
  global const float *from = scores + (size_t)row * key_len;
  global float *to = weights + (size_t)row * key_len;

  /* fmax passes over NaN, so a row of NaN and -infinity also has the maximum -infinity; it must not count as masked. */
  float largest = -INFINITY;
  int nan = 0;
  for (int j = me; j < key_len; j += LOCAL_X) {
    largest = fmax(largest, from[j]);
    nan |= isnan(from[j]);
  }
  part[me] = nan ? NAN : largest;
  barrier(CLK_LOCAL_MEM_FENCE); /* all partial maxima are there */
  for (int half_size = LOCAL_X / 2; half_size > 0; half_size /= 2) {
    if (me < half_size) {
      const float mine = part[me], other = part[me + half_size];
      part[me] = isnan(mine) || mine > other ? mine : other;
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* a level of the tree is complete before the next reads it */
  }
  largest = part[0];
  barrier(CLK_LOCAL_MEM_FENCE); /* everyone has read the maximum before part is used again */

  float sum = 0.0f;
  for (int j = me; j < key_len; j += LOCAL_X) sum += exp(from[j] - largest);
  part[me] = sum;
  barrier(CLK_LOCAL_MEM_FENCE); /* all partial sums are there */
  for (int half_size = LOCAL_X / 2; half_size > 0; half_size /= 2) {
    if (me < half_size) part[me] += part[me + half_size];
    barrier(CLK_LOCAL_MEM_FENCE); /* a level of the tree is complete before the next reads it */
  }
  sum = part[0];

  const int masked = largest == -INFINITY;
  for (int j = me; j < key_len; j += LOCAL_X) to[j] = masked ? 0.0f : exp(from[j] - largest) / sum;
}
