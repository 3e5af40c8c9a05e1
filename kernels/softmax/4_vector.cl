/* softmax, rung 4: explicit vectors, no barriers (CPU form). Formula and arguments as in rung 1.
 *
 * One work-item, a work-group of its own, takes ITEM_ROWS rows, one after the other, 16 keys at a time: the maximum,
 * then exp and sum with exp kept in the result, then the quotient as a product. The three passes hit the cache.
 *
 * Wins on CPU devices. Loses on GPUs: a work-group of one leaves all but one lane idle.
 */
#ifndef ITEM_ROWS
#define ITEM_ROWS 16 /* 1 ... 64; one row alone is little work for a launch */
#endif

void softmax_row(global const float *from, global float *to, int key_len) {
  const int whole = key_len / 16 * 16;
  float16 largest16 = -INFINITY;
  int16 nan16 = 0;
  for (int j = 0; j < whole; j += 16) {
    const float16 s = vload16(0, from + j);
    largest16 = fmax(largest16, s);
    nan16 |= isnan(s);
  }
  float lanes[16];
  vstore16(select(largest16, (float16)NAN, nan16), 0, lanes);
  float largest = -INFINITY;
  int nan = 0;
  for (int lane = 0; lane < 16; ++lane) {
    largest = fmax(largest, lanes[lane]);
    nan |= isnan(lanes[lane]);
  }
  for (int j = whole; j < key_len; ++j) {
    largest = fmax(largest, from[j]);
    nan |= isnan(from[j]);
  }
  if (largest == -INFINITY && !nan) {
    for (int j = 0; j < key_len; ++j) to[j] = 0.0f;
    return;
  }

  float16 sum16 = 0.0f;
  for (int j = 0; j < whole; j += 16) {
    const float16 e = exp(vload16(0, from + j) - largest);
    sum16 += e;
    vstore16(e, 0, to + j);
  }
  /* A tree over the lanes. Not written as .lo + .hi: oclgrind 21.10 fails on the shuffles that become of it. */
  vstore16(sum16, 0, lanes);
  for (int half_size = 8; half_size > 0; half_size /= 2)
    for (int lane = 0; lane < half_size; ++lane) lanes[lane] += lanes[lane + half_size];
  float sum = lanes[0];
  for (int j = whole; j < key_len; ++j) {
    to[j] = exp(from[j] - largest);
    sum += to[j];
  }

  const float inverse = 1.0f / sum;
  for (int j = 0; j < whole; j += 16) vstore16(vload16(0, to + j) * inverse, 0, to + j);
  for (int j = whole; j < key_len; ++j) to[j] *= inverse;
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void softmax(global const float *scores, global float *weights,
                                                                   int rows, int key_len) {
  const int row0 = get_global_id(0) * ITEM_ROWS, row_end = min(row0 + ITEM_ROWS, rows);
  for (int row = row0; row < row_end; ++row)
    softmax_row(scores + (size_t)row * key_len, weights + (size_t)row * key_len, key_len);
}
