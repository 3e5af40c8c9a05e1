/* softmax, rung 3: each work-item keeps its part of the row in registers (GPU form). Formula and arguments as in
 * rung 1.
 *
 * As rung 2, one work-group a row, but the row is read from global memory once and exp is computed once for each score:
 * the ITEM_KEYS scores of a work-item stay in registers from the maximum to the quotient. A row of more than
 * LOCAL_X*ITEM_KEYS keys does not fit; the part behind is read and computed as in rung 2.
 *
 * Wins over rung 2 on GPUs: a third of the reads, half of the exp. Loses on CPU devices: barriers.
 */
#ifndef LOCAL_X
#define LOCAL_X 128 /* a power of two, 32 ... 256 */
#endif
#ifndef ITEM_KEYS
#define ITEM_KEYS 16 /* 4 ... 32 */
#endif

float join_max(local float *part, float mine) {
  const int me = get_local_id(0);
  part[me] = mine;
  barrier(CLK_LOCAL_MEM_FENCE); /* all partial maxima are there */
  for (int half_size = LOCAL_X / 2; half_size > 0; half_size /= 2) {
    if (me < half_size) {
      const float other = part[me + half_size];
      part[me] = isnan(part[me]) || part[me] > other ? part[me] : other; /* keeps a NaN, unlike fmax */
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* a level of the tree is complete before the next reads it */
  }
  const float joined = part[0];
  barrier(CLK_LOCAL_MEM_FENCE); /* everyone has the result before part is used again */
  return joined;
}

float join_sum(local float *part, float mine) {
  const int me = get_local_id(0);
  part[me] = mine;
  barrier(CLK_LOCAL_MEM_FENCE); /* all partial sums are there */
  for (int half_size = LOCAL_X / 2; half_size > 0; half_size /= 2) {
    if (me < half_size) part[me] += part[me + half_size];
    barrier(CLK_LOCAL_MEM_FENCE); /* a level of the tree is complete before the next reads it */
  }
  return part[0];
}

kernel __attribute__((reqd_work_group_size(LOCAL_X, 1, 1))) void softmax(global const float *scores,
                                                                         global float *weights, int rows, int key_len) {
  local float part[LOCAL_X];
  const int me = get_local_id(0), row = get_group_id(0);
  global const float *from = scores + (size_t)row * key_len;
  global float *to = weights + (size_t)row * key_len;

  float mine[ITEM_KEYS];
  float largest = -INFINITY;
  int nan = 0;
  for (int i = 0; i < ITEM_KEYS; ++i) {
    const int j = i * LOCAL_X + me;
    mine[i] = j < key_len ? from[j] : -INFINITY;
    largest = fmax(largest, mine[i]);
    nan |= isnan(mine[i]);
  }
  for (int j = ITEM_KEYS * LOCAL_X + me; j < key_len; j += LOCAL_X) {
    largest = fmax(largest, from[j]);
    nan |= isnan(from[j]);
  }
  largest = join_max(part, nan ? NAN : largest);

  float sum = 0.0f;
  for (int i = 0; i < ITEM_KEYS; ++i) {
    mine[i] = exp(mine[i] - largest);
    if (i * LOCAL_X + me < key_len) sum += mine[i];
  }
  for (int j = ITEM_KEYS * LOCAL_X + me; j < key_len; j += LOCAL_X) sum += exp(from[j] - largest);
  sum = join_sum(part, sum);

  const int masked = largest == -INFINITY;
  for (int i = 0; i < ITEM_KEYS; ++i) {
    const int j = i * LOCAL_X + me;
    if (j < key_len) to[j] = masked ? 0.0f : mine[i] / sum;
  }
  for (int j = ITEM_KEYS * LOCAL_X + me; j < key_len; j += LOCAL_X)
    to[j] = masked ? 0.0f : exp(from[j] - largest) / sum;
}
